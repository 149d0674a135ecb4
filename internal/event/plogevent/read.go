package plogevent

import (
	"iter"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/keytrail/keytrail/internal/event"
)

// Entry is one log record with the scope and the resource it stands under.
type Entry struct {
	Resource pcommon.Resource
	Scope    pcommon.InstrumentationScope
	Record   plog.LogRecord
}

// Logs walks every log record of ld.
func Logs(ld plog.Logs) iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		for _, rl := range ld.ResourceLogs().All() {
			for _, sl := range rl.ScopeLogs().All() {
				for _, lr := range sl.LogRecords().All() {
					if !yield(Entry{rl.Resource(), sl.Scope(), lr}) {
						return
					}
				}
			}
		}
	}
}

// Read replaces dst by the event that e carries. Strings are shared with pdata, which never changes them in place.
func Read(e Entry, dst *event.Record) {
	dst.Reset()
	lr := e.Record
	dst.Time = int64(lr.Timestamp())
	dst.Observed = int64(lr.ObservedTimestamp())
	if dst.Time == 0 {
		dst.Time = dst.Observed
	}
	dst.Name = lr.EventName()
	dst.Severity = int32(lr.SeverityNumber())
	dst.TraceID = lr.TraceID()
	dst.SpanID = lr.SpanID()
	dst.Scope = ReadScope(e.Scope)
	dst.Resource = ReadAttrs(e.Resource.Attributes(), dst.Resource)
	dst.Attrs = ReadAttrs(lr.Attributes(), dst.Attrs)
}

// ReadScope returns the ring and epoch that a scope names.
func ReadScope(sc pcommon.InstrumentationScope) event.Scope {
	var s event.Scope
	if v, ok := sc.Attributes().Get(event.KeyRingID); ok {
		s.Ring = v.Str()
	}
	if v, ok := sc.Attributes().Get(event.KeyRingEpoch); ok {
		s.Epoch = int(v.Int())
	}
	if v, ok := sc.Attributes().Get(event.KeyRingCheck); ok {
		s.Check = v.Str()
	}
	return s
}

// ReadAttrs appends the attributes of m to into.
func ReadAttrs(m pcommon.Map, into event.Attrs) event.Attrs {
	for k, v := range m.All() {
		into = append(into, event.Attr{Key: k, Value: Value(v)})
	}
	return into
}

// Value converts a pdata value; a map, bytes or a list of anything but strings becomes JSON text.
func Value(v pcommon.Value) event.Value {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return event.String(v.Str())
	case pcommon.ValueTypeInt:
		return event.Int(v.Int())
	case pcommon.ValueTypeDouble:
		return event.Double(v.Double())
	case pcommon.ValueTypeBool:
		return event.Bool(v.Bool())
	case pcommon.ValueTypeSlice:
		list := make([]string, 0, v.Slice().Len())
		for _, e := range v.Slice().All() {
			if e.Type() != pcommon.ValueTypeStr {
				return event.JSON(v.AsString())
			}
			list = append(list, e.Str())
		}
		return event.Strings(list)
	case pcommon.ValueTypeMap:
		return event.JSON(v.AsString())
	case pcommon.ValueTypeBytes:
		return event.String(v.AsString())
	}
	return event.Value{}
}
