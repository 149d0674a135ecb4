package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/keytrail/keytrail/internal/archive"
	"github.com/keytrail/keytrail/internal/archive/bucket"
	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/event/plogevent"
)

const (
	loadFor     = 20 * time.Second
	fewSenders  = 8  // with bodies of 100, each is busy most of the time
	manySenders = 64 // with bodies of one, a gateway's workers wait for the disk side by side
	liveTokens  = 100_000
)

// benchWhole runs the real binary on the embedded default and posts bodies of 100 records from 8 connections, then of
// one from 64; then it weighs what the class full takes on disk. The load runs on the same cores.
func benchWhole() error {
	dir, err := os.MkdirTemp("", "keytrail-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var many, single float64
	var rss int
	err = withCollector(filepath.Join(dir, "many"), func(pid int) (err error) {
		many, err = load("http://localhost:4380/ingest/kong", 100, fewSenders)
		rss = residentMiB(pid)
		return err
	})
	if err != nil {
		return err
	}
	err = withCollector(filepath.Join(dir, "single"), func(int) (err error) {
		single, err = load("http://localhost:4380/ingest/kong", 1, manySenders)
		return err
	})
	if err != nil {
		return err
	}
	var empty float64
	err = withEmptyHandler(func() (err error) {
		empty, err = load("http://"+peerAddress+"/", 1, manySenders)
		return err
	})
	if err != nil {
		return err
	}
	row(fmt.Sprintf("whole: HTTP in to archive, bodies of 100, %d tokens (budget)", liveTokens), "/s", many, 20000)
	row("  resident memory after it (budget)", "MiB", float64(rss), 512)
	row("whole: bodies of 1 (peer: an empty confighttp handler)", "/s", single, empty)
	return bytesAnEvent(filepath.Join(dir, "many", "data", "archive"))
}

// withCollector runs f beside a collector on the embedded default in a fresh folder, and stops it in order: then its
// last blocks are written.
func withCollector(dir string, f func(pid int) error, args ...string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	binary, err := filepath.Abs(filepath.Join(os.Getenv("KEYTRAIL_BIN"), "otelcol-keytrail"))
	if err != nil {
		return err
	}
	cmd := exec.Command(binary, append([]string{"--config", "embedded:quickstart"}, args...)...)
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return err
	}
	defer func() { _ = cmd.Process.Kill() }()
	err = listening("localhost:4380")
	if err == nil {
		err = f(cmd.Process.Pid)
	}
	return errors.Join(err, cmd.Process.Signal(syscall.SIGTERM), cmd.Wait())
}

func listening(address string) error {
	deadline := time.Now().Add(time.Minute)
	for {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			return conn.Close()
		}
		if time.Now().After(deadline) {
			return err
		}
		<-time.After(50 * time.Millisecond)
	}
}

// load posts bodies until the time is over and returns acknowledged records a second.
func load(url string, records, senders int) (float64, error) {
	var acked, next atomic.Int64
	errs := make([]error, senders)
	begin := time.Now()
	var wg sync.WaitGroup
	for i := range senders {
		wg.Go(func() {
			for time.Since(begin) < loadFor && errs[i] == nil {
				n := int(next.Add(int64(records)))
				if errs[i] = post(url, kongBody(n, records, liveTokens, time.Now())); errs[i] == nil {
					acked.Add(int64(records))
				}
			}
		})
	}
	wg.Wait()
	return float64(acked.Load()) / time.Since(begin).Seconds(), errors.Join(errs...)
}

func residentMiB(pid int) int {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return -1
	}
	var size, resident int
	if _, err := fmt.Sscan(string(b), &size, &resident); err != nil {
		return -1
	}
	return resident * os.Getpagesize() >> 20
}

// bytesAnEvent compares the blocks of class full with the same events as OTLP JSON in gzip.
func bytesAnEvent(dir string) error {
	var size int64
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.Contains(path, "class=full") {
			return err
		}
		info, err := d.Info()
		size += info.Size()
		return err
	})
	if err != nil {
		return err
	}
	bucket, err := bucket.OpenDir(dir)
	if err != nil {
		return err
	}
	hits, _ := archive.NewReader(bucket).Search(context.Background(), archive.Selection{Primary: true})
	seen := map[string]bool{}
	var zipped bytes.Buffer
	zw := gzip.NewWriter(&zipped)
	batch := newBatch()
	const weighed = 100_000
	for h, err := range hits {
		if err != nil {
			return err
		}
		id := h.Record.Attrs.Str(event.KeyEventID)
		if h.Record.Classes[0] != "full" || seen[id] {
			continue
		}
		seen[id] = true
		if len(seen) > weighed {
			continue
		}
		if err := batch.add(&h.Record, zw); err != nil {
			return err
		}
	}
	if err := errors.Join(batch.flush(zw), zw.Close()); err != nil {
		return err
	}
	row(fmt.Sprintf("bytes an event, class full at 60 s blocks, %d events", len(seen)), "B", float64(size)/float64(len(seen)), float64(zipped.Len())/float64(min(len(seen), weighed)))
	return nil
}

// batch gathers records into one OTLP JSON document, as a file exporter would.
type batch struct{ ld plog.Logs }

func newBatch() *batch { return &batch{plog.NewLogs()} }

func (b *batch) add(r *event.Record, w *gzip.Writer) error {
	if b.ld.LogRecordCount() == 0 {
		rl := b.ld.ResourceLogs().AppendEmpty()
		plogevent.WriteResource(r, rl.Resource())
		plogevent.WriteScope(r.Scope, rl.ScopeLogs().AppendEmpty().Scope())
	}
	plogevent.Write(r, b.ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().AppendEmpty())
	if b.ld.LogRecordCount() < 1000 {
		return nil
	}
	return b.flush(w)
}

func (b *batch) flush(w *gzip.Writer) error {
	doc, err := (&plog.JSONMarshaler{}).MarshalLogs(b.ld)
	if err != nil {
		return err
	}
	b.ld = plog.NewLogs()
	_, err = w.Write(append(doc, '\n'))
	return err
}
