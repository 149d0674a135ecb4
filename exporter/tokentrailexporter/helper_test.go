package tokentrailexporter

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/keytrail/keytrail/exporter/tokentrailexporter/internal/metadata"
	"github.com/keytrail/keytrail/internal/archive"
	"github.com/keytrail/keytrail/internal/archive/bucket"
	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/journal"
)

// testConfig lies in a directory of its own, with segments that a test can fill.
func testConfig(t testing.TB) *Config {
	dir := t.TempDir()
	cfg := createDefaultConfig().(*Config)
	cfg.Journal.Directory = filepath.Join(dir, "journal")
	cfg.Destinations.Archive.Directory = filepath.Join(dir, "archive")
	cfg.Journal.SegmentSize = 64 << 10
	cfg.Journal.MaxSize = 1 << 20
	cfg.Journal.SegmentAge = time.Hour
	return cfg
}

// testHost keeps the status that the exporters report.
type testHost struct {
	component.Host
	mu     sync.Mutex
	events []*componentstatus.Event
}

func newHost() *testHost { return &testHost{Host: componenttest.NewNopHost()} }

func (h *testHost) Report(e *componentstatus.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, e)
}

func (h *testHost) status() componentstatus.Status {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.events) == 0 {
		return componentstatus.StatusNone
	}
	return h.events[len(h.events)-1].Status()
}

// rig is one configuration with an exporter for each signal.
type rig struct {
	t      testing.TB
	cfg    *Config
	host   *testHost
	tel    *componenttest.Telemetry
	logged *observer.ObservedLogs
	logs   exporter.Logs
	traces exporter.Traces
	down   bool
}

func start(t testing.TB, cfg *Config) *rig {
	t.Helper()
	r := &rig{t: t, cfg: cfg, host: newHost(), tel: componenttest.NewTelemetry()}
	set := exportertest.NewNopSettings(metadata.Type)
	set.TelemetrySettings = r.tel.NewTelemetrySettings()
	core, logged := observer.New(zap.DebugLevel)
	set.Logger, r.logged = zap.New(core), logged
	var err error
	r.logs, err = NewFactory().CreateLogs(t.Context(), set, cfg)
	require.NoError(t, err)
	r.traces, err = NewFactory().CreateTraces(t.Context(), set, cfg)
	require.NoError(t, err)
	require.NoError(t, r.logs.Start(t.Context(), r.host))
	require.NoError(t, r.traces.Start(t.Context(), r.host))
	t.Cleanup(r.stop)
	return r
}

func (r *rig) stop() {
	if r.down {
		return
	}
	r.down = true
	ctx := context.WithoutCancel(r.t.Context())
	require.NoError(r.t, r.logs.Shutdown(ctx))
	require.NoError(r.t, r.traces.Shutdown(ctx))
	require.NoError(r.t, r.tel.Shutdown(ctx))
}

// eventually waits for what a goroutine of the exporter does.
func eventually(t testing.TB, ok func() bool, what string) {
	t.Helper()
	require.Eventually(t, ok, time.Minute, 10*time.Millisecond, what)
}

// request is a sealed API request with its own id.
func request(id string, attrs ...event.Attr) event.Record {
	now := time.Now().UnixNano()
	r := event.Record{
		Time: now, Observed: now, Name: event.NameRequest,
		Scope:    event.Scope{Ring: "ring-test", Epoch: 1, Check: "kcv-one"},
		Resource: event.Attrs{{Key: event.KeyServiceName, Value: event.String("orders")}},
		Attrs: event.Attrs{
			{Key: event.KeyEventID, Value: event.String(id)},
			{Key: event.KeyRedaction, Value: event.String(event.RedactionDone)},
			{Key: event.KeyFingerprint, Value: event.String("kt1_00000000000000000000000000000001")},
			{Key: event.KeyMethod, Value: event.String("GET")},
			{Key: event.KeyStatus, Value: event.Int(200)},
		},
	}
	for _, a := range attrs {
		r.Attrs.Set(a.Key, a.Value)
	}
	return r
}

func with(key string, v event.Value) event.Attr { return event.Attr{Key: key, Value: v} }

func asLogs(records ...event.Record) plog.Logs {
	ld := plog.NewLogs()
	for i := range records {
		rl, _, _ := asLog(&records[i])
		rl.MoveTo(ld.ResourceLogs().AppendEmpty())
	}
	return ld
}

// stored returns the events in the journal by id, with the classes they go to.
func stored(t testing.TB, cfg *Config) map[string]event.Record {
	t.Helper()
	got := make(map[string]event.Record)
	for e, err := range journal.Tail(cfg.Journal.Directory) {
		require.NoError(t, err)
		var r event.Record
		require.NoError(t, r.Decode(e.Payload))
		id := r.Attrs.Str(event.KeyEventID)
		require.NotContains(t, got, id)
		got[id] = r
	}
	return got
}

// archived returns how often each event id stands in a class of the archive.
func archived(t testing.TB, cfg *Config, class string) map[string]int {
	t.Helper()
	got := make(map[string]int)
	b, err := bucket.ReadDir(cfg.Destinations.Archive.Directory)
	if errors.Is(err, os.ErrNotExist) {
		return got
	}
	require.NoError(t, err)
	hits, report := archive.NewReader(b).Search(t.Context(), archive.Selection{Primary: true})
	for h, err := range hits {
		require.NoError(t, err)
		if h.Record.Classes[0] == class {
			got[h.Record.Attrs.Str(event.KeyEventID)]++
		}
	}
	require.Empty(t, report.Unreadable)
	return got
}

// sum returns the value of a counter or gauge over all its attributes, or those with one label value.
func (r *rig) sum(name, label string) (total int64) {
	r.t.Helper()
	m, err := r.tel.GetMetric("otelcol_exporter_token_trail_" + name)
	if err != nil {
		return 0
	}
	var points []metricdata.DataPoint[int64]
	switch d := m.Data.(type) {
	case metricdata.Sum[int64]:
		points = d.DataPoints
	case metricdata.Gauge[int64]:
		points = d.DataPoints
	}
	for _, p := range points {
		if label == "" {
			total += p.Value
			continue
		}
		for _, kv := range p.Attributes.ToSlice() {
			if kv.Value.AsString() == label {
				total += p.Value
			}
		}
	}
	return total
}

func nopSettings() exporter.Settings { return exportertest.NewNopSettings(metadata.Type) }

// rotate closes the live segment, so that a test need not wait for its age.
func (r *rig) rotate() error {
	trails.Lock()
	t := trails.started[r.cfg]
	trails.Unlock()
	return t.journal.Rotate()
}
