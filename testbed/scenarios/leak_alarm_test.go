//go:build scenario

package scenarios

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/testbed/harness"
)

// canaryConfig is a pipeline with a canary every second; %s are the processors between token_owner and the exporter.
const canaryConfig = `receivers:
  api_log: {ingest: {endpoint: "localhost:4380"}, keyring: {path: ./keys/keyring.yaml, create: true}}
processors:
  token_owner: {keyring: {path: ./keys/keyring.yaml, create: true}, canary: {interval: 1s}}
  transform:
    log_statements:
      - context: log
        conditions: ['log.event_name == "keytrail.canary"']
        statements: ['set(log.attributes["note"], "debug: PLANTED")']
connectors:
  token_anomaly: {metrics_flush_interval: 1s}
exporters:
  token_trail:
    journal: {directory: ./data/journal, segment_age: 1s}
    archive: {directory: ./data/archive}
    canary: {stop_on_leak: STOP}
  prometheus: {endpoint: "localhost:9464"}
service:
  pipelines:
    logs: {receivers: [api_log], processors: [token_owner%s], exporters: [token_anomaly, token_trail]}
    metrics: {receivers: [token_anomaly], exporters: [prometheus]}
  telemetry: {metrics: {readers: [{pull: {exporter: {prometheus: {host: localhost, port: 8888}}}}]}}
`

func startWithCanary(t *testing.T, between string, stop bool) (*harness.Collector, string) {
	t.Helper()
	dir := harness.Dir(t)
	planted := event.CanaryPrefix + strings.Repeat("d0", 16)
	config := strings.NewReplacer("PLANTED", planted, "STOP", fmt.Sprint(stop)).Replace(fmt.Sprintf(canaryConfig, between))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "config.yaml"), []byte(config), 0o600))
	return harness.Start(t, harness.Options{Dir: dir, Config: "file:config.yaml", Ready: "localhost:4380"}), dir
}

// neighbour is a request of a real token beside the canaries.
func neighbour(t *testing.T) string {
	return kong(t, func(_, headers, _ map[string]any) { headers["apikey"] = "dummy-" + rand.Text() })
}

const ownMetrics = "http://localhost:8888/metrics"

// seen waits until some canaries have arrived.
func seen(t *testing.T, n float64) {
	t.Helper()
	harness.Eventually(t, 60*time.Second, "canaries arrive", func() error {
		if got := harness.Metric(t, ownMetrics, "exporter_token_trail_canary_seen"); got < n {
			return fmt.Errorf("%v seen", got)
		}
		return nil
	})
}

func TestACanaryCrossesAHealthyPipelineUnseen(t *testing.T) {
	c, dir := startWithCanary(t, "", true)
	ingest(t, "kong", neighbour(t))
	seen(t, 4)
	require.Zero(t, harness.Metric(t, ownMetrics, "exporter_token_trail_canary_leaked"))
	require.Zero(t, harness.Metric(t, ownMetrics, "exporter_token_trail_rejected_records"))
	require.GreaterOrEqual(t, harness.Metric(t, ownMetrics, "processor_token_owner_canaries", "result", "sent"), 4.0)
	anomalies := harness.Get(t, "http://localhost:9464/metrics")
	require.NotContains(t, anomalies, "keytrail_anomaly_tracked_tokens 2")
	c.Stop()
	require.NotContains(t, c.Log(), event.CanaryPrefix)
	list := harness.Keytrail(t, dir, "", "tokens", "--output", "json")
	require.Equal(t, 1, strings.Count(list.Stdout, "\n"), "the one request, and no canary: %s", list.Stdout)
	harness.NoLeakBelow(t, filepath.Join(dir, "data"), event.CanaryPrefix)
}

func TestALeakBehindTheProcessorRaisesTheAlarm(t *testing.T) {
	c, dir := startWithCanary(t, ", transform", false)
	seen(t, 2)
	require.GreaterOrEqual(t, harness.Metric(t, ownMetrics, "exporter_token_trail_canary_leaked", "record", "canary", "form", "raw"), 2.0)
	ingest(t, "kong", neighbour(t))
	c.Stop()
	require.Equal(t, 1, strings.Count(harness.Keytrail(t, dir, "", "tokens", "--output", "json").Stdout, "\n"), "requests are kept")
	harness.NoLeakBelow(t, filepath.Join(dir, "data"), event.CanaryPrefix)
}

func TestALeakStopsThePipelineThatAsksForIt(t *testing.T) {
	c, _ := startWithCanary(t, ", transform", true)
	seen(t, 1)
	status, _, err := harness.Post("http://localhost:4380/ingest/kong", "application/json", []byte(neighbour(t)))
	require.NoError(t, err)
	require.GreaterOrEqual(t, status, 400)
	require.GreaterOrEqual(t, harness.Metric(t, ownMetrics, "exporter_token_trail_rejected_records", "reason", "leak"), 1.0)
	require.Contains(t, c.Log(), "came through unredacted")
	require.NotContains(t, c.Log(), event.CanaryPrefix)
}
