package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/keytrail/keytrail/internal/archive/bucket"
	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/loki"
	"github.com/keytrail/keytrail/testbed/harness"
)

// lokiLimits let the bench push as fast as it can; all else is what the tests run with.
const lokiLimits = `limits_config: {ingestion_rate_mb: 512, ingestion_burst_size_mb: 512, per_stream_rate_limit: 512MB, per_stream_rate_limit_burst: 512MB, max_entries_limit_per_query: 1000000}`

// askLoki pushes the archive's events to a Loki and asks it for the same trail: by the token's stream and metadata.
func askLoki(ctx context.Context, b bucket.Bucket, s *dayShape, first time.Time) (err error) {
	err = errors.New("loki did not start")
	// The harness wants to tell a test what goes wrong, and cleans up when one ends: a benchmark is one outside of tests.
	testing.Benchmark(func(t *testing.B) {
		if t.N > 1 {
			return // once is enough
		}
		server := harness.Loki(t, lokiLimits)
		err = compareLoki(ctx, b, s, first, server)
	})
	return err
}

func compareLoki(ctx context.Context, b bucket.Bucket, s *dayShape, first time.Time, server *harness.Server) error {
	begin := time.Now()
	if err := fillLoki(ctx, s, first, server); err != nil {
		return err
	}
	fmt.Printf("Loki filled in %.0f s\n", time.Since(begin).Seconds())
	server.Kill() // what it holds in memory is in its log: nothing is cached
	server.Start()
	wanted := wantedToken()
	rows, _, ours, err := searchArchive(ctx, &slow{Bucket: b}, wanted)
	if err != nil {
		return err
	}
	begin = time.Now()
	n, read, err := searchLoki(server, wanted, first)
	if err != nil {
		return err
	}
	took := time.Since(begin)
	if n != rows {
		return fmt.Errorf("the archive has %d events of the token, Loki %d", rows, n)
	}
	what := fmt.Sprintf("trail of %d in %d × %d (peer: Loki, all local):", rows, *trailDays, *trailEvents)
	row(what+" time", "ms", ours.ms(), float64(took.Microseconds())/1000)
	row("  read (Loki: bytes processed, uncompressed)", "KiB", float64(ours.bytes)/1024, float64(read)/1024)
	return nil
}

func fillLoki(ctx context.Context, s *dayShape, first time.Time, server *harness.Server) error {
	c, err := loki.NewClient(loki.Config{Endpoint: server.URL("")}, &http.Client{Timeout: time.Minute})
	if err != nil {
		return err
	}
	for d := range *trailDays {
		for _, places := range s.segments(false) {
			var entries []loki.Entry
			for r := range s.records(trailDay(first, d), places) {
				entries = append(entries, lokiEntry(r))
			}
			result, err := c.Push(ctx, entries)
			if err != nil {
				return err
			}
			if result.Delivered != len(entries) {
				return fmt.Errorf("loki took %d of %d entries", result.Delivered, len(entries))
			}
		}
	}
	resp, err := http.Post(server.URL("/flush"), "text/plain", nil)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// lokiEntry encodes a copy: the records share their memory.
func lokiEntry(r *event.Record) loki.Entry {
	own := r.Clone()
	return loki.Encode(&own, trailClasses[0])
}

// searchLoki returns how many entries there are of the token and how many bytes Loki went through for them.
func searchLoki(server *harness.Server, wanted string, first time.Time) (n int, read int64, err error) {
	query := fmt.Sprintf(`{%s=%q, %s=%q} | token_fingerprint=%q`, loki.LabelClass, trailClasses[0],
		loki.LabelShard, loki.ShardLabel(loki.Shard(wanted)), wanted)
	params := url.Values{
		"query": {query}, "limit": {"1000000"},
		"start": {strconv.FormatInt(first.UnixNano(), 10)}, "end": {strconv.FormatInt(time.Now().UnixNano(), 10)},
	}
	resp, err := http.Get(server.URL("/loki/api/v1/query_range?" + params.Encode()))
	if err != nil {
		return 0, 0, err
	}
	body, err := io.ReadAll(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return 0, 0, err
	}
	if resp.StatusCode != http.StatusOK {
		return 0, 0, fmt.Errorf("loki answered %s: %.200s", resp.Status, body)
	}
	return countEntries(body)
}

func countEntries(body []byte) (n int, read int64, err error) {
	var answer struct {
		Data struct {
			Result []struct {
				Values []json.RawMessage `json:"values"`
			} `json:"result"`
			Stats struct {
				Summary struct {
					Bytes int64 `json:"totalBytesProcessed"`
				} `json:"summary"`
			} `json:"stats"`
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return 0, 0, err
	}
	for _, r := range answer.Data.Result {
		n += len(r.Values)
	}
	return n, answer.Data.Stats.Summary.Bytes, nil
}
