//go:build scenario

package scenarios

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/testbed/harness"
)

const (
	ingestAddress = "localhost:4380"
	ingestURL     = "http://" + ingestAddress
	metricsURL    = "http://localhost:8888/metrics"

	// hostilePeakMiB is the most memory the whole process may hold at any moment of the storm: the budget of the
	// process at full load.
	hostilePeakMiB = 512

	// limitHits and rejected are the counters that say a limit bit.
	limitHits = "receiver_api_log_limit_hits"
	rejected  = "receiver_api_log_rejected_records"
	requests  = "receiver_api_log_requests"
)

// hostile is one body that means harm, what it must be answered, and the counter that must say so.
type hostile struct {
	name    string
	path    string // default /ingest/kong
	headers []string
	body    func() []byte
	status  int
	says    string   // in the answer
	counter []string // metric, then its labels
	found   int      // events that it leaves in the trail of the canary
}

// target is the collector under attack.
type target struct {
	*harness.Collector
	dir    string
	canary string
}

// The sender may be anybody who reaches the port. Nothing that it sends takes memory beyond the budget, goes
// uncounted, hides the records beside it, or comes back in an answer; afterwards an ordinary body is still taken.
func TestHostile(t *testing.T) {
	c, dir := quickstart(t, "--set=receivers.api_log.ingest.read_header_timeout="+headerPatience.String(),
		"--set=receivers.api_log.ingest.read_timeout="+bodyPatience.String())
	at := target{c, dir, "hostile-canary-" + strings.Repeat("Zq7x", 6)}
	t.Logf("%-52s %8s %8s", "case", "before", "peak MiB")
	for _, h := range allHostile(at.canary) {
		at.run(t, h.name, func(t *testing.T, at target) { at.post(t, h) })
	}
	for _, h := range hostileConnections {
		at.run(t, h.name, h.attack)
	}
	at.ordinary(t, "after the storm")
	require.False(t, c.Exited())
	metrics := harness.Get(t, metricsURL)
	c.Stop()
	require.NotContains(t, c.Log(), "panic")
	harness.NoLeak(t, "metrics", metrics, at.canary)
	harness.NoLeak(t, "the log", c.Log(), at.canary)
	harness.NoLeakBelow(t, filepath.Join(dir, "data"), at.canary)
}

// run is one case, with its memory measured; where the peak cannot be kept apart from the memory before, both are
// printed.
func (at target) run(t *testing.T, name string, attack func(*testing.T, target)) {
	t.Run(name, func(t *testing.T) {
		at.ResetPeak()
		before := at.PeakMiB()
		attack(t, at)
		peak := at.PeakMiB()
		t.Logf("%-52s %8d %8d", name, before, peak)
		require.LessOrEqual(t, peak, hostilePeakMiB, "MiB resident")
	})
}

func (at target) post(t *testing.T, h hostile) {
	t.Helper()
	before := at.count(t, h.counter)
	found := at.found(t)
	if h.path == "" {
		h.path = "/ingest/kong"
	}
	status, answer, err := harness.Post(ingestURL+h.path, "application/json", h.body(), h.headers...)
	require.NoError(t, err)
	require.Equal(t, h.status, status, "%.300s", answer)
	require.Contains(t, answer, h.says)
	harness.NoLeak(t, "the answer", answer, at.canary)
	if len(h.counter) > 0 {
		require.Greater(t, at.count(t, h.counter), before, h.counter)
	}
	if h.found > 0 {
		wait(t, at.dir, at.canary, found+h.found)
	}
}

func (at target) count(t *testing.T, counter []string) float64 {
	if len(counter) == 0 {
		return 0
	}
	return harness.Metric(t, metricsURL, counter[0], counter[1:]...)
}

func (at target) found(t *testing.T) int { return len(trail(t, at.dir, at.canary)) }

// ordinary sends what every gateway sends and finds it.
func (at target) ordinary(t *testing.T, when string) {
	t.Helper()
	before := at.found(t)
	ingest(t, "kong", kong(t, func(req, h, _ map[string]any) {
		req["id"], h["x-api-key"], req["uri"] = "ordinary-"+when, at.canary, "/v1/ordinary"
	}))
	wait(t, at.dir, at.canary, before+1)
}

func allHostile(canary string) []hostile {
	var all []hostile
	for _, group := range [][]hostile{hostileEncodings(canary), hostileSizes(canary), hostileRecords(canary), hostileEnvelopes(canary), hostileRequests(canary)} {
		all = append(all, group...)
	}
	return all
}

// hostileRequests go wrong before their body is looked at.
func hostileRequests(canary string) []hostile {
	ordinary := func() []byte { return kongRecord("/v1/a", canary, 1) }
	code := func(n int) []string { return []string{requests, "code", fmt.Sprint(n)} }
	return []hostile{
		{name: "an Origin from the web", body: ordinary, headers: []string{"Origin", "https://evil.example"}, status: 403, counter: code(403)},
		{name: "the Origin null", body: ordinary, headers: []string{"Origin", "null"}, status: 403, counter: code(403)},
		{name: "an Origin that holds the token", body: ordinary, headers: []string{"Origin", canary}, status: 403, counter: code(403)},
		{name: "a path that is no format", path: "/ingest/" + canary, body: ordinary, status: 404, counter: code(404)},
		{name: "a path out of the server", path: "/ingest/%2e%2e/%2e%2e/etc/passwd", body: ordinary, status: 404, counter: code(404)},
		{name: "a path with an escaped slash", path: "/ingest%2Fkong", body: ordinary, status: 200},
		{name: "a token in the query of the request itself", path: "/ingest/kong?access_token=" + canary, body: ordinary, status: 200},
		{name: "a token in every header that servers log", body: ordinary, status: 200, headers: []string{
			"User-Agent", canary, "Referer", "https://" + canary + ".example/", "X-Forwarded-For", canary, "Baggage", "k=" + canary,
			"Tracestate", "k=" + canary, "Traceparent", canary, "X-Request-Id", canary, "Accept", canary, "Authorization", "Bearer " + canary,
		}},
	}
}
