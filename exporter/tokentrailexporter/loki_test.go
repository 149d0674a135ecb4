package tokentrailexporter

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/grafana/loki/pkg/push"
	"github.com/klauspost/compress/s2"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/config/configoptional"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/loki/lokitest"
)

// fakeLoki takes entries, unless it is told to answer otherwise. One that it is sent twice stands twice.
type fakeLoki struct {
	*httptest.Server
	lokitest.Store
	mu     sync.Mutex
	answer int    // the status of the next answers; 0 takes everything
	text   string // its body
	keeps  bool   // it takes them all the same
}

func newFakeLoki(t *testing.T, cfg *Config) *fakeLoki {
	t.Helper()
	l := &fakeLoki{}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /loki/api/v1/push", l.push)
	mux.Handle("GET /loki/api/v1/query_range", &l.Store)
	l.Server = httptest.NewServer(mux)
	t.Cleanup(l.Close)
	c := defaultLokiConfig()
	c.Endpoint = l.URL
	cfg.Destinations.Loki = configoptional.Some(c)
	return l
}

func (l *fakeLoki) set(status int, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.answer, l.text = status, text
}

func (l *fakeLoki) push(w http.ResponseWriter, req *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.answer != 0 && !l.keeps {
		w.WriteHeader(l.answer)
		_, _ = io.WriteString(w, l.text)
		return
	}
	body, err := io.ReadAll(req.Body)
	if err == nil {
		body, err = s2.Decode(nil, body)
	}
	var p push.PushRequest
	if err == nil {
		err = p.Unmarshal(body)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	l.Take(p)
	if l.answer != 0 {
		w.WriteHeader(l.answer)
		_, _ = io.WriteString(w, l.text)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// got is how often each event stands in each class.
func (l *fakeLoki) got() map[string]int {
	m := make(map[string]int)
	for _, e := range l.Entries() {
		class := "trail"
		if strings.Contains(e.Labels, `"full"`) {
			class = "full"
		}
		m[e.ID()+" "+class]++
	}
	return m
}

// order is the events of class full as they came.
func (l *fakeLoki) order() []string {
	var ids []string
	for _, e := range l.Entries() {
		if strings.Contains(e.Labels, `"full"`) {
			ids = append(ids, e.ID())
		}
	}
	return ids
}

// Loki gets the classes that name it, in the view of each.
func TestLokiGetsItsClasses(t *testing.T) {
	cfg := testConfig(t)
	l := newFakeLoki(t, cfg)
	r := start(t, cfg)
	late := request("late")
	late.Time = time.Now().Add(-20 * 24 * time.Hour).UnixNano()
	require.NoError(t, r.logs.ConsumeLogs(t.Context(), asLogs(request("a"), request("b", with(event.KeyStatus, event.Int(403))), late)))
	r.stop()
	require.Equal(t, map[string]int{"a full": 1, "a trail": 1, "b full": 1, "b trail": 1, "late trail": 1}, l.got(),
		"security stays in the archive, and full keeps nothing of twenty days ago")
	require.Equal(t, map[string]int{"b": 1}, archived(t, cfg, "security"))
}

// What Loki answers decides what becomes of the entries: tried again until it takes them, or refused for good and
// counted. The archive has everything whatever Loki says.
func TestEveryAnswerOfLoki(t *testing.T) {
	retried := func(status int, reason string) {
		t.Helper()
		cfg := testConfig(t)
		l := newFakeLoki(t, cfg)
		l.set(status, "no")
		cfg.after = (&simulated{}).after
		r := start(t, cfg)
		require.NoError(t, r.logs.ConsumeLogs(t.Context(), asLogs(request("a"))))
		require.NoError(t, r.rotate())
		eventually(t, func() bool { return r.sum("delivery_failures", reason) > 1 }, "tried again")
		eventually(t, func() bool { return r.sum("delivered_records", "archive") == 1 }, "the archive does not wait")
		require.Equal(t, componentstatus.StatusRecoverableError, r.host.status())
		l.set(0, "")
		eventually(t, func() bool { return r.sum("delivered_records", "loki") == 2 }, "delivered")
		r.stop()
		require.Equal(t, map[string]int{"a full": 1, "a trail": 1}, l.got(), status)
		require.Equal(t, componentstatus.StatusOK, r.host.status(), "%v", r.logged.All())
	}
	retried(http.StatusTooManyRequests, "busy")
	retried(http.StatusInternalServerError, "unavailable")
	retried(http.StatusServiceUnavailable, "unavailable")
	retried(http.StatusUnauthorized, "misconfigured")
	retried(http.StatusForbidden, "misconfigured")
	retried(http.StatusNotFound, "misconfigured")

	refused := func(status int, reason string) {
		t.Helper()
		cfg := testConfig(t)
		l := newFakeLoki(t, cfg)
		l.set(status, "no")
		r := start(t, cfg)
		require.NoError(t, r.logs.ConsumeLogs(t.Context(), asLogs(request("a"))))
		require.NoError(t, r.rotate())
		eventually(t, func() bool { return r.sum("refused_entries", reason) == 2 }, reason)
		eventually(t, func() bool { return r.sum("pending_records", "loki") == 0 }, "not held up by it")
		r.stop()
		require.Equal(t, map[string]int{"a": 1}, archived(t, cfg, "full"))
	}
	refused(http.StatusRequestEntityTooLarge, "loki_too_large")
	refused(260, "loki_blocked")
	refused(http.StatusBadRequest, "loki_invalid")
}

// A Loki that is away leaves the journal at half; the archive goes on; when Loki is back it gets from the blocks what
// it missed, in order, and nothing twice.
func TestLokiCatchesUpFromTheBlocks(t *testing.T) {
	cfg := testConfig(t)
	l := newFakeLoki(t, cfg)
	l.set(http.StatusServiceUnavailable, "away")
	clock := &simulated{}
	cfg.after = clock.after
	r := start(t, cfg)
	want := map[string]int{}
	var order []string
	pad := with("kong.pad", event.String(strings.Repeat("x", 6000)))
	at := time.Now().Add(-time.Hour)
	for i := range 300 {
		id := fmt.Sprintf("event %03d", i)
		e := request(id, pad)
		e.Time = at.Add(time.Duration(i) * time.Second).UnixNano()
		eventually(t, func() bool { return r.logs.ConsumeLogs(t.Context(), asLogs(e)) == nil }, "taken: loki does not fill the journal")
		want[id+" full"], want[id+" trail"] = 1, 1
		order = append(order, id)
	}
	require.NoError(t, r.rotate())
	eventually(t, func() bool { return r.sum("delivered_records", "archive") == 300 }, "the archive has all")
	require.Positive(t, r.sum("skipped_records", "loki"))
	r.stop() // the gap outlives the process
	require.Empty(t, l.got())

	l.set(0, "")
	again := *cfg
	r = start(t, &again)
	eventually(t, func() bool { return r.sum("pending_records", "loki") == 0 && len(l.got()) == len(want) }, "caught up")
	r.stop()
	require.Equal(t, want, l.got(), "each entry once")
	require.Equal(t, order, l.order())
}

// Loki takes part of a segment and is gone before it says so; the journal lets go of the segment, or the process ends.
// Either way Loki has each entry once in the end.
func TestLokiGetsNothingTwice(t *testing.T) {
	for _, restart := range []bool{false, true} {
		cfg := testConfig(t)
		l := newFakeLoki(t, cfg)
		l.set(http.StatusServiceUnavailable, "taken all the same")
		l.keeps = true
		cfg.after = (&simulated{}).after
		r := start(t, cfg)
		want := map[string]int{}
		send := func(n int) {
			for range n {
				id := fmt.Sprintf("event %03d", len(want)/2)
				e := request(id, with("kong.pad", event.String(strings.Repeat("x", 6000))))
				eventually(t, func() bool { return r.logs.ConsumeLogs(t.Context(), asLogs(e)) == nil }, "taken")
				want[id+" full"], want[id+" trail"] = 1, 1
			}
		}
		send(20)
		require.NoError(t, r.rotate())
		eventually(t, func() bool { return len(l.got()) == len(want) }, "the first segment stands, and nobody knows")
		if restart {
			r.stop()
			again := *cfg
			r = start(t, &again)
		}
		l.mu.Lock()
		l.keeps = false
		l.mu.Unlock()
		send(300) // more than the journal keeps for Loki
		require.NoError(t, r.rotate())
		eventually(t, func() bool { return r.sum("pending_records", "archive") == 0 }, "the archive has all")
		require.Positive(t, r.sum("skipped_records", "loki"))
		l.set(0, "")
		eventually(t, func() bool { return r.sum("pending_records", "loki") == 0 && len(l.got()) == len(want) }, "caught up")
		r.stop()
		require.Equal(t, want, l.got(), "each entry once")
		require.Zero(t, r.sum("loki_unchecked_entries", ""))
	}
}
