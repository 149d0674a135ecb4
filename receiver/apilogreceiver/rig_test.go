package apilogreceiver

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/event/plogevent"
	"github.com/keytrail/keytrail/internal/fingerprint"
)

// The generated lifecycle tests create a key ring where this variable says: one place for all runs of a user, made
// anew by each.
func init() {
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("keytrail-apilog-%d", os.Getuid()))
	if err := os.RemoveAll(dir); err != nil {
		panic(err)
	}
	if err := os.Setenv(fingerprint.EnvPath, filepath.Join(dir, "keyring.yaml")); err != nil {
		panic(err)
	}
}

// rig is a running receiver with everything that leaves it in view.
type rig struct {
	t         *testing.T
	recv      *apiLogReceiver
	sink      *consumertest.LogsSink
	telemetry *componenttest.Telemetry
	logs      *observer.ObservedLogs
	url       string
}

func testConfig(t *testing.T) *Config {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keyring.yaml")
	_, err := fingerprint.Create(path)
	require.NoError(t, err)
	cfg := createDefaultConfig().(*Config)
	cfg.Ingest.ServerConfig.NetAddr.Endpoint = "localhost:0"
	cfg.Keyring.Path = path
	return cfg
}

func start(t *testing.T, cfg *Config) *rig {
	t.Helper()
	sink := new(consumertest.LogsSink)
	r := startWith(t, cfg, sink, componenttest.NewNopHost())
	r.sink = sink
	return r
}

func startWith(t *testing.T, cfg *Config, next consumer.Logs, host component.Host) *rig {
	t.Helper()
	r := &rig{t: t, telemetry: componenttest.NewTelemetry()}
	core, logs := observer.New(zapcore.DebugLevel)
	r.logs = logs
	set := receivertest.NewNopSettings(component.MustNewType("api_log"))
	set.TelemetrySettings = r.telemetry.NewTelemetrySettings()
	set.Logger = zap.New(core)
	recv, err := newReceiver(set, cfg, next)
	require.NoError(t, err)
	require.NoError(t, recv.Start(t.Context(), host))
	r.recv = recv
	r.url = "http://" + recv.addr.String()
	t.Cleanup(func() {
		require.NoError(t, recv.Shutdown(context.Background()))
		http.DefaultClient.CloseIdleConnections()
	})
	return r
}

// answer is what came back.
type answer struct {
	code    int
	header  http.Header
	body    string
	report  report
	refusal refusal
}

// post sends body; each header is "name: value".
func (r *rig) post(path string, body []byte, headers ...string) answer {
	r.t.Helper()
	return r.do(http.MethodPost, path, bytes.NewReader(body), headers...)
}

func (r *rig) do(method, path string, body io.Reader, headers ...string) answer {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.url+path, body)
	require.NoError(r.t, err)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Host" {
			req.Host = value
		}
		req.Header.Add(name, value)
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(r.t, err)
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	require.NoError(r.t, err)
	a := answer{code: resp.StatusCode, header: resp.Header, body: string(text)}
	_ = json.Unmarshal(text, &a.report)
	_ = json.Unmarshal(text, &a.refusal)
	return a
}

// events returns what the next consumer has, in order.
func (r *rig) events() []event.Record {
	var out []event.Record
	for _, ld := range r.sink.AllLogs() {
		out = append(out, eventsOf(ld)...)
	}
	return out
}

func eventsOf(ld plog.Logs) []event.Record {
	var out []event.Record
	for e := range plogevent.Logs(ld) {
		var rec event.Record
		plogevent.Read(e, &rec)
		out = append(out, rec.Clone())
	}
	return out
}

// counter sums the points of a counter that carry every given "key=value".
func (r *rig) counter(name string, labels ...string) int64 {
	r.t.Helper()
	m, err := r.telemetry.GetMetric("otelcol_receiver_api_log_" + name)
	if err != nil {
		return 0 // nothing was counted yet
	}
	var sum int64
	for _, p := range m.Data.(metricdata.Sum[int64]).DataPoints {
		var have []string
		for _, kv := range p.Attributes.ToSlice() {
			have = append(have, string(kv.Key)+"="+kv.Value.String())
		}
		if contains(have, labels) {
			sum += p.Value
		}
	}
	return sum
}

func contains(have, want []string) bool {
	for _, w := range want {
		found := false
		for _, h := range have {
			found = found || h == w
		}
		if !found {
			return false
		}
	}
	return true
}

// kong is one record as Kong's http-log writes it, with a token that is nobody's.
func kong(id, token string) []byte {
	return fmt.Appendf(nil, `{"request":{"id":%q,"method":"GET","uri":"/v1/orders/17?page=2","url":"http://api.example.test:8000/v1/orders/17?page=2",`+
		`"querystring":{"page":"2"},"size":214,"headers":{"host":"api.example.test","user-agent":"curl/8.5","apikey":%q}},`+
		`"response":{"status":200,"size":512,"headers":{"content-type":"application/json"}},`+
		`"latencies":{"kong":1,"proxy":11,"request":12},"service":{"name":"orders"},`+
		`"client_ip":"192.0.2.7","started_at":%d}`, id, token, nowMillis())
}

func consumerFunc(f consumer.ConsumeLogsFunc) (consumer.Logs, error) { return consumer.NewLogs(f) }
