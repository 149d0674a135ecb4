package harness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Bin returns the folder of the built binaries: $KEYTRAIL_BIN, else ./bin of the repository.
func Bin(t testing.TB, name string) string {
	t.Helper()
	dir := os.Getenv("KEYTRAIL_BIN")
	if dir == "" {
		dir = filepath.Join(Root(t), "bin")
	}
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%s is not built: run `make build`", path)
	}
	return path
}

// Root is the repository's folder.
func Root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != "/"; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "builder-config.yaml")); err == nil {
			return dir
		}
	}
	t.Fatal("no builder-config.yaml above the working directory")
	return ""
}

// Dir makes a working folder that is removed when the test passes and named when it fails.
func Dir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "keytrail-"+strings.ReplaceAll(t.Name(), "/", "-")+"-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("kept: %s", dir)
			return
		}
		_ = os.RemoveAll(dir)
	})
	return dir
}

// Collector is a running otelcol-keytrail.
type Collector struct {
	t    testing.TB
	dir  string
	cmd  *exec.Cmd
	log  *logBuffer
	done chan struct{}
	err  error
}

// Options of a collector process.
type Options struct {
	Dir    string   // its working folder
	Config string   // a --config value: a file or embedded:name
	Args   []string // further arguments, such as --set or --feature-gates
	Env    []string
	Ready  string // address that accepts a connection once it runs
	Binary string // default: the built otelcol-keytrail
}

// Start starts a collector and waits until it listens.
func Start(t testing.TB, o Options) *Collector {
	t.Helper()
	if o.Binary == "" {
		o.Binary = Bin(t, "otelcol-keytrail")
	}
	c := &Collector{t: t, dir: o.Dir, log: &logBuffer{}, done: make(chan struct{})}
	c.cmd = exec.Command(o.Binary, append([]string{"--config", o.Config}, o.Args...)...)
	c.cmd.Dir = o.Dir
	c.cmd.Env = append(os.Environ(), o.Env...)
	c.cmd.Stdout, c.cmd.Stderr = c.log, c.log
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		c.err = c.cmd.Wait()
		close(c.done)
	}()
	t.Cleanup(c.Kill)
	c.waitListen(o.Ready)
	return c
}

func (c *Collector) waitListen(address string) {
	c.t.Helper()
	Eventually(c.t, 60*time.Second, "collector listens on "+address, func() error {
		select {
		case <-c.done:
			c.t.Fatalf("collector stopped: %v\n%s", c.err, c.log.tail())
		default:
		}
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			conn.Close()
		}
		return err
	})
}

// Kill ends the process at once, as the kernel would, and waits for it.
func (c *Collector) Kill() {
	_ = c.cmd.Process.Kill()
	<-c.done
}

// Stop asks the process to end and fails the test where it does not within the time.
func (c *Collector) Stop() {
	c.t.Helper()
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-c.done:
	case <-time.After(60 * time.Second):
		c.t.Fatalf("collector did not stop\n%s", c.log.tail())
	}
}

// Exited reports whether the process has ended by itself.
func (c *Collector) Exited() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// Log returns everything the process wrote.
func (c *Collector) Log() string { return c.log.String() }

// Pid of the process.
func (c *Collector) Pid() int { return c.cmd.Process.Pid }

type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *logBuffer) tail() string {
	s := l.String()
	return s[max(0, len(s)-4000):]
}

// Result of a keytrail command.
type Result struct {
	Stdout, Stderr string
	Code           int
}

// Keytrail runs the command in dir.
func Keytrail(t testing.TB, dir, stdin string, args ...string) Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, Bin(t, "keytrail"), args...)
	cmd.Dir = dir
	cmd.Stdin = strings.NewReader(stdin)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("keytrail %v: %v", args, err)
	}
	return Result{out.String(), errOut.String(), cmd.ProcessState.ExitCode()}
}

// Eventually waits for f to succeed, asking often, and fails the test when it never does.
func Eventually(t testing.TB, within time.Duration, what string, f func() error) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(within); time.Now().Before(deadline); {
		if err = f(); err == nil {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("%s: not within %s: %v", what, within, err)
}

// Post sends a body and returns status and answer; an error of the connection is returned, not fatal.
func Post(url, contentType string, body []byte, headers ...string) (int, string, error) {
	req, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Content-Type", contentType)
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), err
}

// Get returns the text at url.
func Get(t testing.TB, url string) string {
	t.Helper()
	resp, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %d %v", url, resp.StatusCode, err)
	}
	return string(b)
}

var client = &http.Client{Timeout: 30 * time.Second}

// FreePort returns a port on loopback that nothing listens on.
func FreePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return fmt.Sprint(l.Addr().(*net.TCPAddr).Port)
}
