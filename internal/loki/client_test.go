package loki

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/grafana/loki/pkg/push"
	"github.com/klauspost/compress/s2"
	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/loki/lokitest"
)

// server answers each push as told and remembers what it was sent, and which entries it took.
type server struct {
	*httptest.Server
	mu    sync.Mutex
	got   []push.PushRequest
	seen  []http.Header
	taken lokitest.Store
	deny  atomic.Int64 // the status of its answers to questions; 0 answers them
}

type reply struct {
	status int
	body   string
	after  string
}

// serve answers by what a request holds.
func serve(t *testing.T, f func(req push.PushRequest) reply) (*server, *Client) {
	t.Helper()
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/loki/api/v1/query_range" {
			if status := int(s.deny.Load()); status != 0 {
				w.WriteHeader(status)
				return
			}
			s.taken.ServeHTTP(w, r)
			return
		}
		b, err := io.ReadAll(r.Body)
		if err == nil {
			b, err = s2.Decode(nil, b)
		}
		var req push.PushRequest
		if err = errors.Join(err, req.Unmarshal(b)); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		s.mu.Lock()
		s.got, s.seen = append(s.got, req), append(s.seen, r.Header)
		s.mu.Unlock()
		a := f(req)
		if a.after != "" {
			w.Header().Set("Retry-After", a.after)
		}
		if a.status == http.StatusNoContent {
			s.taken.Take(req)
		}
		w.WriteHeader(a.status)
		_, _ = io.WriteString(w, a.body)
	}))
	t.Cleanup(s.Close)
	t.Cleanup(s.Client().CloseIdleConnections)
	c, err := NewClient(Config{Endpoint: s.URL}, s.Client())
	require.NoError(t, err)
	return s, c
}

func always(r reply) func(push.PushRequest) reply { return func(push.PushRequest) reply { return r } }

// entries makes n entries in as many streams as there are fingerprints.
func entries(n int, fingerprints ...string) []Entry {
	out := make([]Entry, 0, n)
	for i := range n {
		out = append(out, Encode(request(func(r *event.Record) {
			r.Time += int64(i) * int64(time.Second)
			r.Attrs.Set(event.KeyEventID, event.String(fmt.Sprintf("%032x", i)))
			if len(fingerprints) > 0 {
				r.Attrs.Set(event.KeyFingerprint, event.String(fingerprints[i%len(fingerprints)]))
			}
		}), "full"))
	}
	return out
}

const (
	inLabels = `{deployment_environment="production", fp_shard="17", retention_class="full", service_name="orders"}`
	tooOld   = "entry for stream '" + inLabels + "' has timestamp too old: 2026-01-01T00:00:00Z, oldest acceptable timestamp is: 2026-11-16T00:00:00Z"
	tooNew   = "entry for stream '" + inLabels + "' has timestamp too new: 2027-01-01T00:00:00Z"
	behind   = "entry with timestamp 2026-11-23 00:00:00 +0000 UTC ignored, reason: 'entry too far behind, entry timestamp is: 2026-11-23T00:00:00Z, oldest acceptable timestamp is: 2026-11-23T01:00:00Z',\n" +
		"user 'fake', total ignored: 2 out of 4 for stream: " + inLabels
)

