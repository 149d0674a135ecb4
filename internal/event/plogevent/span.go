package plogevent

import (
	"iter"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/keytrail/keytrail/internal/event"
)

// SpanEntry is one span with the scope and the resource it stands under.
type SpanEntry struct {
	Resource pcommon.Resource
	Scope    pcommon.InstrumentationScope
	Span     ptrace.Span
}

// Spans walks every span of td.
func Spans(td ptrace.Traces) iter.Seq[SpanEntry] {
	return func(yield func(SpanEntry) bool) {
		for _, rs := range td.ResourceSpans().All() {
			for _, ss := range rs.ScopeSpans().All() {
				for _, sp := range ss.Spans().All() {
					if !yield(SpanEntry{rs.Resource(), ss.Scope(), sp}) {
						return
					}
				}
			}
		}
	}
}

// IsEvent reports whether the span is an API request of ours: a SERVER span that was given a token's fingerprint.
func (e SpanEntry) IsEvent() bool {
	if e.Span.Kind() != ptrace.SpanKindServer {
		return false
	}
	_, ok := e.Span.Attributes().Get(event.KeyFingerprint)
	return ok
}

// ReadSpan replaces dst by the event that the span is: same attributes, its start as the time, its length as the
// duration. The id comes from trace and span id unless it was stamped already.
func ReadSpan(e SpanEntry, dst *event.Record) {
	dst.Reset()
	sp := e.Span
	dst.Name = event.NameRequest
	dst.Time = int64(sp.StartTimestamp())
	dst.Observed = int64(sp.EndTimestamp())
	dst.TraceID = sp.TraceID()
	dst.SpanID = sp.SpanID()
	dst.Resource = ReadAttrs(e.Resource.Attributes(), dst.Resource)
	dst.Attrs = ReadAttrs(sp.Attributes(), dst.Attrs)
	dst.Scope = ReadScope(e.Scope)
	dst.Severity = event.SeverityOf(dst.Attrs.Int(event.KeyStatus))
	dst.Attrs.Set(event.KeyCapture, event.String(event.CaptureSpan))
	if dst.Attrs.Str(event.KeyEventID) == "" {
		dst.Attrs.Set(event.KeyEventID, event.String(event.SpanID(dst.TraceID, dst.SpanID)))
	}
	if _, ok := dst.Attrs.Get(event.KeyDuration); !ok && sp.EndTimestamp() >= sp.StartTimestamp() {
		dst.Attrs.Add(event.KeyDuration, event.Double(float64(sp.EndTimestamp()-sp.StartTimestamp())/1e9))
	}
}
