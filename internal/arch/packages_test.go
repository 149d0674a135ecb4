package arch

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/keytrail/keytrail"

type pkg struct {
	ImportPath  string
	Dir         string
	Doc         string
	GoFiles     []string
	Imports     []string
	TestImports []string
}

func (p pkg) path() string { return strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/") }

func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	require.NoError(t, err)
	return dir
}

var list = sync.OnceValues(func() ([]pkg, error) {
	cmd := exec.Command("go", "list", "-tags", "scenario", "-json=ImportPath,Dir,Doc,GoFiles,Imports,TestImports", "./...")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	var all []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		switch err := dec.Decode(&p); {
		case errors.Is(err, io.EOF):
			return all, nil
		case err != nil:
			return nil, err
		}
		all = append(all, p)
	}
})

func packages(t *testing.T) []pkg {
	t.Helper()
	all, err := list()
	require.NoError(t, err)
	require.Greater(t, len(all), 10)
	return all
}

var rooms = []string{"receiver/", "processor/", "connector/", "exporter/", "extension/", "provider/"}

func room(path string) string {
	for _, r := range rooms {
		if rest, ok := strings.CutPrefix(path, r); ok {
			name, _, _ := strings.Cut(rest, "/")
			return r + name
		}
	}
	return ""
}

// Rooms meet in pdata and in internal/event's keys, never in each other; internal never imports a room; the
// distribution alone knows them all.
func TestArrowsRunOneWay(t *testing.T) {
	for _, p := range packages(t) {
		if strings.HasPrefix(p.path(), "cmd/otelcol-keytrail") || strings.HasPrefix(p.path(), "testbed") {
			continue
		}
		for _, imp := range p.Imports {
			dep, ours := strings.CutPrefix(imp, module+"/")
			if !ours || room(dep) == "" {
				continue
			}
			require.Equal(t, room(dep), room(p.path()), "%s imports %s", p.path(), dep)
		}
	}
}

// Packages that work on events outside the Collector must be usable without it.
func TestPlainPackagesDoNotImportTheCollector(t *testing.T) {
	plain := []string{"internal/gateway", "internal/jwks", "internal/detect", "internal/journal", "internal/archive", "internal/query", "internal/secret", "internal/fingerprint", "internal/owner", "internal/redact", "internal/privacy", "internal/loki", "internal/seal", "cmd/keytrail"}
	byPath := map[string]pkg{}
	for _, p := range packages(t) {
		byPath[p.path()] = p
	}
	for path, p := range byPath {
		if !slices.ContainsFunc(plain, func(x string) bool { return path == x || strings.HasPrefix(path, x+"/") }) {
			continue
		}
		for _, imp := range p.Imports {
			require.False(t, strings.HasPrefix(imp, "go.opentelemetry.io/collector") || strings.HasPrefix(imp, "github.com/open-telemetry"), "%s imports %s", path, imp)
			require.NotEqual(t, module+"/internal/event/plogevent", imp, "%s reaches pdata through plogevent", path)
		}
	}
}

// Raw credentials are handled by the receiver, the processor and one file of the command that reads a searched
// token; nobody else can reach the package.
func TestOnlyFourPlacesSeeARawCredential(t *testing.T) {
	allowed := map[string]bool{"receiver/apilogreceiver": true, "processor/tokenownerprocessor": true, "cmd/keytrail": true}
	for _, p := range packages(t) {
		if strings.HasPrefix(p.path(), "testbed") || strings.HasPrefix(p.path(), "internal/secret") {
			continue
		}
		if slices.Contains(p.Imports, module+"/internal/secret") {
			require.True(t, allowed[p.path()], "%s imports internal/secret", p.path())
		}
	}
	files, err := grepFiles(filepath.Join(root(t), "cmd/keytrail"), `"`+module+`/internal/secret"`)
	require.NoError(t, err)
	require.Len(t, files, 1, "one file of cmd/keytrail reads a searched token: %v", files)
}

func TestEveryPackageSaysItsJob(t *testing.T) {
	for _, p := range packages(t) {
		if len(p.GoFiles) == 0 || strings.Contains(p.path(), "/internal/metadata") || p.path() == "cmd/otelcol-keytrail" {
			continue
		}
		require.NotEmpty(t, p.Doc, "%s has no package comment", p.path())
	}
}

func TestNoCatchAllPackages(t *testing.T) {
	for _, p := range packages(t) {
		switch base := filepath.Base(p.path()); base {
		case "util", "utils", "common", "helper", "helpers", "misc", "shared", "constants":
			t.Errorf("%s: name the job, not the drawer", p.path())
		}
	}
}
