package tokentrailexporter

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/event/plogevent"
)

// trailExporter is the exporter of one signal. Those of one configuration share a trail.
type trailExporter struct {
	set   exporter.Settings
	cfg   *Config
	trail *trail // from start to shutdown
}

func (e *trailExporter) start(_ context.Context, host component.Host) (err error) {
	e.trail, err = acquire(e.cfg, e.set, host)
	return err
}

func (e *trailExporter) shutdown(ctx context.Context) error {
	if e.trail == nil {
		return nil
	}
	t := e.trail
	e.trail = nil
	return release(ctx, t)
}

// consumeLogs returns nil only when every record is on stable storage.
func (e *trailExporter) consumeLogs(ctx context.Context, ld plog.Logs) error {
	b := e.trail.newBatch(ctx)
	defer b.free()
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, lr := range sl.LogRecords().All() {
				plogevent.Read(plogevent.Entry{Resource: rl.Resource(), Scope: sl.Scope(), Record: lr}, &b.record)
				b.add(rl, sl, lr)
			}
		}
	}
	return b.store()
}

// consumeTraces stores the spans that are API requests of a token; other spans are none of its business.
func (e *trailExporter) consumeTraces(ctx context.Context, td ptrace.Traces) error {
	b := e.trail.newBatch(ctx)
	defer b.free()
	for s := range plogevent.Spans(td) {
		if !s.IsEvent() {
			continue
		}
		plogevent.ReadSpan(s, &b.record)
		b.add(asLog(&b.record))
	}
	return b.store()
}

// asLog writes the event of a span as the log record that the conditions of the classes are about.
func asLog(r *event.Record) (plog.ResourceLogs, plog.ScopeLogs, plog.LogRecord) {
	rl := plog.NewResourceLogs()
	sl := rl.ScopeLogs().AppendEmpty()
	lr := sl.LogRecords().AppendEmpty()
	plogevent.WriteResource(r, rl.Resource())
	plogevent.WriteScope(r.Scope, sl.Scope())
	plogevent.Write(r, lr)
	return rl, sl, lr
}
