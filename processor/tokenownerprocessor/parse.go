package tokenownerprocessor

import (
	"errors"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/event/plogevent"
	"github.com/keytrail/keytrail/internal/gateway"
)

// parsedLine is what became of the raw line of a record.
type parsedLine struct {
	parsed   bool
	text     string // the raw line
	auth     event.Auth
	claimed  time.Time
	resource pcommon.Map
	failure  gateway.Reason // why it did not parse
}

// parse replaces the raw line of a record by the attributes it says, still unredacted. The record's other
// attributes stay, unless the line says the same: what tells a file and a host is not in the line. A line that does
// not parse stays where it is.
func (c *call) parse(lr plog.LogRecord) parsedLine {
	out := parsedLine{resource: pcommon.NewMap()}
	if c.parser == nil {
		return out
	}
	text, ok := c.rawLine(lr)
	if !ok {
		out.failure = gateway.ReasonEmpty
		return out
	}
	var r event.Record
	claimed, err := c.readLine(text, &r)
	if err != nil {
		out.failure = reasonOf(err)
		return out
	}
	out.parsed, out.text, out.auth, out.claimed = true, text, r.Auth, claimed
	plogevent.WriteAttrs(r.Resource, out.resource)
	c.parsed++

	a := lr.Attributes()
	if c.cfg.ParseAttribute == "" {
		pcommon.NewValueEmpty().CopyTo(lr.Body())
	} else {
		a.Remove(c.cfg.ParseAttribute)
	}
	a.EnsureCapacity(a.Len() + len(r.Attrs) + stampRoom)
	for i := range r.Attrs {
		plogevent.SetValue(a.PutEmpty(r.Attrs[i].Key), r.Attrs[i].Value)
	}
	lr.SetSeverityNumber(plog.SeverityNumber(r.Severity))
	if r.TraceID != [16]byte{} {
		lr.SetTraceID(r.TraceID)
		lr.SetSpanID(r.SpanID)
	}
	return out
}

// readLine parses with a guard: a parser is ours, but the line is the caller's.
func (c *call) readLine(text string, r *event.Record) (claimed time.Time, err error) {
	if !c.guard(func() { claimed, err = c.parser.Parse([]byte(text), r) }) {
		return time.Time{}, &gateway.RejectError{Reason: gateway.ReasonUnknownFormat}
	}
	return claimed, err
}

// rawLine returns the text that should hold a line.
func (c *call) rawLine(lr plog.LogRecord) (string, bool) {
	v := lr.Body()
	if c.cfg.ParseAttribute != "" {
		var ok bool
		if v, ok = lr.Attributes().Get(c.cfg.ParseAttribute); !ok {
			return "", false
		}
	}
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return v.Str(), v.Str() != ""
	case pcommon.ValueTypeBytes:
		return string(v.Bytes().AsRaw()), v.Bytes().Len() > 0
	}
	return "", false
}

func reasonOf(err error) gateway.Reason {
	var rejected *gateway.RejectError
	if errors.As(err, &rejected) {
		return rejected.Reason
	}
	return gateway.ReasonUnknownFormat
}

// unparsedLine marks a record whose line goes on as text.
func (c *call) unparsedLine(lr plog.LogRecord, why gateway.Reason) {
	c.reject(why)
	lr.Attributes().PutStr(event.KeyParseError, string(why))
}

// line returns the scrubbed text that identifies a file record: the raw line, which is gone from a parsed record,
// or else its body.
func (w *walker) line(l *parsedLine, lr plog.LogRecord) string {
	if !l.parsed {
		return lr.Body().AsString()
	}
	s, _ := w.pass.Scrub(keyBody, l.text)
	return s
}
