package tokenanomalyconnector

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/storagetest"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/golden"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/pdatatest/pmetrictest"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/keytrail/keytrail/connector/tokenanomalyconnector/internal/metadata"
	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/event/plogevent"
)

func newConfig() *Config { return createDefaultConfig().(*Config) }

// The whole story of one leaked and one revoked token, seen from both outputs.
func TestAlertsAndTheirCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newConfig(), componenttest.NewNopHost())
		r.start()
		pass(1100 * time.Millisecond) // the clock of the bubble: the zeros go out
		require.Zero(t, r.count("keytrail.anomaly.alerts", "detector", "dead_token", "severity", "high"))

		now := time.Now()
		r.consume(history("ci", now))
		leak := newBatch()
		leak.add("leak-1", "ci", "/v1/admin/keys", "203.0.113.9", 200, now)
		r.consume(leak.ld)
		r.consume(revokedUse("dead-1", now))
		r.consume(revokedUse("dead-1", now)) // a retry
		pass(1100 * time.Millisecond)
		require.Len(t, r.alerts.all(), 2, "alerts go out within a second")
		require.True(t, r.alerts.trusted)
		pass(15 * time.Second)

		require.EqualValues(t, 1, r.count("keytrail.anomaly.alerts", "detector", "dead_token", "severity", "high"))
		require.EqualValues(t, 1, r.count("keytrail.anomaly.active", "detector", "new_endpoint", "severity", "high"))
		require.EqualValues(t, now.Unix()/60*60, r.count("keytrail.anomaly.last_alert.timestamp", "detector", "new_endpoint"))
		require.EqualValues(t, 1, r.count("keytrail.anomaly.duplicate_events"))
		require.EqualValues(t, 1, r.count("keytrail.anomaly.tracked_tokens"))
		r.shutdown()

		a := r.alerts.all()[0]
		require.Equal(t, event.NameAnomaly, a.Name)
		require.Equal(t, "orders", a.Resource.Str(event.KeyServiceName))
		require.Equal(t, "r1", a.Scope.Ring)
		require.Equal(t, event.RedactionDone, a.Attrs.Str(event.KeyRedaction))
		require.Equal(t, "start", a.Attrs.Str(event.KeyAlertState))
		require.Equal(t, fp("ci"), a.Attrs.Str(event.KeyFingerprint))
		require.Equal(t, "CI", a.Attrs.Str(event.KeyOwnerName))
		require.Equal(t, "/v1/admin/keys", a.Attrs.Str(event.KeyTemplate))
		require.Len(t, a.Attrs.Str(event.KeyEventID), 32)
		require.Contains(t, a.Attrs.Str(event.KeyAlertExplanation), `used "GET /v1/admin/keys" for the first time in 21 days, from 203.0.113.0/24`)
		require.Contains(t, a.Attrs.Str(event.KeyAlertNext), "keytrail trail --fingerprint "+fp("ci")+" --since ")
	})
}

// Golden: every series there is, before anything happened.
func TestMetricsGolden(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newConfig(), componenttest.NewNopHost())
		r.start()
		pass(1100 * time.Millisecond)
		r.shutdown()
		got := r.metrics.AllMetrics()[0]
		require.NoError(t, pmetrictest.ValidateMetrics(got))
		want, err := golden.ReadMetrics("testdata/metrics_at_start.yaml")
		require.NoError(t, err)
		require.NoError(t, pmetrictest.CompareMetrics(want, got, pmetrictest.IgnoreTimestamp(), pmetrictest.IgnoreStartTimestamp(),
			pmetrictest.IgnoreMetricDataPointsOrder(), pmetrictest.IgnoreMetricsOrder()))
	})
}

// Both signals feed one state, and the same request told by a log and a span counts once.
func TestLogsAndTracesShareOneState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newConfig(), componenttest.NewNopHost())
		r.start()
		now := time.Now()
		r.consume(history("ci", now))
		td := ptrace.NewTraces()
		sp := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
		sp.SetKind(ptrace.SpanKindServer)
		sp.SetTraceID([16]byte{1})
		sp.SetSpanID([8]byte{2})
		sp.SetStartTimestamp(pcommonTime(now))
		sp.SetEndTimestamp(pcommonTime(now))
		for k, v := range map[string]string{
			event.KeyFingerprint: fp("ci"), event.KeyPrincipal: fp("ci"), event.KeyPrincipalBasis: event.BasisVerified, event.KeyMethod: "GET",
			event.KeyRoute: "/v1/exports/{id}", event.KeyClientAddress: "203.0.113.9", event.KeyRedaction: event.RedactionDone,
		} {
			sp.Attributes().PutStr(k, v)
		}
		sp.Attributes().PutInt(event.KeyStatus, 200)
		for _, e := range r.traces {
			require.NoError(t, e.ConsumeTraces(context.Background(), td))
		}
		pass(1100 * time.Millisecond)
		require.Len(t, r.alerts.all(), 1)
		require.Equal(t, [16]byte{1}, r.alerts.all()[0].TraceID)
		r.shutdown()
		require.EqualValues(t, 0, r.count("keytrail.anomaly.duplicate_events"), "one edge ingests")
	})
}

// A refused alert is offered again; a request is never refused.
func TestAlertsSurviveARefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newConfig(), componenttest.NewNopHost())
		r.start()
		r.alerts.refuse = errors.New("no room")
		r.consume(revokedUse("dead-1", time.Now()))
		pass(3 * time.Second)
		require.Empty(t, r.alerts.all())
		r.alerts.mu.Lock()
		r.alerts.refuse = nil
		r.alerts.mu.Unlock()
		pass(time.Second)
		require.Len(t, r.alerts.all(), 1)
		r.shutdown()
	})
}

