package tokenanomalyconnector

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/storagetest"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/connector/connectortest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/keytrail/keytrail/connector/tokenanomalyconnector/internal/metadata"
	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/event/plogevent"
)

// rig is one configured connector with all four edges, as the Collector would wire it.
type rig struct {
	t       *testing.T
	cfg     *Config
	host    component.Host
	metrics *consumertest.MetricsSink
	alerts  *alertSink
	edges   []component.Component // in the order they are shut down
	logs    [2]connector.Logs     // the edges logs arrive at
	traces  [2]connector.Traces
}

// alertSink keeps alerts and whether the call was marked as ours; it can be told to refuse.
type alertSink struct {
	mu      sync.Mutex
	records []event.Record
	trusted bool
	refuse  error
}

func (s *alertSink) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

func (s *alertSink) ConsumeLogs(ctx context.Context, ld plog.Logs) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuse != nil {
		return s.refuse
	}
	s.trusted = event.IsTrusted(ctx)
	for e := range plogevent.Logs(ld) {
		var r event.Record
		plogevent.Read(e, &r)
		s.records = append(s.records, r)
	}
	return nil
}

func (s *alertSink) all() []event.Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]event.Record(nil), s.records...)
}

func newRig(t *testing.T, cfg *Config, host component.Host) *rig {
	t.Helper()
	r := &rig{t: t, cfg: cfg, host: host, metrics: &consumertest.MetricsSink{}, alerts: &alertSink{}}
	set := connectortest.NewNopSettings(metadata.Type)
	set.ID = component.NewID(metadata.Type) // a restart asks for the same storage
	f, ctx := NewFactory(), context.Background()
	var err error
	r.logs[0], err = f.CreateLogsToMetrics(ctx, set, cfg, r.metrics)
	require.NoError(t, err)
	r.logs[1], err = f.CreateLogsToLogs(ctx, set, cfg, r.alerts)
	require.NoError(t, err)
	r.traces[0], err = f.CreateTracesToMetrics(ctx, set, cfg, r.metrics)
	require.NoError(t, err)
	r.traces[1], err = f.CreateTracesToLogs(ctx, set, cfg, r.alerts)
	require.NoError(t, err)
	r.edges = []component.Component{r.logs[0], r.logs[1], r.traces[0], r.traces[1]}
	return r
}

func (r *rig) start() {
	r.t.Helper()
	for _, e := range r.edges {
		require.NoError(r.t, e.Start(context.Background(), r.host))
	}
}

func (r *rig) shutdown() {
	r.t.Helper()
	for _, e := range r.edges {
		require.NoError(r.t, e.Shutdown(context.Background()))
	}
}

// consume sends logs to every edge that takes logs, as the Collector's fan-out does.
func (r *rig) consume(ld plog.Logs) {
	r.t.Helper()
	for _, e := range r.logs {
		require.NoError(r.t, e.ConsumeLogs(context.Background(), ld))
	}
}

// count is the value of the point of a metric with these labels, from the last flush.
func (r *rig) count(name string, labels ...string) int64 {
	r.t.Helper()
	all := r.metrics.AllMetrics()
	require.NotEmpty(r.t, all)
	for _, m := range all[len(all)-1].ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().All() {
		if m.Name() != name {
			continue
		}
		for _, p := range pointsOf(m).All() {
			matched := p.Attributes().Len() == len(labels)/2
			for i := 0; i < len(labels); i += 2 {
				v, _ := p.Attributes().Get(labels[i])
				matched = matched && v.Str() == labels[i+1]
			}
			if matched {
				return p.IntValue()
			}
		}
	}
	r.t.Fatalf("no point of %s with %v", name, labels)
	return 0
}

func pointsOf(m pmetric.Metric) pmetric.NumberDataPointSlice {
	if m.Type() == pmetric.MetricTypeSum {
		return m.Sum().DataPoints()
	}
	return m.Gauge().DataPoints()
}

func fp(name string) string {
	sum := sha256.Sum256([]byte("test " + name))
	return "kt1_" + hex.EncodeToString(sum[:16])
}

// batch collects requests of one body.
type batch struct {
	ld plog.Logs
	sl plog.ScopeLogs
}

func newBatch() *batch {
	b := &batch{ld: plog.NewLogs()}
	rl := b.ld.ResourceLogs().AppendEmpty()
	rl.Resource().Attributes().PutStr(event.KeyServiceName, "orders")
	b.sl = rl.ScopeLogs().AppendEmpty()
	plogevent.WriteScope(event.Scope{Ring: "r1", Epoch: 1, Check: "c0ffee"}, b.sl.Scope())
	return b
}

func (b *batch) add(id, token, path, client string, status int64, at time.Time, more ...string) {
	lr := b.sl.LogRecords().AppendEmpty()
	lr.SetEventName(event.NameRequest)
	r := event.Record{Time: at.UnixNano(), Observed: time.Now().UnixNano(), Name: event.NameRequest}
	for _, kv := range [][2]string{
		{event.KeyEventID, id}, {event.KeyRedaction, event.RedactionDone}, {event.KeyCapture, event.CaptureLog}, {event.KeySource, "kong"},
		{event.KeyMethod, "GET"}, {event.KeyPath, path}, {event.KeyClientAddress, client}, {event.KeyFingerprint, fp(token)},
		{event.KeyPrincipal, fp(token)}, {event.KeyPrincipalBasis, event.BasisCredential}, {event.KeyTokenName, token},
		{event.KeyOwnerID, "o-" + token}, {event.KeyOwnerName, strings.ToUpper(token)}, {event.KeyOwnerSource, "file"},
	} {
		r.Attrs.Add(kv[0], event.String(kv[1]))
	}
	r.Attrs.Add(event.KeyStatus, event.Int(status))
	for i := 0; i < len(more); i += 2 {
		r.Attrs.Set(more[i], event.String(more[i+1]))
	}
	plogevent.Write(&r, lr)
}

// history is three weeks of a token that calls one endpoint six times an hour.
func history(token string, end time.Time) plog.Logs {
	b := newBatch()
	n := 0
	for at := end.AddDate(0, 0, -21); at.Before(end); at = at.Add(10 * time.Minute) {
		n++
		b.add(fmt.Sprintf("%s-%d", token, n), token, "/v1/orders", "198.51.100.7", 200, at)
	}
	return b.ld
}

// revokedUse is a request with a token that was revoked two hours before.
func revokedUse(id string, at time.Time) plog.Logs {
	b := newBatch()
	b.add(id, "old", "/v1/orders", "198.51.100.7", 401, at,
		event.KeyTokenState, event.StateRevoked, event.KeyTokenRevokedAt, at.Add(-2*time.Hour).UTC().Format(time.RFC3339))
	return b.ld
}

func fileHost(t *testing.T, dir string) (component.Host, *component.ID) {
	host := storagetest.NewStorageHost().WithFileBackedStorageExtension("state", dir)
	id := storagetest.NewStorageID("state")
	return host, &id
}

// pass lets the clock of a synctest bubble run.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}
