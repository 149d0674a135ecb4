//go:build scenario

package scenarios

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/gateway/gatewaytest"
	"github.com/keytrail/keytrail/testbed/harness"
)

const canaries = 10_000

// plant returns bodies by format, and the credentials in them: every place in every style with every shape. The empty
// format is the sniffed one, which gets records of all gateways side by side.
func plant() (bodies map[string]string, planted []string) {
	rng := rand.New(rand.NewPCG(42, 42))
	bodies = map[string]string{}
	for round := 0; len(planted) < canaries; round++ {
		for _, w := range gatewaytest.Writers {
			for _, place := range gatewaytest.Places {
				tok := gatewaytest.Shapes[(len(planted)+round)%len(gatewaytest.Shapes)](rng)
				if !w.Headers && !place.InTarget(tok) {
					continue
				}
				call := place.Of(tok)
				call.ID, call.Time = fmt.Sprintf("tag-%d", len(planted)), time.Now().Add(-time.Minute)
				format := w.Format
				if len(planted)%3 == 0 {
					format = ""
				}
				bodies[format] += w.Write(call) + "\n"
				planted = append(planted, tok)
			}
		}
	}
	return bodies, planted
}

func TestCanary(t *testing.T) {
	bodies, planted := plant()
	require.GreaterOrEqual(t, len(planted), canaries)

	t.Run("the embedded default", func(t *testing.T) {
		dir := harness.Dir(t)
		zpages := "localhost:" + harness.FreePort(t)
		c := harness.Start(t, harness.Options{
			Dir: dir, Config: "embedded:quickstart", Ready: "localhost:4380",
			Args: append([]string{"--set=extensions.zpages.endpoint=" + zpages, "--set=service.extensions=[file_storage/state,sealed_storage,health_check,zpages]",
				"--set=service.telemetry.traces.processors=[{simple: {exporter: {console: {}}}}]"}, debugLog...),
		})
		for format, body := range bodies {
			ingest(t, format, body)
		}
		for _, page := range []string{"/debug/servicez", "/debug/pipelinez", "/debug/extensionz", "/debug/featurez", "/debug/tracez"} {
			harness.NoLeak(t, page, harness.Get(t, "http://"+zpages+page), planted...)
		}
		found := 0
		harness.Eventually(t, 30*time.Second, "all events are listed", func() error {
			res := harness.Keytrail(t, dir, "", "tokens", "--output", "json")
			if found = strings.Count(res.Stdout, "\n"); found < canaries*8/10 {
				return fmt.Errorf("%d tokens", found)
			}
			harness.NoLeak(t, "keytrail tokens", res.Stdout+res.Stderr, planted...)
			return nil
		})
		t.Logf("%d planted, %d tokens listed (a login is one token whatever its password)", len(planted), found)
		checkNoLeak(t, c, dir, planted)
	})
	t.Run("api_log straight to debug and file exporters", func(t *testing.T) {
		dir := harness.Dir(t)
		config := `receivers:
  api_log: {ingest: {endpoint: "localhost:4380"}, keyring: {path: ./keys/keyring.yaml, create: true}}
exporters:
  debug: {verbosity: detailed, sampling_initial: 100000}
  file: {path: ./out.json}
service:
  pipelines: {logs: {receivers: [api_log], exporters: [debug, file]}}
  telemetry: {logs: {level: debug}, metrics: {readers: [{pull: {exporter: {prometheus: {host: localhost, port: 8888}}}}]}}
`
		require.NoError(t, os.WriteFile(filepath.Join(dir, "config.yaml"), []byte(config), 0o600))
		c := harness.Start(t, harness.Options{Dir: dir, Config: "file:config.yaml", Ready: "localhost:4380"})
		for format, body := range bodies {
			ingest(t, format, body)
		}
		metrics := harness.Get(t, "http://localhost:8888/metrics")
		c.Stop()
		require.Contains(t, c.Log(), "token.fingerprint")
		harness.NoLeak(t, "the debug exporter", c.Log(), planted...)
		harness.NoLeak(t, "metrics", metrics, planted...)
		harness.NoLeakBelow(t, dir, planted...)
	})
}
