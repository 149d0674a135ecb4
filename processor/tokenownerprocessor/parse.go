package tokenownerprocessor

import (
	"errors"
	"strings"
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
	unkept   []string // searched, and gone with the call
	claimed  time.Time
	resource pcommon.Map
	failure  gateway.Reason // why it did not parse
}

// parse replaces what a gateway wrote of a request by the attributes it says, still unredacted: a line of text, or
// the same as a structured body or as attributes, which is how a gateway's OTLP access log comes. The record's other
// attributes stay, unless the line says the same: what tells a file and a host is not in the line. A line that does
// not parse stays where it is.
func (c *call) parse(lr plog.LogRecord) parsedLine {
	out := parsedLine{resource: pcommon.NewMap()}
	if c.parser == nil {
		return out
	}
	text, place := c.rawLine(lr)
	if place == inNothing {
		out.failure = gateway.ReasonEmpty
		return out
	}
	var r event.Record
	claimed, err := c.readLine(text, &r)
	if err != nil {
		out.failure = reasonOf(err)
		return out
	}
	out.parsed, out.text, out.auth, out.unkept, out.claimed = true, text, r.Auth, r.Unkept, claimed
	plogevent.WriteAttrs(r.Resource, out.resource)
	c.parsed++

	a := lr.Attributes()
	switch place {
	case inBody:
		pcommon.NewValueEmpty().CopyTo(lr.Body())
	case inAttribute:
		a.Remove(c.cfg.ParseAttribute)
	case inAttributes:
		pcommon.NewValueEmpty().CopyTo(lr.Body()) // an empty text
		a.RemoveIf(func(key string, _ pcommon.Value) bool { return !ofCollection(key) })
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

// linePlace is where a record holds what a gateway wrote.
type linePlace int

const (
	inNothing linePlace = iota
	inBody
	inAttribute  // the one that the configuration names
	inAttributes // all of them: a format of key-value pairs, without a body
)

// rawLine returns what a gateway wrote as the text that its parser reads.
func (c *call) rawLine(lr plog.LogRecord) (string, linePlace) {
	if name := c.cfg.ParseAttribute; name != "" {
		v, ok := lr.Attributes().Get(name)
		if text := textOf(v, ok); text != "" {
			return text, inAttribute
		}
		return "", inNothing
	}
	if text := textOf(lr.Body(), true); text != "" {
		return text, inBody
	}
	if text := pairs(lr.Attributes()); text != "" {
		return text, inAttributes
	}
	return "", inNothing
}

// textOf is the text of a line, or a structure as JSON.
func textOf(v pcommon.Value, ok bool) string {
	if !ok {
		return ""
	}
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return v.Str()
	case pcommon.ValueTypeBytes:
		return string(v.Bytes().AsRaw())
	case pcommon.ValueTypeMap:
		if v.Map().Len() > 0 {
			return v.AsString()
		}
	}
	return ""
}

// pairs is the attributes of a record as JSON, but for those of its collection. There is nothing to parse in a
// record that is an event already.
func pairs(a pcommon.Map) string {
	if requestLike(a) {
		return ""
	}
	v := pcommon.NewValueMap()
	for key, value := range a.All() {
		if !ofCollection(key) {
			value.CopyTo(v.Map().PutEmpty(key))
		}
	}
	return textOf(v, true)
}

// ofCollection reports whether an attribute tells how the record was collected: from which file, by which receiver.
func ofCollection(key string) bool {
	return strings.HasPrefix(key, "log.") || strings.HasPrefix(key, event.PrefixKeytrail) || strings.HasPrefix(key, event.PrefixToken)
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
