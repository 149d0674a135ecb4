//go:build scenario

package scenarios

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/loki"
	"github.com/keytrail/keytrail/testbed/harness"
)

// lokiCount is how many entries a query finds of the last hours, by class.
func lokiCount(t *testing.T, s *harness.Server, selector string) int {
	t.Helper()
	params := url.Values{"query": {"sum(count_over_time(" + selector + "[6h]))"}, "time": {strconv.FormatInt(time.Now().Add(time.Minute).Unix(), 10)}}
	var answer struct {
		Data struct {
			Result []struct {
				Value [2]any `json:"value"`
			} `json:"result"`
		} `json:"data"`
	}
	require.NoError(t, json.Unmarshal([]byte(harness.Get(t, s.URL("/loki/api/v1/query?"+params.Encode()))), &answer))
	if len(answer.Data.Result) == 0 {
		return 0
	}
	n, err := strconv.Atoi(answer.Data.Result[0].Value[1].(string))
	require.NoError(t, err)
	return n
}

// Loki asks for less, breaks, hangs, is killed and comes back: no sender and no archive notices, the journal lets go of
// what only Loki has not got, and when Loki is well again it has every event of the classes that go there, once.
func TestTroublesOfLokiUnderLoad(t *testing.T) {
	t.Parallel()
	dir := harness.Dir(t)
	ring := filepath.Join(dir, "keyring.yaml")
	s := harness.Loki(t, "limits_config: {reject_old_samples_max_age: 240h, ingestion_rate_mb: 64, ingestion_burst_size_mb: 64}")
	way := harness.Faults(t, s.Address)
	k := newKeeper(t, dir, ring, "max_size: 6291456",
		fmt.Sprintf("destinations: {archive: {directory: ./data/archive}, loki: {endpoint: %q, timeout: 1s}}", way.URL("")))
	l := newTraffic("loki-troubles-token-000000001")
	l.pace = 5 * time.Millisecond
	k.start()
	end := l.run(k.ingest, 2)
	answer := func(status int) func() {
		return func() { way.Each(func(*http.Request) *harness.Fault { return &harness.Fault{Status: status} }) }
	}
	well := func() { way.Each(nil) }
	for _, tr := range []trouble{
		{"429 to everything", answer(http.StatusTooManyRequests), well, string(loki.CauseBusy)},
		{"500 to everything", answer(http.StatusInternalServerError), well, string(loki.CauseUnavailable)},
		{"taken, and no answer", func() {
			way.Each(func(*http.Request) *harness.Fault { return &harness.Fault{After: true, Silent: true} })
		}, well, string(loki.CauseUnavailable)},
		{"a Loki that hangs", s.Pause, s.Resume, string(loki.CauseUnavailable)},
	} {
		tr.sufferLoki(k, l)
	}
	away(t, k, l, s)
	end()
	require.Zero(t, l.refusals(http.StatusServiceUnavailable), "Loki is not waited for")
	require.Zero(t, k.metric("delivery_failures", "destination", "archive"), "the archive was not disturbed")
	tooOld(t, k, l)

	// A sender that was never told may have sent more than it counts: the journal's own count is that of the trail.
	seen, err := paths(t, dir, l.token, "--keyring", ring, "--since", "6h")
	require.NoError(t, err)
	for _, class := range []string{"full", "trail"} {
		harness.Eventually(t, 60*time.Second, "Loki has caught up with class "+class, func() error {
			got := lokiCount(t, s, `{retention_class="`+class+`"}`)
			if got != len(seen) {
				return fmt.Errorf("%d entries of %d events", got, len(seen))
			}
			return nil
		})
	}
	require.Zero(t, k.metric("loki_unchecked_entries"), "Loki said each time what it has")
	require.Zero(t, lokiCount(t, s, `{retention_class="security"}`), "it goes to the archive alone")
	t.Logf("%d events, as many entries in each of two classes, %v records made up for from the blocks", len(seen), k.metric("skipped_records", "destination", "loki"))
	k.process.Stop()
	l.requireTrail(t, dir, "the archive beside a sick Loki", "--keyring", ring, "--since", "6h")
}

// sufferLoki is suffer for Loki: the archive goes on meanwhile.
func (tr trouble) sufferLoki(k *keeper, l *traffic) {
	k.t.Helper()
	failures := func() float64 { return k.metric("delivery_failures", "destination", "loki", "reason", tr.reason) }
	before, acked := failures(), l.count()
	tr.begin()
	l.until(k.t, 100)
	harness.Eventually(k.t, 30*time.Second, tr.name, func() error {
		if failures() == before {
			return fmt.Errorf("no delivery failed of %s", tr.reason)
		}
		return nil
	})
	k.delivers()
	tr.end()
	k.t.Logf("%s: %d acknowledged meanwhile, all in the archive", tr.name, l.count()-acked)
}

// away kills Loki until the journal has let go of what it has not got, and starts it again.
func away(t *testing.T, k *keeper, l *traffic, s *harness.Server) {
	t.Helper()
	s.Kill()
	acked := l.count()
	more := l.run(k.ingest, 6)
	harness.Eventually(t, 60*time.Second, "the journal goes on without Loki", func() error {
		if k.metric("skipped_records", "destination", "loki") == 0 {
			return fmt.Errorf("%d acknowledged since", l.count()-acked)
		}
		return nil
	})
	more()
	k.delivers()
	s.Start()
	t.Logf("Loki away: %d acknowledged meanwhile, all in the archive", l.count()-acked)
}

// tooOld sends requests that the archive still keeps and Loki does not take any more, among some that it takes.
func tooOld(t *testing.T, k *keeper, l *traffic) {
	t.Helper()
	const old = 7
	body := kongRecordOf("/v1/fresh", l.token, 1<<40, time.Now())
	for i := range int64(old) {
		body = append(append(body, '\n'), kongRecordOf(fmt.Sprintf("/v1/old/%d", i), l.token, 1<<41+i, time.Now().Add(-20*24*time.Hour))...)
	}
	before := k.metric("refused_entries", "destination", "loki", "reason", string(loki.ReasonTooOld))
	status, answer, err := harness.Post("http://"+k.ingest+"/ingest/kong", "application/json", body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status, answer)
	harness.Eventually(t, 60*time.Second, "what is too old is counted", func() error {
		if got := k.metric("refused_entries", "destination", "loki", "reason", string(loki.ReasonTooOld)) - before; got < old {
			return fmt.Errorf("%v of %d", got, old)
		}
		return nil
	})
	kept := harness.Keytrail(t, k.dir, l.token, "trail", "--token-stdin", "--keyring", k.ring, "--until", "10d", "--output", "json")
	require.Len(t, rows(t, kept.Stdout), old, "the archive keeps it")
	require.Len(t, rows(t, harness.Keytrail(t, k.dir, l.token, "trail", "--token-stdin", "--keyring", k.ring, "--route", "/v1/fresh", "--output", "json").Stdout), 1)
}
