package harness

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// ServerBin returns the path of a server built from testbed/servers: below $KEYTRAIL_SERVERS, else bin/servers.
func ServerBin(t testing.TB, name string) string {
	t.Helper()
	dir := os.Getenv("KEYTRAIL_SERVERS")
	if dir == "" {
		dir = filepath.Join(Root(t), "bin", "servers")
	}
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%s is not built: run `make servers`", path)
	}
	return path
}

// Server is a server that a test needs beside the collector, on a free port of loopback, with its data in a folder of
// the test. It is killed when the test ends; where the test failed, the end of what it wrote is shown.
type Server struct {
	// Address is host:port.
	Address string

	t     testing.TB
	name  string
	args  []string
	env   []string
	dir   string
	ready func() error
	log   logBuffer
	cmd   *exec.Cmd
	done  chan struct{}
}

// newServer prepares a server. Its caller sets args, and perhaps env and ready, and calls Start.
func newServer(t testing.TB, name string) *Server {
	t.Helper()
	s := &Server{t: t, name: name, dir: t.TempDir(), Address: "127.0.0.1:" + FreePort(t)}
	t.Cleanup(func() {
		s.Kill()
		if t.Failed() {
			t.Logf("%s wrote: %s", filepath.Base(name), s.log.tail())
		}
	})
	return s
}

// URL returns http://address and path.
func (s *Server) URL(path string) string { return "http://" + s.Address + path }

// answers is the readiness of most servers: a GET that is answered with 200.
func (s *Server) answers(path string) func() error {
	return func() error {
		resp, err := client.Get(s.URL(path))
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("GET %s: %s", path, resp.Status)
		}
		return nil
	}
}

// Start starts the server, the first time or again after Kill, with the data it had, and waits until it is ready.
func (s *Server) Start() {
	s.t.Helper()
	s.cmd = exec.Command(s.name, s.args...)
	s.cmd.Dir = s.dir
	s.cmd.Env = append(os.Environ(), append(s.env, "HOME="+s.dir)...)
	s.cmd.Stdout, s.cmd.Stderr = &s.log, &s.log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	cmd, done := s.cmd, make(chan struct{})
	s.done = done
	go func() {
		_ = cmd.Wait()
		close(done)
	}()
	Eventually(s.t, 90*time.Second, filepath.Base(s.name)+" is ready", func() error {
		select {
		case <-done:
			s.t.Fatalf("%s stopped: %s", filepath.Base(s.name), s.log.tail())
		default:
		}
		return s.ready()
	})
}

// Kill ends the server at once, in the middle of whatever it does. Who wants its port must not wait for the server.
func (s *Server) Kill() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill()
	<-s.done
	s.cmd = nil
}

// Pause stops the server without a word to its clients: connections stay open and nothing is answered until Resume.
func (s *Server) Pause() { s.signal(syscall.SIGSTOP) }

// Resume lets a paused server go on.
func (s *Server) Resume() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(sig syscall.Signal) {
	s.t.Helper()
	if s.cmd == nil {
		s.t.Fatalf("%s does not run", filepath.Base(s.name))
	}
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
}

// Log returns everything the server wrote.
func (s *Server) Log() string { return s.log.String() }

// file writes a configuration file of the server, with $ADDRESS, $PORT, $SIDE_PORT and $DIR filled in.
func (s *Server) file(name, text string) string {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	text = strings.NewReplacer("$ADDRESS", s.Address, "$SIDE_PORT", FreePort(s.t), "$DIR", s.dir,
		"$PORT", s.Address[strings.LastIndexByte(s.Address, ':')+1:]).Replace(text)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return path
}

func (s *Server) mkdir(name string) string {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.Mkdir(path, 0o700); err != nil {
		s.t.Fatal(err)
	}
	return path
}
