package tokenanomalyconnector

import (
	"context"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pipeline"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/event/plogevent"
)

// edge is what the Collector sees of the connector for one pair of signals. Exactly one of metrics and logs is set.
type edge struct {
	state   *state
	ingests bool
	metrics consumer.Metrics
	logs    consumer.Logs
	done    sync.Once
}

func newEdge(set connector.Settings, cfg *Config, signal pipeline.Signal, metrics consumer.Metrics, logs consumer.Logs) *edge {
	e := &edge{metrics: metrics, logs: logs}
	e.state, e.ingests = attach(set, cfg, signal, e)
	return e
}

// Capabilities says that the data of other pipelines is only read.
func (e *edge) Capabilities() consumer.Capabilities { return consumer.Capabilities{MutatesData: false} }

// Start starts the state with the first edge.
func (e *edge) Start(ctx context.Context, host component.Host) error {
	return e.state.start(ctx, host)
}

// Shutdown flushes what this edge gives out; the last edge ends the state.
func (e *edge) Shutdown(ctx context.Context) (err error) {
	e.done.Do(func() { err = e.state.detach(ctx, e) })
	return err
}

// records are reused: an event is read, judged and forgotten.
var records = sync.Pool{New: func() any { return new(event.Record) }}

// ConsumeLogs feeds the detectors. It never fails: an alert missed must not cost the sender its data.
func (e *edge) ConsumeLogs(_ context.Context, ld plog.Logs) error {
	if !e.ingests {
		return nil
	}
	r := records.Get().(*event.Record)
	defer release(r)
	for entry := range plogevent.Logs(ld) {
		switch entry.Record.EventName() {
		case "", event.NameRequest:
			plogevent.Read(entry, r)
			e.state.engine.Observe(r)
		case event.NameRotated:
			plogevent.Read(entry, r)
			e.state.engine.Rotated(r)
		}
	}
	return nil
}

// ConsumeTraces feeds the detectors with the SERVER spans. It never fails.
func (e *edge) ConsumeTraces(_ context.Context, td ptrace.Traces) error {
	if !e.ingests {
		return nil
	}
	r := records.Get().(*event.Record)
	defer release(r)
	for entry := range plogevent.Spans(td) {
		if entry.IsEvent() {
			plogevent.ReadSpan(entry, r)
			e.state.engine.Observe(r)
		}
	}
	return nil
}

// release empties a record so that the pool holds nobody's data.
func release(r *event.Record) {
	r.Reset()
	clear(r.Attrs[:cap(r.Attrs)])
	clear(r.Resource[:cap(r.Resource)])
	records.Put(r)
}
