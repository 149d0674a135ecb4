package harness

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Program returns the path of a gateway's binary, which Debian keeps off a user's PATH. pkg is what to install where it
// is missing.
func Program(t testing.TB, name, pkg string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	path = filepath.Join("/usr/sbin", name)
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%s is needed: apt-get install %s", name, pkg)
	}
	return path
}

// Run starts a program in the foreground and stops it when the test ends. What it wrote is shown where the test fails.
func Run(t testing.TB, dir string, env []string, path string, args ...string) {
	t.Helper()
	var out bytes.Buffer
	cmd := exec.Command(path, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s wrote: %s", filepath.Base(path), out.String())
		}
	})
}

// Answers waits until a server answers at url.
func Answers(t testing.TB, url string) {
	t.Helper()
	Eventually(t, 10*time.Second, url+" answers", func() error {
		resp, err := client.Get(url)
		if err == nil {
			resp.Body.Close()
		}
		return err
	})
}

// Upstream is the API behind a gateway: it refuses what ends in /denied and takes the rest.
func Upstream(t testing.TB) *httptest.Server {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/denied") {
			w.WriteHeader(http.StatusForbidden)
		}
		fmt.Fprint(w, `{"ok":true}`)
	}))
	t.Cleanup(s.Close)
	return s
}

// Lines waits until a file holds n lines.
func Lines(t testing.TB, file string, n int) {
	t.Helper()
	Eventually(t, 10*time.Second, fmt.Sprintf("%s holds %d lines", filepath.Base(file), n), func() error {
		b, err := os.ReadFile(file)
		if got := bytes.Count(b, []byte("\n")); err == nil && got < n {
			return fmt.Errorf("%d lines of %d", got, n)
		}
		return err
	})
}
