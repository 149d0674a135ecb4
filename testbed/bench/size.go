package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/keytrail/keytrail/internal/archive"
	"github.com/keytrail/keytrail/internal/archive/bucket"
	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/event/plogevent"
	"github.com/keytrail/keytrail/receiver/apilogreceiver"
)

var (
	sizeBlocks = flag.Int("size-blocks", 10, "part size: blocks of a minute in the archive")
	sizeEvents = flag.Int("size-events", 20_000, "part size: events in each")
)

// sizeBudgets is what the contract asks of class full, as a share of the peer: at blocks of a minute, and compacted.
var sizeBudgets = [2]string{" (budget ≤ 1)", " (budget ≤ 0.75)"}

// benchSize prints what an event takes on disk in each class, in blocks of a minute and compacted, beside the same
// events as OTLP JSON in gzip, an object a minute. The events are what the receiver makes of Kong's records.
func benchSize() (err error) {
	dir, err := os.MkdirTemp("", "keytrail-bench-size-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	b, err := bucket.OpenDir(filepath.Join(dir, "archive"))
	if err != nil {
		return err
	}
	zipped, err := fillSize(b, dir)
	if err != nil {
		return err
	}
	fresh, err := classSizes(b)
	if err != nil {
		return err
	}
	later := time.Now().Add(48 * time.Hour)
	if _, err := archive.Compact(context.Background(), b, archive.CompactOptions{Staging: dir, Now: func() time.Time { return later }}); err != nil {
		return err
	}
	merged, err := classSizes(b)
	if err != nil {
		return err
	}
	events := float64(*sizeBlocks * *sizeEvents)
	for _, c := range archive.ShippedClasses() {
		for i, sizes := range []map[string]int64{fresh, merged} {
			what := fmt.Sprintf("④ bytes an event, class %s, %d blocks of %d", c.Name, *sizeBlocks, *sizeEvents)
			if i == 1 {
				what = "  compacted"
			}
			if c.Name == "full" {
				what += sizeBudgets[i]
			}
			row(what, "B", float64(sizes[c.Name])/events, float64(zipped)/events)
		}
	}
	return nil
}

// classSizes sums the live blocks.
func classSizes(b bucket.Bucket) (map[string]int64, error) {
	files, err := archive.NewReader(b).Live(context.Background())
	sizes := make(map[string]int64)
	for _, f := range files {
		sizes[f.Class] += f.Size
	}
	return sizes, err
}

// fillSize writes the blocks of some minutes of yesterday and returns the size of the peer's objects.
func fillSize(b bucket.Bucket, dir string) (zipped int, err error) {
	classes := archive.ShippedClasses()
	w, err := archive.NewWriter(b, archive.WriterOptions{Writer: "bench", Classes: classes})
	if err != nil {
		return 0, err
	}
	var names []string
	for _, c := range classes {
		names = append(names, c.Name)
	}
	sink := &recordSink{classes: names}
	through, stop, err := startKong(dir, sink)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	noon := time.Now().UTC().Truncate(24 * time.Hour).Add(-12 * time.Hour)
	for i := range *sizeBlocks {
		sink.records = sink.records[:0]
		for done := 0; done < *sizeEvents; done += perBody {
			at := noon.Add(time.Duration(i)*time.Minute + time.Duration(done)*time.Minute/time.Duration(*sizeEvents))
			if err := through(kongBody(i**sizeEvents+done, min(perBody, *sizeEvents-done), liveTokens, at)); err != nil {
				return 0, err
			}
		}
		if _, err := w.WriteSegment(context.Background(), uint64(i+1), slices.Values(sink.records)); err != nil {
			return 0, err
		}
		n, err := zippedSize(sink.records)
		if err != nil {
			return 0, err
		}
		zipped += n
	}
	return zipped, nil
}

// startKong starts api_log and returns the way in.
func startKong(dir string, next consumer.Logs) (through func([]byte) error, stop func() error, err error) {
	r, err := startLogs(apilogreceiver.NewFactory(), map[string]any{
		"ingest":  map[string]any{"endpoint": oursAddress},
		"keyring": map[string]any{"path": filepath.Join(dir, "ring", "keyring.yaml"), "create": true},
	}, next, componenttest.NewNopHost())
	if err != nil {
		return nil, nil, err
	}
	return func(body []byte) error { return post("http://"+oursAddress+"/ingest/kong", body) },
		func() error {
			client.CloseIdleConnections()
			return r.Shutdown(context.Background())
		}, nil
}

// zippedSize is that of one object of OTLP JSON documents, as a file exporter leaves it.
func zippedSize(records []*event.Record) (int, error) {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	docs := newBatch()
	for _, r := range records {
		if err := docs.add(r, z); err != nil {
			return 0, err
		}
	}
	err := errors.Join(docs.flush(z), z.Close())
	return out.Len(), err
}

// recordSink keeps the events as records of the classes.
type recordSink struct {
	classes []string
	records []*event.Record
}

func (*recordSink) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

func (s *recordSink) ConsumeLogs(_ context.Context, ld plog.Logs) error {
	for e := range plogevent.Logs(ld) {
		r := &event.Record{}
		plogevent.Read(e, r)
		own := r.Clone()
		own.Classes = s.classes
		s.records = append(s.records, &own)
	}
	return nil
}
