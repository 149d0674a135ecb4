package arch

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
	"golang.org/x/mod/modfile"
)

type manifest struct {
	Dist struct {
		Version    string `yaml:"version"`
		OutputPath string `yaml:"output_path"`
	} `yaml:"dist"`
	Receivers  []entry `yaml:"receivers"`
	Processors []entry `yaml:"processors"`
	Connectors []entry `yaml:"connectors"`
	Exporters  []entry `yaml:"exporters"`
	Extensions []entry `yaml:"extensions"`
	Providers  []entry `yaml:"providers"`
}

type entry struct {
	GoMod  string `yaml:"gomod"`
	Import string `yaml:"import"`
}

func (m manifest) entries() []entry {
	var all []entry
	for _, l := range [][]entry{m.Receivers, m.Processors, m.Connectors, m.Exporters, m.Extensions, m.Providers} {
		all = append(all, l...)
	}
	return all
}

func read(t *testing.T, rel string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root(t), rel))
	require.NoError(t, err)
	return b
}

func goMod(t *testing.T) *modfile.File {
	t.Helper()
	f, err := modfile.Parse("go.mod", read(t, "go.mod"), nil)
	require.NoError(t, err)
	return f
}

func TestGoModHasNoReplaceAndNoExclude(t *testing.T) {
	require.Empty(t, goMod(t).Replace)
	require.Empty(t, goMod(t).Exclude)
}

// The manifest is what the binary is: each of its modules stands in go.mod with the same version, and each of our
// own components stands in the manifest.
func TestManifestMatchesGoModAndTree(t *testing.T) {
	var m manifest
	require.NoError(t, yaml.Unmarshal(read(t, "builder-config.yaml"), &m))
	require.NotEmpty(t, m.Dist.Version)
	want := map[string]string{}
	for _, r := range goMod(t).Require {
		want[r.Mod.Path] = r.Mod.Version
	}
	ours := map[string]bool{}
	for _, e := range m.entries() {
		path, version, _ := strings.Cut(e.GoMod, " ")
		if path == module {
			ours[strings.TrimPrefix(e.Import, module+"/")] = true
			continue
		}
		require.Equal(t, want[path], version, "%s", path)
	}
	for _, kind := range rooms {
		dirs, err := filepath.Glob(filepath.Join(root(t), kind, "*", "factory.go"))
		require.NoError(t, err)
		for _, d := range dirs {
			rel, err := filepath.Rel(root(t), filepath.Dir(d))
			require.NoError(t, err)
			require.True(t, ours[filepath.ToSlash(rel)], "%s is not in builder-config.yaml", rel)
		}
	}
}

// The version stands in builder-config.yaml; what ocb generates from it is the only other place.
func TestDistributionSourcesAreWhatOcbGenerates(t *testing.T) {
	out := t.TempDir()
	cmd := exec.Command("go", "tool", "-modfile="+filepath.Join(root(t), "internal/tools/go.mod"), "builder",
		"--config", "builder-config.yaml", "--output-path", out, "--skip-get-modules", "--skip-compilation")
	cmd.Dir = root(t)
	b, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", b)
	for _, f := range []string{"main.go", "components.go", "main_others.go", "main_windows.go"} {
		want, err := os.ReadFile(filepath.Join(out, f))
		require.NoError(t, err)
		require.Equal(t, string(want), string(read(t, "cmd/otelcol-keytrail/"+f)), "%s: run `make generate`", f)
	}
}

// mdatagen's output must be current in every room: it is generated again in a copy of the repository, since mdatagen
// asks the go command for the room's package, and compared.
func TestComponentsAreWhatMdatagenGenerates(t *testing.T) {
	scratch := t.TempDir()
	copyTree(t, scratch)
	mdatagen := filepath.Join(t.TempDir(), "mdatagen")
	build := exec.Command("go", "build", "-o", mdatagen, "go.opentelemetry.io/collector/cmd/mdatagen")
	build.Dir = filepath.Join(root(t), "internal/tools")
	b, err := build.CombinedOutput()
	require.NoError(t, err, "%s", b)
	list := generatedRooms(t)
	require.NotEmpty(t, list)
	for _, kind := range list {
		cmd := exec.Command(mdatagen, "metadata.yaml")
		cmd.Dir = filepath.Join(scratch, kind)
		b, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", b)
		for _, rel := range generatedFiles(t, filepath.Join(scratch, kind)) {
			got, err := os.ReadFile(filepath.Join(scratch, kind, rel))
			require.NoError(t, err)
			require.Equal(t, string(got), string(read(t, filepath.Join(kind, rel))), "%s/%s: run `make generate`", kind, rel)
		}
	}
}

// generatedRooms lists the rooms that mdatagen serves.
func generatedRooms(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, kind := range rooms {
		found, err := filepath.Glob(filepath.Join(root(t), kind, "*", "metadata.yaml"))
		require.NoError(t, err)
		for _, f := range found {
			rel, err := filepath.Rel(root(t), filepath.Dir(f))
			require.NoError(t, err)
			out = append(out, rel)
		}
	}
	return out
}

// copyTree copies what git would commit.
func copyTree(t *testing.T, to string) {
	t.Helper()
	cmd := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	cmd.Dir = root(t)
	out, err := cmd.Output()
	require.NoError(t, err)
	for _, rel := range strings.Split(strings.TrimRight(string(out), "\x00"), "\x00") {
		b, err := os.ReadFile(filepath.Join(root(t), rel))
		if errors.Is(err, fs.ErrNotExist) { // deleted, not yet committed
			continue
		}
		require.NoError(t, err)
		dst := filepath.Join(to, rel)
		require.NoError(t, os.MkdirAll(filepath.Dir(dst), 0o755))
		require.NoError(t, os.WriteFile(dst, b, 0o644))
	}
}

func generatedFiles(t *testing.T, dir string) []string {
	t.Helper()
	out := []string{}
	for _, pattern := range []string{"generated_*.go", "documentation.md", "internal/metadata/*.go", "internal/metadatatest/*.go"} {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		require.NoError(t, err)
		for _, f := range found {
			rel, err := filepath.Rel(dir, f)
			require.NoError(t, err)
			out = append(out, rel)
		}
	}
	return out
}
