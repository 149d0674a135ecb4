package tokenownerprocessor

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processortest"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/fingerprint"
	"github.com/keytrail/keytrail/processor/tokenownerprocessor/internal/metadata"
)

// keyringPath is a ring of two epochs. A checkout makes it readable to all, which a ring must not be.
const keyringPath = "testdata/keyring.yaml"

func init() {
	if err := os.Chmod(keyringPath, 0o600); err != nil {
		panic(err)
	}
}

func ring(t testing.TB) *fingerprint.Ring {
	t.Helper()
	r, err := fingerprint.Load(keyringPath)
	require.NoError(t, err)
	return r
}

// dummyToken is a credential of no known format, made at run time.
func dummyToken() string { return "dummy" + rand.Text() }

func fingerprintOf(t testing.TB, token string) string {
	return ring(t).Stamp(fingerprint.Credential, fingerprint.CredentialDigest([]byte(token))).String()
}

// bench is a started processor between a test and its sinks.
type bench struct {
	logs   processor.Logs
	traces processor.Traces
	sink   *sink
	tel    *componenttest.Telemetry
}

// sink keeps what came out and whether it came marked.
type sink struct {
	logs    consumertest.LogsSink
	traces  consumertest.TracesSink
	trusted []bool
	refusal atomic.Pointer[error]
}

// refuse makes the sink answer with an error, nil: take everything again.
func (s *sink) refuse(err error) { s.refusal.Store(&err) }

func (s *sink) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

func (s *sink) ConsumeLogs(ctx context.Context, ld plog.Logs) error {
	if err := s.refusal.Load(); err != nil && *err != nil {
		return *err
	}
	s.trusted = append(s.trusted, event.IsTrusted(ctx))
	return s.logs.ConsumeLogs(ctx, ld)
}

func (s *sink) ConsumeTraces(ctx context.Context, td ptrace.Traces) error {
	s.trusted = append(s.trusted, event.IsTrusted(ctx))
	return s.traces.ConsumeTraces(ctx, td)
}

func newBench(t testing.TB, edit func(*Config)) *bench {
	t.Helper()
	cfg := createDefaultConfig().(*Config)
	cfg.Keyring.Path = keyringPath
	cfg.Source = "edge"
	if edit != nil {
		edit(cfg)
	}
	return newBenchOn(t, cfg, componenttest.NewNopHost())
}

func newBenchOn(t testing.TB, cfg *Config, host component.Host) *bench {
	t.Helper()
	b := &bench{sink: &sink{}, tel: componenttest.NewTelemetry()}
	set := processortest.NewNopSettings(metadata.Type)
	set.TelemetrySettings = b.tel.NewTelemetrySettings()
	ctx := context.Background()
	var err error
	b.logs, err = NewFactory().CreateLogs(ctx, set, cfg, b.sink)
	require.NoError(t, err)
	b.traces, err = NewFactory().CreateTraces(ctx, set, cfg, b.sink)
	require.NoError(t, err)
	require.NoError(t, b.logs.Start(ctx, host))
	require.NoError(t, b.traces.Start(ctx, host))
	t.Cleanup(func() {
		require.NoError(t, b.logs.Shutdown(ctx))
		require.NoError(t, b.traces.Shutdown(ctx))
		require.NoError(t, b.tel.Shutdown(ctx))
	})
	return b
}

func (b *bench) sendLogs(t testing.TB, ctx context.Context, ld plog.Logs) plog.Logs {
	t.Helper()
	require.NoError(t, b.logs.ConsumeLogs(ctx, ld))
	all := b.sink.logs.AllLogs()
	return all[len(all)-1]
}

func (b *bench) sendTraces(t testing.TB, ctx context.Context, td ptrace.Traces) ptrace.Traces {
	t.Helper()
	require.NoError(t, b.traces.ConsumeTraces(ctx, td))
	all := b.sink.traces.AllTraces()
	return all[len(all)-1]
}

// request makes a batch of one request-like record.
func request(edit func(plog.LogRecord)) plog.Logs {
	ld := plog.NewLogs()
	lr := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	lr.Attributes().PutStr(event.KeyMethod, "GET")
	lr.Attributes().PutInt(event.KeyStatus, 200)
	edit(lr)
	return ld
}

func records(ld plog.Logs) []plog.LogRecord {
	var all []plog.LogRecord
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, lr := range sl.LogRecords().All() {
				all = append(all, lr)
			}
		}
	}
	return all
}

func logText(t testing.TB, ld plog.Logs) string {
	t.Helper()
	raw, err := (&plog.ProtoMarshaler{}).MarshalLogs(ld)
	require.NoError(t, err)
	return string(raw)
}

func traceText(t testing.TB, td ptrace.Traces) string {
	t.Helper()
	raw, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
	require.NoError(t, err)
	return string(raw)
}

// requireGone fails where the token stands in out in any form that can be turned back.
func requireGone(t testing.TB, out, token string) {
	t.Helper()
	hashed := sha256.Sum256([]byte(token))
	for name, form := range map[string]string{
		"raw": token, "percent": url.QueryEscape(token), "hex": hex.EncodeToString([]byte(token)),
		"base64": strings.TrimRight(base64.StdEncoding.EncodeToString([]byte(token)), "="),
		"sha256": hex.EncodeToString(hashed[:]),
	} {
		require.NotContains(t, out, form, "the token left as %s", name)
	}
}
