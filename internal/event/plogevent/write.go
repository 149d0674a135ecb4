package plogevent

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/keytrail/keytrail/internal/event"
)

// Write fills lr from r. The resource and the scope are written by WriteResource and WriteScope, once for the
// records that share them.
func Write(r *event.Record, lr plog.LogRecord) {
	writeFixed(r, lr)
	WriteAttrs(r.Attrs, lr.Attributes())
}

func writeFixed(r *event.Record, lr plog.LogRecord) {
	lr.SetTimestamp(pcommon.Timestamp(r.Time))
	lr.SetObservedTimestamp(pcommon.Timestamp(r.Observed))
	lr.SetEventName(r.Name)
	lr.SetSeverityNumber(plog.SeverityNumber(r.Severity))
	lr.SetTraceID(r.TraceID)
	lr.SetSpanID(r.SpanID)
}

// WriteResource fills a resource from r.
func WriteResource(r *event.Record, res pcommon.Resource) { WriteAttrs(r.Resource, res.Attributes()) }

// WriteScope names Keytrail as the scope and says which ring and epoch stamped its records.
func WriteScope(s event.Scope, sc pcommon.InstrumentationScope) {
	sc.SetName(event.ScopeName)
	if s.Ring == "" {
		return
	}
	sc.Attributes().PutStr(event.KeyRingID, s.Ring)
	sc.Attributes().PutInt(event.KeyRingEpoch, int64(s.Epoch))
	sc.Attributes().PutStr(event.KeyRingCheck, s.Check)
}

// WriteAttrs appends attrs to m; m must hold none of their keys yet.
func WriteAttrs(attrs event.Attrs, m pcommon.Map) {
	m.EnsureCapacity(m.Len() + len(attrs))
	for i := range attrs {
		setValue(m.PutEmpty(attrs[i].Key), &attrs[i].Value)
	}
}

// SetValue writes v into dst.
func SetValue(dst pcommon.Value, v event.Value) { setValue(dst, &v) }

func setValue(dst pcommon.Value, v *event.Value) {
	switch v.Kind() {
	case event.KindString:
		dst.SetStr(v.Str())
	case event.KindInt:
		dst.SetInt(v.Int())
	case event.KindDouble:
		dst.SetDouble(v.Double())
	case event.KindBool:
		dst.SetBool(v.Bool())
	case event.KindStrings:
		setStrings(dst.SetEmptySlice(), v.Strings())
	case event.KindJSON:
		setJSON(dst, v.Str())
	}
}

func setStrings(dst pcommon.Slice, list []string) {
	dst.EnsureCapacity(len(list))
	for _, s := range list {
		dst.AppendEmpty().SetStr(s)
	}
}
