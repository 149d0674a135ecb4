package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/keytrail/keytrail/internal/archive/bucket"
	"github.com/keytrail/keytrail/internal/event"
)

// slow is a bucket that is further away and counts what is asked of it.
type slow struct {
	bucket.Bucket
	delay       time.Duration
	gets, bytes atomic.Int64
}

func (s *slow) GetRange(ctx context.Context, key string, off, n int64) ([]byte, error) {
	if s.delay > 0 {
		<-time.After(s.delay)
	}
	b, err := s.Bucket.GetRange(ctx, key, off, n)
	s.gets.Add(1)
	s.bytes.Add(int64(len(b)))
	return b, err
}

// linePrefix is where the peer's objects stand, out of the archive's sight.
const linePrefix = "json/"

// fillLines writes every day as other exporters do: JSON lines in gzip objects, by day. Nobody who reads them looks at
// what differs from day to day, so the objects of the first stand for all.
func fillLines(ctx context.Context, b bucket.Bucket, s *dayShape, first time.Time) error {
	for n, places := range s.segments(false) {
		object, err := jsonLines(s.records(first, places))
		if err != nil {
			return err
		}
		for d := range *trailDays {
			key := fmt.Sprintf("%sdt=%s/%06d.json.gz", linePrefix, trailDay(first, d).Format(time.DateOnly), n)
			if err := b.Put(ctx, key, bytes.NewReader(object), int64(len(object)), bucket.PutOptions{}); err != nil {
				return err
			}
		}
	}
	return nil
}

func jsonLines(records iter.Seq[*event.Record]) ([]byte, error) {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	for r := range records {
		line := map[string]json.RawMessage{"time": json.RawMessage(fmt.Sprint(r.Time))}
		for _, a := range r.Attrs {
			line[a.Key] = a.Value.AppendJSON(nil)
		}
		line["trace_id"] = fmt.Appendf(nil, `"%x"`, r.TraceID)
		line["span_id"] = fmt.Appendf(nil, `"%x"`, r.SpanID)
		text, err := json.Marshal(line)
		if err != nil {
			return nil, err
		}
		_, _ = z.Write(append(text, '\n')) // a buffer takes everything
	}
	err := z.Close()
	return out.Bytes(), err
}

// lineReaders is how many objects the peer reads at once, as many as a search of ours.
const lineReaders = 16

// searchLines reads every object, since nothing says where a token is.
func searchLines(ctx context.Context, b bucket.Bucket, wanted string) (int, error) {
	var found atomic.Int64
	var mu sync.Mutex
	var failed []error
	var wg sync.WaitGroup
	slots := make(chan struct{}, lineReaders)
	for o, err := range b.List(ctx, linePrefix, "") {
		if err != nil {
			return 0, err
		}
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			n, err := countLines(ctx, b, o.Key, wanted)
			found.Add(int64(n))
			if err != nil {
				mu.Lock()
				failed = append(failed, err)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return int(found.Load()), errors.Join(failed...)
}

func countLines(ctx context.Context, b bucket.Bucket, key, wanted string) (int, error) {
	data, err := b.GetRange(ctx, key, 0, -1)
	if err != nil {
		return 0, err
	}
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return 0, err
	}
	n := 0
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if !bytes.Contains(lines.Bytes(), []byte(wanted)) {
			continue
		}
		var r map[string]any
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return n, err
		}
		n++
	}
	return n, lines.Err()
}