// The table of statuses: what Loki answers to a request of four entries, and what becomes of them.
func TestStatuses(t *testing.T) {
	rejected := func(reason Reason, n int) Result {
		return Result{Settled: 4, Delivered: 4 - n, Rejected: map[Reason]int{reason: n}}
	}
	again := func(after time.Duration) Result { return Result{Retry: true, After: after} }
	for name, c := range map[string]struct {
		reply reply
		want  Result
		cause Cause
	}{
		"204 took it":             {reply{204, "", ""}, Result{Settled: 4, Delivered: 4}, ""},
		"200 is not Loki's yes":   {reply{200, "<html>", ""}, rejected(ReasonBlocked, 4), ""},
		"260 is blocked":          {reply{260, "ingestion blocked for user 'fake'", ""}, rejected(ReasonBlocked, 4), ""},
		"400 one too old":         {reply{400, tooOld, ""}, rejected(ReasonTooOld, 1), ""},
		"400 three alike":         {reply{400, "3 errors like: " + tooOld, ""}, rejected(ReasonTooOld, 3), ""},
		"400 behind its stream":   {reply{400, behind, ""}, rejected(ReasonTooOld, 2), ""},
		"400 too new":             {reply{400, tooNew, ""}, rejected(ReasonTooNew, 1), ""},
		"400 line too long":       {reply{400, "max entry size '10' bytes exceeded for stream '" + inLabels + "' while adding an entry with length '11' bytes", ""}, rejected(ReasonTooLarge, 1), ""},
		"400 metadata too large":  {reply{400, "2 errors like: stream '" + inLabels + "' has structured metadata too large: '70000' bytes, limit: '65536' bytes.", ""}, rejected(ReasonTooLarge, 2), ""},
		"400 metadata too many":   {reply{400, "stream '" + inLabels + "' has too many structured metadata labels: '129', limit: '128'.", ""}, rejected(ReasonTooLarge, 1), ""},
		"400 more than was sent":  {reply{400, "9 errors like: " + tooOld, ""}, rejected(ReasonTooOld, 4), ""},
		"400 of another kind":     {reply{400, "error parsing labels", ""}, rejected(ReasonInvalid, 4), ""},
		"400 no metadata allowed": {reply{400, "stream '" + inLabels + "' includes structured metadata, but this feature is disallowed. Please see `limits_config.allow_structured_metadata`", ""}, again(time.Minute), CauseMisconfigured},
		"400 labels demanded":     {reply{400, "missing required labels 'cluster' for user 'fake'", ""}, again(time.Minute), CauseMisconfigured},
		"401":                     {reply{401, "no org id", ""}, again(time.Minute), CauseMisconfigured},
		"403":                     {reply{403, "", ""}, again(time.Minute), CauseMisconfigured},
		"404":                     {reply{404, "page not found", ""}, again(time.Minute), CauseMisconfigured},
		"405":                     {reply{405, "", ""}, again(time.Minute), CauseMisconfigured},
		"408":                     {reply{408, "", ""}, again(0), CauseUnavailable},
		"413 however small":       {reply{413, "", ""}, rejected(ReasonTooLarge, 4), ""},
		"429":                     {reply{429, "ingestion rate limit exceeded", ""}, again(0), CauseBusy},
		"429 says when":           {reply{429, "", "7"}, again(7 * time.Second), CauseBusy},
		"429 for ever":            {reply{429, "", "999999999"}, again(10 * time.Minute), CauseBusy},
		"429 says nonsense":       {reply{429, "", "-3 soon"}, again(0), CauseBusy},
		"500":                     {reply{500, "", ""}, again(0), CauseUnavailable},
		"503 says when":           {reply{503, "", "30"}, again(30 * time.Second), CauseUnavailable},
		"504":                     {reply{504, "", ""}, again(0), CauseUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			_, client := serve(t, always(c.reply))
			got, err := client.Push(t.Context(), entries(4))
			require.Equal(t, c.want, got)
			if c.cause == "" {
				require.NoError(t, err)
				return
			}
			var failure *PushError
			require.ErrorAs(t, err, &failure)
			require.Equal(t, c.cause, failure.Cause)
			require.Equal(t, c.reply.status, failure.Status)
		})
	}
}

func TestRetryAfterMayBeADate(t *testing.T) {
	now := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	require.Equal(t, 90*time.Second, retryAfter(now.Add(90*time.Second).Format(http.TimeFormat), now))
	require.Equal(t, time.Duration(0), retryAfter(now.Add(-time.Hour).Format(http.TimeFormat), now))
	require.Equal(t, time.Duration(0), retryAfter("", now))
}

func TestNoAnswerIsRepeatedAndDoesNotShowTheAddress(t *testing.T) {
	s, c := serve(t, always(reply{204, "", ""}))
	address := s.Listener.Addr().String()
	s.Close()
	r, err := c.Push(t.Context(), entries(1))
	require.True(t, r.Retry)
	var failure *PushError
	require.ErrorAs(t, err, &failure)
	require.Equal(t, CauseUnavailable, failure.Cause)
	require.NotContains(t, err.Error(), "http://"+address+"/loki")
}

func TestAnEndedContextIsTold(t *testing.T) {
	_, c := serve(t, always(reply{204, "", ""}))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r, err := c.Push(ctx, entries(1))
	require.ErrorIs(t, err, context.Canceled)
	require.Zero(t, r.Settled)
}

// A body that is too large for Loki is halved until its parts fit; only what is too large alone is rejected.
func TestTooLargeIsSplitUntilItFits(t *testing.T) {
	s, c := serve(t, func(req push.PushRequest) reply {
		n := 0
		for _, st := range req.Streams {
			n += len(st.Entries)
			for _, e := range st.Entries {
				if strings.HasSuffix(e.Line, "giant") {
					return reply{413, "", ""}
				}
			}
		}
		if n > 3 {
			return reply{413, "", ""}
		}
		return reply{204, "", ""}
	})
	all := entries(10, fingerprint, "kt1_02000000000000000000000000000000")
	all[4].Line = "giant"
	got, err := c.Push(t.Context(), all)
	require.NoError(t, err)
	require.Equal(t, Result{Settled: 10, Delivered: 9, Rejected: map[Reason]int{ReasonTooLarge: 1}}, got)
	require.Greater(t, len(s.got), 3)
}

