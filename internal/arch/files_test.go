package arch

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func goFiles(t *testing.T) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(root(t), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == ".git" || d.Name() == "_build" || d.Name() == "data" || d.Name() == "node_modules") {
			return filepath.SkipDir
		}
		if strings.HasSuffix(path, ".go") {
			out = append(out, path)
		}
		return nil
	})
	require.NoError(t, err)
	return out
}

func generated(path string, b []byte) bool {
	head, _, _ := bytes.Cut(b, []byte("\npackage "))
	return bytes.Contains(head, []byte("DO NOT EDIT")) || strings.Contains(path, "/internal/metadata")
}

func grepFiles(dir, needle string) ([]string, error) {
	var out []string
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	for _, p := range paths {
		if strings.HasSuffix(p, "_test.go") {
			continue
		}
		b, readErr := os.ReadFile(p)
		if readErr != nil {
			return nil, readErr
		}
		if bytes.Contains(b, []byte(needle)) {
			out = append(out, filepath.Base(p))
		}
	}
	return out, err
}

// Long files hide more than one concept: the hard limit is 500 lines, nine in ten stay within 250.
func TestFilesStayShort(t *testing.T) {
	var sizes []int
	for _, path := range goFiles(t) {
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		if generated(path, b) || strings.HasSuffix(path, "_test.go") {
			continue
		}
		n := bytes.Count(b, []byte("\n"))
		require.LessOrEqual(t, n, 500, "%s", path)
		sizes = append(sizes, n)
	}
	slices.Sort(sizes)
	require.LessOrEqual(t, sizes[len(sizes)*9/10], 250, "nine files in ten")
}

// A test that is skipped proves nothing, and one that sleeps proves little.
func TestTestsNeitherSkipNorSleep(t *testing.T) {
	for _, path := range goFiles(t) {
		if !strings.HasSuffix(path, "_test.go") || strings.HasSuffix(path, "internal/arch/files_test.go") {
			continue
		}
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		if generated(path, b) {
			continue
		}
		for _, word := range []string{"t.Skip(", "t.Skipf(", "SkipNow(", "time.Sleep("} {
			require.NotContains(t, string(b), word, "%s", path)
		}
	}
}

// In the real tree nothing may be left of the wrong kind of file: committed secrets have a known beginning.
func TestNoPrivateKeysInTheTree(t *testing.T) {
	cmd := exec.Command("git", "grep", "-lE", "BEGIN (RSA |EC |OPENSSH )?PRIVATE KEY-----$", "--", ":!*_test.go", ":!*.txt")
	cmd.Dir = root(t)
	out, _ := cmd.Output() // exit status 1 is "nothing found"
	require.Empty(t, string(out))
}
