//go:build scenario

package scenarios

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/dashboards"
	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/loki"
	"github.com/keytrail/keytrail/testbed/harness"
)

// dashboardSources are the demo's traffic in Loki, and its collector scraped by Prometheus.
type dashboardSources struct {
	loki, prometheus *harness.Server
	variables        *strings.Replacer
}

// Every query of the dashboard finds something in the traffic of the demo.
func TestDashboardShowsTheDemo(t *testing.T) {
	dir := harness.Dir(t)
	playDemo(t, dir)
	s := dashboardSources{
		loki:       harness.Loki(t, lokiRetention(t)+"  delete_request_cancel_period: 1s\n"),
		prometheus: harness.Prometheus(t, "  - {job_name: anomalies, static_configs: [{targets: ['localhost:9464']}]}\n  - {job_name: collector, static_configs: [{targets: ['localhost:8888']}]}"),
	}
	leaked := strings.TrimSpace(harness.Keytrail(t, dir, "", "demo", "token").Stdout)
	fp, _, _ := strings.Cut(harness.Keytrail(t, dir, leaked, "fingerprint").Stdout, "\n")
	fp = strings.Fields(fp)[0]
	s.variables = strings.NewReplacer("$class", "trail", "$service", ".+", "$fingerprint", fp, "$shard", loki.ShardLabel(loki.Shard(fp)),
		"$__range", "24h", "$__auto", "10m", "$__rate_interval", "10s")

	events := demoRecords(t, dir)
	require.Greater(t, len(events), 1000)
	c := lokiClient(t, s.loki, nil)
	var entries []loki.Entry
	for i := range events {
		entries = append(entries, loki.Encode(&events[i], "trail"))
	}
	harness.Eventually(t, 2*time.Minute, "Loki has the demo's last day", func() error {
		r, err := c.Push(t.Context(), entries)
		require.Empty(t, r.Rejected)
		entries = entries[r.Settled:]
		return err
	})
	b, err := fs.ReadFile(dashboards.Files, "token-overview.json")
	require.NoError(t, err)
	var d struct {
		Panels []struct {
			Title   string
			Targets []struct {
				Expr       string
				Datasource struct{ Type string }
			}
		}
	}
	require.NoError(t, json.Unmarshal(b, &d))
	for _, p := range d.Panels {
		for _, q := range p.Targets {
			harness.Eventually(t, 30*time.Second, p.Title, func() error {
				return s.finds(q.Datasource.Type, s.variables.Replace(q.Expr))
			})
		}
	}
	lines := lokiLines(t, s.loki, `{retention_class="trail"}`, time.Now().Add(-25*time.Hour))
	harness.NoLeak(t, "Loki", strings.Join(lines, "\n"), leaked)
}

// finds runs a query over the last day and wants data.
func (s dashboardSources) finds(kind, expr string) error {
	address, now := s.loki.URL("/loki/api/v1/query_range?"), time.Now()
	params := url.Values{"query": {expr}, "start": {strconv.FormatInt(now.Add(-24*time.Hour).UnixNano(), 10)}, "end": {strconv.FormatInt(now.UnixNano(), 10)}, "step": {"600"}}
	if kind == "prometheus" {
		address = s.prometheus.URL("/api/v1/query?")
		params = url.Values{"query": {expr}}
	}
	resp, err := http.Get(address + params.Encode())
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var answer struct {
		Data struct {
			Result []json.RawMessage `json:"result"`
		} `json:"data"`
		Error string `json:"error"`
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: status %d", expr, resp.StatusCode)
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return fmt.Errorf("%s: %w", expr, err)
	}
	if len(answer.Data.Result) == 0 {
		return fmt.Errorf("no data for %s", expr)
	}
	return nil
}

// playDemo plays the demo and leaves its collector running until the test ends.
func playDemo(t *testing.T, dir string) {
	t.Helper()
	path := filepath.Join(dir, "demo.log")
	log, err := os.Create(path)
	require.NoError(t, err)
	cmd := exec.Command(harness.Bin(t, "keytrail"), "demo", "--keep")
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGINT)
		_ = cmd.Wait()
		_ = log.Close()
	})
	harness.Eventually(t, 8*time.Minute, "the demo has played", func() error {
		b, err := os.ReadFile(path)
		if err == nil && !strings.Contains(string(b), "9464/metrics") {
			return fmt.Errorf("it says %q", b[max(0, len(b)-200):])
		}
		return err
	})
}

// demoRecords reads the last day of requests, and the alerts, back from the archive through the command.
func demoRecords(t *testing.T, dir string) []event.Record {
	t.Helper()
	var all []event.Record
	for _, args := range [][]string{{"trail", "--since", "23h", "--limit", "0"}, {"alerts", "--since", "23h"}} {
		res := harness.Keytrail(t, dir, "", append(args, "--output", "json")...)
		require.Zero(t, res.Code, res.Stderr)
		for _, r := range rows(t, res.Stdout) {
			all = append(all, recordOf(t, r))
		}
	}
	return all
}

func recordOf(t *testing.T, r row) event.Record {
	t.Helper()
	text, ok := r["time"].(string)
	if !ok { // an alert has a start
		text, _ = r["start"].(string)
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	require.NoError(t, err, "%v", r)
	rec := event.Record{Time: at.UnixNano(), Name: event.NameRequest}
	if _, alert := r[event.KeyAlertID]; alert {
		rec.Name = event.NameAnomaly
	}
	for k, v := range r {
		b, err := json.Marshal(v)
		require.NoError(t, err)
		switch value := event.ParseJSON(string(b)); k {
		case "time", "start", "end", "event.name", "observed_time":
		case "trace_id":
			_, err = hex.Decode(rec.TraceID[:], []byte(value.Str()))
			require.NoError(t, err)
		case "span_id":
			_, err = hex.Decode(rec.SpanID[:], []byte(value.Str()))
			require.NoError(t, err)
		case event.KeyServiceName, event.KeyDeploymentEnv:
			rec.Resource.Add(k, value)
		default:
			rec.Attrs.Add(k, value)
		}
	}
	return rec
}

// The collector that compose starts has a configuration that the binary accepts, and so has its Prometheus.
func TestDeployedConfigurationsAreValid(t *testing.T) {
	deploy := filepath.Join(harness.Root(t), "deploy", "compose")
	for _, cmd := range []*exec.Cmd{
		exec.Command(harness.Bin(t, "otelcol-keytrail"), "validate", "--config", filepath.Join(deploy, "collector.yaml")),
		exec.Command(harness.ServerBin(t, "loki"), "-config.file="+filepath.Join(deploy, "loki.yaml"), "-verify-config"),
		exec.Command("promtool", "check", "rules", filepath.Join(harness.Root(t), "dashboards", "rules.yaml")),
		exec.Command("promtool", "check", "config", "--syntax-only", filepath.Join(deploy, "prometheus.yaml")),
	} {
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%v: %s", cmd.Args, out)
	}
}
