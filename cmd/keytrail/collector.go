package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	ingestAddress = "localhost:4380"
	ingestURL     = "http://" + ingestAddress + "/ingest"
)

// collector is the otelcol-keytrail that a demo runs.
type collector struct {
	cmd  *exec.Cmd
	log  string
	done chan struct{}
	err  error
}

// findCollector looks beside this command, then on the path.
func findCollector() (string, error) {
	if self, err := os.Executable(); err == nil {
		if beside := filepath.Join(filepath.Dir(self), "otelcol-keytrail"); isFile(beside) {
			return beside, nil
		}
	}
	path, err := exec.LookPath("otelcol-keytrail")
	if err != nil {
		return "", hint(errors.New("otelcol-keytrail is neither beside keytrail nor on the path"), "build it with: make build")
	}
	return path, nil
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// nothingListens refuses to begin where another collector runs.
func nothingListens() error {
	conn, err := net.DialTimeout("tcp", ingestAddress, time.Second)
	if err == nil {
		conn.Close()
		return hint(fmt.Errorf("something listens on %s already", ingestAddress), "stop the other collector first")
	}
	return nil
}

func startCollector(ctx context.Context, dir, log string) (*collector, error) {
	binary, err := findCollector()
	if err != nil {
		return nil, err
	}
	out, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	if binary, err = filepath.Abs(binary); err != nil {
		return nil, err
	}
	c := &collector{cmd: exec.Command(binary, "--config", "embedded:quickstart"), log: log, done: make(chan struct{})}
	c.cmd.Dir, c.cmd.Stdout, c.cmd.Stderr = dir, out, out
	c.cmd.SysProcAttr = ownGroup() // Ctrl-C reaches this command, which then stops the collector in order
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		c.err = c.cmd.Wait()
		close(c.done)
	}()
	if err := c.ready(ctx); err != nil {
		return nil, errors.Join(err, c.stop())
	}
	return c, nil
}

// readyLine is what a collector logs once all its components have started. Asking its port would not do: another
// collector may have taken it meanwhile.
const readyLine = "Everything is ready."

func (c *collector) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		if log, err := os.ReadFile(c.log); err == nil && bytes.Contains(log, []byte(readyLine)) {
			return nil
		}
		select {
		case <-c.done:
			return c.exited()
		case <-ctx.Done():
			return fmt.Errorf("the collector did not become ready: %w", ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// exited is an error where the collector has ended by itself.
func (c *collector) exited() error {
	select {
	case <-c.done:
		return hint(fmt.Errorf("the collector stopped: %s", cmp.Or(lastWords(c.log), fmt.Sprint(c.err))), "see "+c.log)
	default:
		return nil
	}
}

// lastWords is the error that a collector ended with, as its log tells it.
func lastWords(log string) string {
	const longest = 300
	b, err := os.ReadFile(log)
	if err != nil {
		return ""
	}
	words := ""
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "Error: "); ok {
			words = strings.TrimSpace(rest)
		}
	}
	return words[:min(len(words), longest)]
}

// wait waits until the user or the collector ends it.
func (c *collector) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-c.done:
		return c.exited()
	}
}

// stop ends the collector in order: it writes its last blocks.
func (c *collector) stop() error {
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-c.done:
		return nil
	case <-time.After(time.Minute):
		_ = c.cmd.Process.Kill()
		<-c.done
		return hint(errors.New("the collector did not stop within a minute"), "see "+c.log)
	}
}
