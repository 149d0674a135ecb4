package tokenownerprocessor

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/secret"
)

// logs seals what was not sealed yet, and links owners to all.
func (c *call) logs(ld plog.Logs) {
	c.body.openLogs(c, ld)
	moved := plog.NewResourceLogsSlice()
	for _, rl := range ld.ResourceLogs().All() {
		// By index: a scope that holds both kinds is parted, and its second half is appended.
		for i := 0; i < rl.ScopeLogs().Len(); i++ {
			c.scopeLogs(rl, rl.ScopeLogs().At(i), moved)
		}
	}
	if moved.Len() > 0 {
		dropEmpty(ld)
		moved.MoveAndAppendTo(ld.ResourceLogs())
	}
}

func (c *call) scopeLogs(rl plog.ResourceLogs, sl plog.ScopeLogs, moved plog.ResourceLogsSlice) {
	sealed := 0
	for _, lr := range sl.LogRecords().All() {
		if c.sealed(lr.Attributes()) {
			sealed++
			c.outcomes[outcomeTrusted]++
			c.rescrubLog(lr, sl.Scope())
			c.link(lr.Attributes(), moment(lr), nil)
		}
	}
	switch {
	case sealed == sl.LogRecords().Len():
		c.rescrubOrigin(rl.Resource(), sl.Scope())
	case sealed > 0: // other keys may have stamped them, and a scope names one epoch
		c.partLogs(rl, sl)
	default:
		c.freshLogs(rl, sl, moved)
	}
}

func (c *call) freshLogs(rl plog.ResourceLogs, sl plog.ScopeLogs, moved plog.ResourceLogsSlice) {
	o := c.openOrigin(rl, sl)
	var groups regrouper
	sl.LogRecords().RemoveIf(func(lr plog.LogRecord) bool {
		named := c.sealLog(o, lr)
		return groups.take(lr, named, rl.Resource().Attributes())
	})
	c.stamp(sl.Scope())
	groups.flush(rl, sl, moved)
}

// partLogs moves the records that are not sealed to a scope of their own, appended to rl.
func (c *call) partLogs(rl plog.ResourceLogs, sl plog.ScopeLogs) {
	half := rl.ScopeLogs().AppendEmpty()
	sl.Scope().CopyTo(half.Scope())
	half.SetSchemaUrl(sl.SchemaUrl())
	sl.LogRecords().RemoveIf(func(lr plog.LogRecord) bool {
		if c.sealed(lr.Attributes()) {
			return false
		}
		lr.MoveTo(half.LogRecords().AppendEmpty())
		return true
	})
}

// sealLog seals one log record. It returns the resource attributes that a parsed line names, already scrubbed.
func (c *call) sealLog(o *origin, lr plog.LogRecord) pcommon.Map {
	index := c.body.next()
	place := placeOf(lr)
	var line parsedLine
	if c.guard(func() {
		c.strip(lr.Attributes())
		c.stripName(lr.EventName(), lr.SetEventName)
		line = c.parse(lr)
		c.scrubLine(o, lr, &line, place, index)
	}) {
		return line.resource
	}
	c.cutLog(lr, cutPanic)
	o.clear() // it may have been half scrubbed for this record
	c.markLost(lr.Attributes())
	lr.Attributes().PutStr(event.KeyEventID, c.body.random())
	return pcommon.NewMap()
}

// scrubLine is the work of sealLog after the line was read.
func (c *call) scrubLine(o *origin, lr plog.LogRecord, line *parsedLine, place filePlace, index int) {
	p := c.sealer.Begin(c.cfg.issuer()) // not given back after a panic: nobody knows what state it is in
	w := newWalker(p, &c.tally)
	p.Auth(line.auth)
	p.LookUnkept(line.unkept)
	w.lookLog(lr)
	identity := "" // what tells the line of a file
	if !w.overrun() {
		w.scrubLog(lr)
		w.scrubMap("", line.resource, 0, placeResource)
		identity = w.line(line, lr)
		o.scrubFor(&w)
	}
	failed := w.overrun() || p.Failed()
	if failed {
		c.cutLog(lr, cause(&w))
		keepSkeleton(line.resource, false)
	}
	request := line.parsed || requestLike(lr.Attributes())
	c.stampLog(p, lr, request, failed)
	said := c.boundLog(lr, line.claimed, request)
	if line.failure != "" {
		c.unparsedLine(lr, line.failure)
	}
	if place.known() && identity != "" {
		c.identify(lr, event.LineID(c.cfg.Source, place.path, place.offset, identity))
	} else {
		c.identify(lr, c.logID(lr, p, index, said))
	}
	if request {
		c.route(lr.Attributes(), o.resource.Resource().Attributes(), line.resource)
	}
	c.link(lr.Attributes(), moment(lr), p)
	p.End()
}

// stampLog writes what the pass found, and what makes a record of a request an event.
func (c *call) stampLog(p *secret.Pass, lr plog.LogRecord, request, failed bool) {
	a := lr.Attributes()
	putStamps(p, a, failed)
	c.mark(a, p, failed)
	a.PutStr(event.KeySource, c.cfg.Source)
	if !request {
		return
	}
	c.events++
	lr.SetEventName(event.NameRequest)
	a.PutStr(event.KeyCapture, event.CaptureLog)
	if lr.SeverityNumber() == plog.SeverityNumberUnspecified {
		status, _ := intOf(a, event.KeyStatus)
		lr.SetSeverityNumber(plog.SeverityNumber(event.SeverityOf(status)))
	}
}

// identify writes the event id, and the request key, which no event id may depend on: it holds the fingerprint of
// one key epoch.
func (c *call) identify(lr plog.LogRecord, id string) {
	a := lr.Attributes()
	a.PutStr(event.KeyEventID, id)
	key := event.RequestKey(lr.TraceID(), strOf(a, event.KeyFingerprint), strOf(a, event.KeyRequestID), c.cfg.Source)
	if key != "" {
		a.PutStr(event.KeyRequestKey, key)
	}
}

// requestLike reports whether the record says what was asked.
func requestLike(a pcommon.Map) bool {
	_, ok := a.Get(event.KeyMethod)
	return ok
}

func (w *walker) lookLog(lr plog.LogRecord) {
	w.lookMap("", lr.Attributes(), 0)
	if lr.Body().Type() == pcommon.ValueTypeMap {
		w.lookMap("", lr.Body().Map(), 0)
	} else {
		w.lookValue(keyBody, lr.Body(), 0)
	}
}

func (w *walker) scrubLog(lr plog.LogRecord) {
	w.scrubMap("", lr.Attributes(), 0, placeAttribute)
	if lr.Body().Type() == pcommon.ValueTypeMap {
		w.scrubMap("", lr.Body().Map(), 0, placeBody)
	} else {
		w.scrubValue(keyBody, lr.Body(), 0, placeBody)
	}
	w.text("severity_text", lr.SeverityText(), placeName, lr.SetSeverityText)
	w.text("event_name", lr.EventName(), placeName, lr.SetEventName)
}

// keyBody is the key under which free text is searched.
const keyBody = "body"