// What an ingester refuses it tells of one stream only; the others are asked for alone, so that the count is exact.
func TestARefusalOfOneStreamIsCountedForEach(t *testing.T) {
	s, c := serve(t, func(req push.PushRequest) reply {
		if strings.Contains(req.Streams[0].Labels, `fp_shard="02"`) || len(req.Streams) > 1 {
			return reply{400, behind, ""}
		}
		return reply{204, "", ""}
	})
	got, err := c.Push(t.Context(), entries(12, fingerprint, "kt1_02000000000000000000000000000000", "kt1_03000000000000000000000000000000"))
	require.NoError(t, err)
	require.Equal(t, Result{Settled: 12, Delivered: 10, Rejected: map[Reason]int{ReasonTooOld: 2}}, got)
	require.Len(t, s.got, 4)
}

// A batch of which a part was refused before Loki went away is sent again whole, and counted once.
func TestNothingIsCountedTwiceOverARepetition(t *testing.T) {
	down := true
	_, c := serve(t, func(req push.PushRequest) reply {
		switch {
		case len(req.Streams) > 1:
			return reply{400, behind, ""}
		case strings.Contains(req.Streams[0].Labels, `fp_shard="17"`):
			if down {
				return reply{503, "", ""}
			}
			return reply{204, "", ""}
		}
		return reply{400, behind, ""}
	})
	all := entries(8, fingerprint, "kt1_02000000000000000000000000000000")
	got, err := c.Push(t.Context(), all)
	require.Error(t, err)
	require.Equal(t, Result{Retry: true}, got)
	down = false
	got, err = c.Push(t.Context(), all)
	require.NoError(t, err)
	require.Equal(t, Result{Settled: 8, Delivered: 6, Rejected: map[Reason]int{ReasonTooOld: 2}}, got)
}

// While Loki is busy the batches become smaller: its burst may be less than what we like to send.
func TestABusyLokiGetsSmallerBatches(t *testing.T) {
	const burst = 200_000
	s, c := serve(t, func(req push.PushRequest) reply {
		if req.Size() > burst {
			return reply{429, "", ""}
		}
		return reply{204, "", ""}
	})
	all := entries(3000)
	tries := 0
	for left := all; len(left) > 0; tries++ {
		require.Less(t, tries, 20)
		r, err := c.Push(t.Context(), left)
		require.Equal(t, err != nil, r.Retry)
		left = left[r.Settled:]
	}
	taken := 0
	for _, req := range s.got {
		if req.Size() <= burst {
			taken += len(req.Streams[0].Entries)
		}
	}
	require.Equal(t, 3000, taken)
}

func TestStreamsAreInOrderOfTimeAndTenantsApart(t *testing.T) {
	s, _ := serve(t, always(reply{204, "", ""}))
	c, err := NewClient(Config{Endpoint: s.URL + "/", Tenant: "keytrail", Tenants: map[string]string{"security": "keytrail-security"}}, s.Client())
	require.NoError(t, err)
	all := entries(4)
	all[0].Time, all[3].Time = all[3].Time, all[0].Time
	all = append(all, Encode(request(nil), "security"))
	_, err = c.Push(t.Context(), all)
	require.NoError(t, err)
	require.Len(t, s.got, 2)
	require.Equal(t, "keytrail", s.seen[0].Get("X-Scope-OrgID"))
	require.Equal(t, "keytrail-security", s.seen[1].Get("X-Scope-OrgID"))
	require.Equal(t, "application/x-protobuf", s.seen[0].Get("Content-Type"))
	got := s.got[0].Streams[0].Entries
	for i := 1; i < len(got); i++ {
		require.True(t, got[i-1].Timestamp.Before(got[i].Timestamp))
	}
}

func TestConfigurationsThatCannotWork(t *testing.T) {
	f := func(c Config, want string) {
		t.Helper()
		err := c.Validate()
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "hunter2")
	}
	f(Config{Endpoint: "loki:3100"}, "`endpoint` must be an http or https address")
	f(Config{Endpoint: "ftp://u:hunter2@loki"}, "`endpoint` must be an http or https address")
	f(Config{Endpoint: "http://u:hunter2@loki:3100"}, "`endpoint` must have no user")
	f(Config{Endpoint: "http://loki:3100?token=hunter2"}, "`endpoint` must have no user")
	f(Config{Endpoint: "http://loki:3100", MaxBatchBytes: 1}, "`max_batch_bytes`")
	f(Config{Endpoint: "http://loki:3100", MaxStreams: 1}, "`max_streams`")
	require.NoError(t, Config{Endpoint: "https://loki.example.com/prefix"}.Validate())
}

func FuzzRefusals(f *testing.F) {
	f.Add(tooOld)
	f.Add("3 errors like: " + tooNew)
	f.Add(behind)
	f.Fuzz(func(t *testing.T, text string) {
		refused, _ := refusals(text)
		for reason, n := range refused {
			require.Contains(t, Reasons(), reason)
			require.GreaterOrEqual(t, n, 0)
		}
	})
}
