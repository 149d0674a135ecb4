package apilogreceiver

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/event"
)

func ids(events []event.Record) []string {
	out := make([]string, 0, len(events))
	for i := range events {
		out = append(out, events[i].Attrs.Str(event.KeyEventID))
	}
	return out
}

func distinct(list []string) int {
	set := map[string]bool{}
	for _, s := range list {
		set[s] = true
	}
	return len(set)
}

func TestABodySentAgainRepeatsItsIDs(t *testing.T) {
	f := func(name, path string, body []byte, n int) {
		t.Helper()
		r := start(t, testConfig(t))
		require.Equal(t, 200, r.post(path, body).code, name)
		require.Equal(t, 200, r.post(path, packGzip(t, body), "Content-Encoding: gzip").code, name)
		got := ids(r.events())
		require.Len(t, got, 2*n, name)
		assert.Equal(t, got[:n], got[n:], name)
		assert.Equal(t, n, distinct(got), name)
		for _, id := range got {
			assert.Regexp(t, "^[0-9a-f]{32}$", id, name)
		}
	}
	line := fmt.Appendf(nil, "192.0.2.7 - - [%s] \"GET /v1/orders?page=2 HTTP/1.1\" 200 512 \"-\" \"curl/8.5\"\n",
		time.Now().UTC().Format("02/Jan/2006:15:04:05 -0700"))
	f("request ids", "/ingest/kong", bytes.Join([][]byte{kong("a", "dummy-key"), kong("b", "dummy-key")}, []byte("\n")), 2)
	f("equal lines of one second stay two", "/ingest/nginx", bytes.Repeat(line, 2), 2)
	f("a record without a time takes the arrival, and keeps its id", "/ingest/json",
		[]byte(`{"method":"GET","path":"/v1/a","status":200,"request_id":"r-1"}`), 1)
	f("one record twice in a body stays two", "/ingest/kong", bytes.Repeat(kong("a", "dummy-key"), 2), 2)
}

// A caller may choose the request id that the gateway logs; it must not hide the caller's other requests.
func TestOneForgedRequestIDHidesNothing(t *testing.T) {
	r := start(t, testConfig(t))
	for i := range 100 {
		body := bytes.Replace(kong("forged", "dummy-key"), []byte("/v1/orders/17"), fmt.Appendf(nil, "/v1/orders/%d", i), 2)
		require.Equal(t, 200, r.post("/ingest/kong", body).code)
	}
	assert.Equal(t, 100, distinct(ids(r.events())))
}

// What was learned of a service between a send and its retry changes the template, not the id.
func TestLearningDoesNotChangeTheID(t *testing.T) {
	r := start(t, testConfig(t))
	refused := bytes.Replace(kong("a", "dummy-key"), []byte(`"status":200`), []byte(`"status":403`), 1)
	require.Equal(t, 200, r.post("/ingest/kong", refused).code)
	require.Equal(t, 200, r.post("/ingest/kong", kong("b", "dummy-key")).code)
	require.Equal(t, 200, r.post("/ingest/kong", refused).code)
	got := r.events()
	require.Len(t, got, 3)
	assert.Empty(t, got[0].Attrs.Str(event.KeyTemplate))
	assert.Equal(t, "/v1/orders/{id}", got[2].Attrs.Str(event.KeyTemplate))
	assert.Equal(t, got[0].Attrs.Str(event.KeyEventID), got[2].Attrs.Str(event.KeyEventID))
}

func TestTimesOutOfBoundsAreKept(t *testing.T) {
	cfg := testConfig(t)
	cfg.Sources = []SourceConfig{{Name: "old-logs", Path: "/ingest/old", Format: "kong", Backfill: 100 * 365 * 24 * time.Hour}}
	r := start(t, cfg)
	at := func(ms int64) []byte {
		return bytes.Replace(kong("a", "dummy-key"), fmt.Appendf(nil, `"started_at":`), fmt.Appendf(nil, `"started_at":%d,"was":`, ms), 1)
	}
	f := func(path string, ms int64, claimed string) {
		t.Helper()
		r.sink.Reset()
		require.Equal(t, 200, r.post(path, at(ms)).code)
		got := r.events()[0]
		assert.Equal(t, claimed, got.Attrs.Str(event.KeyTimeClaimed))
		if claimed == "" {
			assert.Equal(t, ms, got.Time/1e6)
		} else {
			assert.WithinDuration(t, time.Now(), time.Unix(0, got.Time), time.Minute)
		}
	}
	f("/ingest/kong", 946_684_800_000, "2000-01-01T00:00:00Z")
	f("/ingest/kong", 4_070_908_800_000, "2099-01-01T00:00:00Z")
	f("/ingest/kong", time.Now().Add(-29*24*time.Hour).UnixMilli(), "")
	f("/ingest/old", 946_684_800_000, "")
	assert.Equal(t, int64(2), r.counter("time_out_of_bounds", "source=other"))
}
