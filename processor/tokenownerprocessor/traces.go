package tokenownerprocessor

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/keytrail/keytrail/internal/event"
)

// traces seals what was not sealed yet, and links owners to all.
func (c *call) traces(td ptrace.Traces) {
	c.body.openTraces(c, td)
	for _, rs := range td.ResourceSpans().All() {
		for i := 0; i < rs.ScopeSpans().Len(); i++ { // by index, for the same reason as in logs
			c.scopeSpans(rs, rs.ScopeSpans().At(i))
		}
	}
}

func (c *call) scopeSpans(rs ptrace.ResourceSpans, ss ptrace.ScopeSpans) {
	sealed := 0
	for _, sp := range ss.Spans().All() {
		if c.sealed(sp.Attributes()) {
			sealed++
			c.outcomes[outcomeTrusted]++
			c.rescrubSpan(sp, ss.Scope())
			c.link(sp.Attributes(), sp.StartTimestamp().AsTime(), nil)
		}
	}
	switch {
	case sealed == ss.Spans().Len():
		c.rescrubOrigin(rs.Resource(), ss.Scope())
	case sealed > 0:
		c.partSpans(rs, ss)
	default:
		o := c.openOrigin(rs, ss)
		for _, sp := range ss.Spans().All() {
			c.sealSpan(o, sp)
		}
		c.stamp(ss.Scope())
	}
}

// partSpans moves the spans that are not sealed to a scope of their own, appended to rs.
func (c *call) partSpans(rs ptrace.ResourceSpans, ss ptrace.ScopeSpans) {
	half := rs.ScopeSpans().AppendEmpty()
	ss.Scope().CopyTo(half.Scope())
	half.SetSchemaUrl(ss.SchemaUrl())
	ss.Spans().RemoveIf(func(sp ptrace.Span) bool {
		if c.sealed(sp.Attributes()) {
			return false
		}
		sp.MoveTo(half.Spans().AppendEmpty())
		return true
	})
}

func (c *call) sealSpan(o *origin, sp ptrace.Span) {
	index := c.body.next()
	if c.guard(func() { c.scrubSpan(o, sp, index) }) {
		return
	}
	c.cutSpan(sp, cutPanic)
	o.clear()
	c.markLost(sp.Attributes())
}

func (c *call) scrubSpan(o *origin, sp ptrace.Span, index int) {
	c.stripSpan(sp)
	p := c.sealer.Begin(c.cfg.issuer()) // not given back after a panic, as in scrubLine
	w := newWalker(p, &c.tally)
	w.lookSpan(sp)
	if !w.overrun() {
		w.scrubSpan(sp)
		o.scrubFor(&w)
	}
	failed := w.overrun() || p.Failed()
	if failed {
		c.cutSpan(sp, cause(&w))
	}
	a := sp.Attributes()
	putStamps(p, a, failed)
	c.mark(a, p, failed)
	fp := strOf(a, event.KeyFingerprint)
	if sp.Kind() == ptrace.SpanKindServer && fp != "" {
		c.events++
		c.boundSpan(sp)
		c.identifySpan(sp, fp, index)
		c.route(a, o.resource.Resource().Attributes())
	}
	c.link(a, sp.StartTimestamp().AsTime(), p)
	p.End()
}

// identifySpan makes the span an event.
func (c *call) identifySpan(sp ptrace.Span, fp string, index int) {
	a := sp.Attributes()
	id := event.SpanID(sp.TraceID(), sp.SpanID())
	if sp.TraceID().IsEmpty() || sp.SpanID().IsEmpty() { // else all such spans would be one event
		id = c.body.id(c.cfg.Source, index)
	}
	a.PutStr(event.KeyEventID, id)
	a.PutStr(event.KeyCapture, event.CaptureSpan)
	a.PutStr(event.KeySource, c.cfg.Source)
	if key := event.RequestKey(sp.TraceID(), fp, "", c.cfg.Source); key != "" {
		a.PutStr(event.KeyRequestKey, key)
	}
}

func (c *call) stripSpan(sp ptrace.Span) {
	c.strip(sp.Attributes())
	for _, e := range sp.Events().All() {
		c.strip(e.Attributes())
	}
	for _, l := range sp.Links().All() {
		c.strip(l.Attributes())
	}
}

func (w *walker) lookSpan(sp ptrace.Span) {
	w.lookMap("", sp.Attributes(), 0)
	w.pass.Look(keySpanName, sp.Name())
	w.pass.Look(keyStatusMessage, sp.Status().Message())
	w.pass.Look(keyTraceState, sp.TraceState().AsRaw())
	for _, e := range sp.Events().All() {
		w.pass.Look(keyEventName, e.Name())
		w.lookMap("", e.Attributes(), 0)
	}
	for _, l := range sp.Links().All() {
		w.pass.Look(keyTraceState, l.TraceState().AsRaw())
		w.lookMap("", l.Attributes(), 0)
	}
}

func (w *walker) scrubSpan(sp ptrace.Span) {
	w.scrubMap("", sp.Attributes(), 0, placeAttribute)
	w.text(keySpanName, sp.Name(), placeName, sp.SetName)
	w.text(keyStatusMessage, sp.Status().Message(), placeStatus, sp.Status().SetMessage)
	w.text(keyTraceState, sp.TraceState().AsRaw(), placeTraceState, sp.TraceState().FromRaw)
	for _, e := range sp.Events().All() {
		w.text(keyEventName, e.Name(), placeEvent, e.SetName)
		w.scrubMap("", e.Attributes(), 0, placeEvent)
	}
	for _, l := range sp.Links().All() {
		w.text(keyTraceState, l.TraceState().AsRaw(), placeLink, l.TraceState().FromRaw)
		w.scrubMap("", l.Attributes(), 0, placeLink)
	}
}

// Keys under which the strings of a span that are no attributes are searched.
const (
	keySpanName      = "span.name"
	keyStatusMessage = "status.message"
	keyEventName     = "event.name"
	keyTraceState    = "trace_state"
)

// markLost marks a record or span of which nothing but the skeleton is left and nothing is known.
func (c *call) markLost(a pcommon.Map) {
	a.PutStr(event.KeyRedaction, event.RedactionFailed)
	a.PutStr(event.KeySource, c.cfg.Source)
	c.outcomes[outcomeFailed]++
}
