package tokenanomalyconnector

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/keytrail/keytrail/internal/detect"
	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/event/plogevent"
)

// trusted marks the call: the reserved keys of an alert were set here.
func trusted(ctx context.Context) context.Context { return event.Trusted(ctx) }

// alertLogs gives each alert a resource and a scope of its own: those of the event that caused it.
func alertLogs(alerts []detect.Alert, now time.Time) plog.Logs {
	ld := plog.NewLogs()
	ld.ResourceLogs().EnsureCapacity(len(alerts))
	for i := range alerts {
		r := alerts[i].Record(now)
		rl := ld.ResourceLogs().AppendEmpty()
		plogevent.WriteResource(&r, rl.Resource())
		sl := rl.ScopeLogs().AppendEmpty()
		plogevent.WriteScope(r.Scope, sl.Scope())
		plogevent.Write(&r, sl.LogRecords().AppendEmpty())
	}
	return ld
}

// instanceKey tells replicas apart.
const instanceKey = "service.instance.id"

// writer builds the metrics of one flush. All of them are emitted every time, changed or not.
type writer struct {
	list       pmetric.MetricSlice
	start, now pcommon.Timestamp
}

func metricsOf(m detect.Metrics, snapshotErrors uint64, start, now time.Time, resource pcommon.Resource) pmetric.Metrics {
	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	if id, ok := resource.Attributes().Get(instanceKey); ok {
		rm.Resource().Attributes().PutStr(instanceKey, id.AsString())
	}
	sm := rm.ScopeMetrics().AppendEmpty()
	sm.Scope().SetName(event.ScopeName)
	w := writer{sm.Metrics(), pcommon.NewTimestampFromTime(start), pcommon.NewTimestampFromTime(now)}
	w.alerts(m)
	w.work(m)
	w.limits(m)
	w.sum("keytrail.anomaly.snapshot_errors", "Baselines that could not be saved or read.", "{error}").point(int64(snapshotErrors))
	return md
}

func (w writer) alerts(m detect.Metrics) {
	alerts := w.sum("keytrail.anomaly.alerts", "Alerts raised. One that becomes more severe counts under each severity it had.", "{alert}")
	active := w.gauge("keytrail.anomaly.active", "Alerts that are open now.", "{alert}")
	last := w.gauge("keytrail.anomaly.last_alert.timestamp", "When the last alert began, by event time.", "s")
	suppressed := w.sum("keytrail.anomaly.suppressed", "What was noticed and became no alert of its own.", "{alert}")
	for d := range detect.DetectorCount {
		detector := label{"detector", d.String()}
		for s := range detect.SeverityCount {
			severity := label{"severity", s.String()}
			exemplar(alerts.point(int64(m.Alerts[d][s]), detector, severity), m.Exemplars[d][s])
			active.point(m.Active[d][s], detector, severity)
		}
		last.point(m.LastAlert[d], detector)
		for s := range detect.SuppressionCount {
			suppressed.point(int64(m.Suppressed[d][s]), detector, label{"reason", s.String()})
		}
	}
}

func (w writer) work(m detect.Metrics) {
	evaluations := w.sum("keytrail.anomaly.evaluations", "Windows and requests that were tested.", "{test}")
	for d := range detect.DetectorCount {
		evaluations.point(int64(m.Evaluations[d]), label{"detector", d.String()})
	}
	w.sum("keytrail.anomaly.late_events", "Events more than a minute behind the newest of their source.", "{event}").point(int64(m.Late))
	w.sum("keytrail.anomaly.duplicate_events", "Events that had been counted within ten minutes.", "{event}").point(int64(m.Duplicates))
	w.sum("keytrail.anomaly.ignored_events", "Events whose fingerprint or principal has no known form.", "{event}").point(int64(m.Ignored))
}

func (w writer) limits(m detect.Metrics) {
	w.gauge("keytrail.anomaly.tracked_tokens", "Tokens that have a baseline.", "{token}").point(m.Tracked)
	w.gauge("keytrail.anomaly.state_bytes", "Memory the baselines take.", "By").point(m.StateBytes)
	evictions := w.sum("keytrail.anomaly.evictions", "What a bounded table had to forget.", "{entry}")
	for v := range detect.EvictionCount {
		evictions.point(int64(m.Evictions[v]), label{"reason", v.String()})
	}
}

type label struct{ key, value string }

// series is one metric that points are added to.
type series struct {
	writer
	points pmetric.NumberDataPointSlice
	sum    bool
}

func (w writer) add(name, description, unit string) pmetric.Metric {
	m := w.list.AppendEmpty()
	m.SetName(name)
	m.SetDescription(description)
	m.SetUnit(unit)
	return m
}

func (w writer) sum(name, description, unit string) series {
	s := w.add(name, description, unit).SetEmptySum()
	s.SetIsMonotonic(true)
	s.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	return series{w, s.DataPoints(), true}
}

func (w writer) gauge(name, description, unit string) series {
	return series{w, w.add(name, description, unit).SetEmptyGauge().DataPoints(), false}
}

func (s series) point(value int64, labels ...label) pmetric.NumberDataPoint {
	p := s.points.AppendEmpty()
	p.SetIntValue(value)
	p.SetTimestamp(s.now)
	if s.sum {
		p.SetStartTimestamp(s.start)
	}
	for _, l := range labels {
		p.Attributes().PutStr(l.key, l.value)
	}
	return p
}

// exemplar points from a count to the last request that raised it. OpenMetrics allows 128 characters: the
// fingerprint is cut, names stay out.
func exemplar(p pmetric.NumberDataPoint, e detect.Exemplar) {
	if e.AlertID == "" {
		return
	}
	x := p.Exemplars().AppendEmpty()
	x.SetIntValue(1)
	x.SetTimestamp(pcommon.NewTimestampFromTime(e.At))
	x.SetTraceID(e.TraceID)
	x.SetSpanID(e.SpanID)
	x.FilteredAttributes().PutStr("alert_id", e.AlertID)
	x.FilteredAttributes().PutStr("token_fp", e.Fingerprint)
}
