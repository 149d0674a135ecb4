package archive

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"iter"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/keytrail/keytrail/internal/archive/bucket"
	"github.com/keytrail/keytrail/internal/event"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// today is the day the stories happen on; arrivals are a second after the request.
var today = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

const writerA = "01JD0000000000000000000000"

func openTemp(t testing.TB) *bucket.Directory {
	t.Helper()
	d, err := bucket.OpenDir(filepath.Join(t.TempDir(), "archive"))
	require.NoError(t, err)
	return d
}

func newTestWriter(t testing.TB, b bucket.Bucket) *Writer {
	t.Helper()
	w, err := NewWriter(b, WriterOptions{Writer: writerA, Classes: ShippedClasses(), Now: func() time.Time { return today }})
	require.NoError(t, err)
	return w
}

// fp makes a fingerprint that says it is a test's.
func fp(n int) string { return fmt.Sprintf("kt1_%016x%016x", uint64(n+1)*0x9E3779B97F4A7C15, n) }

func scope() event.Scope { return event.Scope{Ring: "test", Epoch: 1, Check: "aaaaaaaa"} }

// request is an event as a gateway's record becomes one.
func request(n int, at time.Time, token string) *event.Record {
	r := &event.Record{
		Name: event.NameRequest, Time: at.UnixNano(), Observed: at.Add(time.Second).UnixNano(), Severity: 9,
		Scope: scope(), Classes: []string{"full", "trail"},
	}
	r.TraceID[0], r.TraceID[15] = byte(n), byte(n>>8)
	r.TraceID[7] = 7
	r.SpanID[0] = byte(n + 1)
	r.Resource.Add(event.KeyServiceName, event.String("orders"))
	r.Resource.Add("host.name", event.String("gw-1"))
	for _, a := range []event.Attr{
		{Key: event.KeyEventID, Value: event.String(fmt.Sprintf("%032x", n+1))},
		{Key: event.KeyRequestID, Value: event.String(fmt.Sprintf("req-%d", n))},
		{Key: event.KeyRedaction, Value: event.String(event.RedactionDone)},
		{Key: event.KeyMethod, Value: event.String("GET")},
		{Key: event.KeyPath, Value: event.String(fmt.Sprintf("/v1/orders/%d", n))},
		{Key: event.KeyRoute, Value: event.String("/v1/orders/{id}")},
		{Key: event.KeyStatus, Value: event.Int(200)},
		{Key: event.KeyDuration, Value: event.Double(0.0125)},
		{Key: event.KeyClientAddress, Value: event.String("203.0.113.77")},
		{Key: event.KeyUserAgent, Value: event.String("curl/8.5.0")},
		{Key: event.KeyPrincipal, Value: event.String(token)},
		{Key: event.KeyCredentialID, Value: event.String("cred-" + token[:min(8, len(token))])},
		{Key: event.KeyOwnerID, Value: event.String("alice@example.test")},
		{Key: event.KeyOwnerTeam, Value: event.String("payments")},
		{Key: event.PrefixRequestHeader + "accept", Value: event.Strings([]string{"*/*"})},
		{Key: event.PrefixRequestHeader + "x-two", Value: event.Strings([]string{"a", "b"})},
		{Key: "kong.latency.proxy", Value: event.Int(12)},
	} {
		r.Attrs = append(r.Attrs, a)
	}
	if token != "" {
		r.Attrs.Add(event.KeyFingerprint, event.String(token))
	}
	return r
}

func write(t testing.TB, w *Writer, seq uint64, records ...*event.Record) *Commit {
	t.Helper()
	c, err := w.WriteSegment(t.Context(), seq, slices.Values(records))
	require.NoError(t, err)
	return c
}

// find runs a search that must see everything.
func find(t testing.TB, b bucket.Bucket, s Selection) []Hit {
	t.Helper()
	hits, report := search1(t, b, s)
	require.Empty(t, report.Unreadable)
	return hits
}

func search1(t testing.TB, b bucket.Bucket, s Selection) ([]Hit, *Report) {
	t.Helper()
	if s.Now.IsZero() {
		s.Now = today
	}
	seq, report := NewReader(b).Search(t.Context(), s)
	var hits []Hit
	for h, err := range seq {
		require.NoError(t, err)
		hits = append(hits, h)
	}
	return hits, report
}

func ids(hits []Hit) []string {
	var out []string
	for _, h := range hits {
		id := h.Record.Attrs.Str(event.KeyEventID)
		out = append(out, h.Record.Classes[0]+" "+strings.TrimLeft(id, "0"))
	}
	return out
}

func list(t testing.TB, b bucket.Bucket, prefix string) []string {
	t.Helper()
	var keys []string
	for o, err := range b.List(t.Context(), prefix, "") {
		require.NoError(t, err)
		keys = append(keys, o.Key)
	}
	return keys
}

// traffic yields n events of tokens who behave differently, in the order of time.
func traffic(n, tokens int, from time.Time) iter.Seq[*event.Record] {
	return func(yield func(*event.Record) bool) {
		rnd := rand.New(rand.NewPCG(1, 2))
		for i := range n {
			u := rnd.Float64()
			r := request(i, from.Add(time.Duration(i)*time.Millisecond), fp(int(u*u*float64(tokens))))
			id := make([]byte, 16)
			for j := range id {
				id[j] = byte(rnd.Uint32())
			}
			r.Attrs.Set(event.KeyEventID, event.String(hex.EncodeToString(id)))
			if !yield(r) {
				return
			}
		}
	}
}

func background() context.Context { return context.Background() }

func putBytes(t testing.TB, b bucket.Bucket, key string, data []byte) {
	t.Helper()
	require.NoError(t, b.Put(t.Context(), key, bytes.NewReader(data), int64(len(data)), bucket.PutOptions{}))
}