// What is raised between the last tick and the shutdown goes out with it, whichever edge goes first.
func TestShutdownFlushes(t *testing.T) {
	for first := range 4 {
		r := newRig(t, newConfig(), componenttest.NewNopHost())
		r.edges[0], r.edges[first] = r.edges[first], r.edges[0]
		r.start()
		r.consume(revokedUse("dead-1", time.Now()))
		r.shutdown()
		require.Len(t, r.alerts.all(), 1)
		require.NotEmpty(t, r.metrics.AllMetrics())
	}
}

func TestRestartKeepsBaselinesAndOpenAlerts(t *testing.T) {
	dir := t.TempDir()
	now := time.Now()
	run := func(use func(r *rig)) []event.Record {
		host, id := fileHost(t, dir)
		cfg := newConfig()
		cfg.StorageID = id
		r := newRig(t, cfg, host)
		r.start()
		use(r)
		r.shutdown()
		for _, e := range host.GetExtensions() {
			require.NoError(t, e.Shutdown(context.Background()))
		}
		return r.alerts.all()
	}
	first := run(func(r *rig) {
		r.consume(history("ci", now))
		r.consume(revokedUse("dead-1", now))
	})
	require.Len(t, first, 1)
	second := run(func(r *rig) {
		b := newBatch()
		b.add("leak-1", "ci", "/v1/admin/keys", "203.0.113.9", 200, now.Add(time.Second))
		r.consume(b.ld)
		r.consume(revokedUse("dead-2", now.Add(time.Second)))
	})
	require.Len(t, second, 1, "the open dead_token alert is not raised again, the new endpoint is known to be new")
	require.Equal(t, "new_endpoint", second[0].Attrs.Str(event.KeyAlertDetector))
}

func TestSnapshotThatCannotBeReadIsCountedAndLearnedAnew(t *testing.T) {
	host, id := fileHost(t, t.TempDir())
	cfg := newConfig()
	cfg.StorageID = id
	ext := host.GetExtensions()[*id].(*storagetest.TestStorage)
	client, err := ext.GetClient(context.Background(), component.KindConnector, component.NewID(metadata.Type), "state")
	require.NoError(t, err)
	require.NoError(t, client.Set(context.Background(), "shard-07", []byte("not a snapshot")))
	require.NoError(t, client.Close(context.Background()))

	r := newRig(t, cfg, host)
	r.start()
	r.shutdown()
	require.EqualValues(t, 1, r.count("keytrail.anomaly.snapshot_errors"))
}

func TestStorageMustBeAStorage(t *testing.T) {
	id := storagetest.NewNonStorageID("other")
	cfg := newConfig()
	cfg.StorageID = &id
	r := newRig(t, cfg, storagetest.NewStorageHost().WithNonStorageExtension("other"))
	require.EqualError(t, r.edges[0].Start(context.Background(), r.host), "`storage` must name a storage extension, found \"non_storage/other\"")
	require.EqualError(t, r.edges[1].Start(context.Background(), componenttest.NewNopHost()), "`storage` must name a configured extension, found \"non_storage/other\"")
	r.shutdown()
}

func TestTwoConfigurationsDoNotMeet(t *testing.T) {
	a, b := newRig(t, newConfig(), componenttest.NewNopHost()), newRig(t, newConfig(), componenttest.NewNopHost())
	a.start()
	b.start()
	a.consume(revokedUse("dead-1", time.Now()))
	a.shutdown()
	b.shutdown()
	require.Len(t, a.alerts.all(), 1)
	require.Empty(t, b.alerts.all())
	states.Lock()
	defer states.Unlock()
	require.NotContains(t, states.of, a.cfg)
}

// Nothing a record says but the redacted text reaches an alert: an event that did not pass redaction is quoted
// nowhere.
func TestUnredactedTextReachesNoAlert(t *testing.T) {
	const canary = "canary-not-a-token-7d1f"
	r := newRig(t, newConfig(), componenttest.NewNopHost())
	r.start()
	now := time.Now()
	r.consume(history("ci", now))
	b := newBatch()
	b.add("leak-1", "ci", "/v1/admin/"+canary, "203.0.113.9", 200, now, event.KeyRedaction, "", event.KeyOwnerName, canary, event.KeyMethod, canary)
	b.add("leak-2", "ci", "/v1/keys/"+canary, "203.0.113.9", 200, now, event.KeyRedaction, event.RedactionFailed, event.KeyTokenName, canary)
	r.consume(b.ld)
	r.shutdown()
	require.NotEmpty(t, r.alerts.all())
	for _, a := range r.alerts.all() {
		require.False(t, bytes.Contains(a.Append(nil), []byte(canary)), "%v", a.Attrs)
	}
}

func TestAlertsAreNotFedBack(t *testing.T) {
	r := newRig(t, newConfig(), componenttest.NewNopHost())
	r.start()
	r.consume(revokedUse("dead-1", time.Now()))
	ld := plog.NewLogs()
	rec := event.Record{Name: event.NameAnomaly, Attrs: event.Attrs{{Key: event.KeyFingerprint, Value: event.String("junk")}}}
	plogevent.Write(&rec, ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty())
	r.consume(ld)
	r.shutdown()
	require.Zero(t, r.count("keytrail.anomaly.ignored_events"))
	require.Len(t, r.alerts.all(), 1)
	require.False(t, r.logs[0].Capabilities().MutatesData)
}
