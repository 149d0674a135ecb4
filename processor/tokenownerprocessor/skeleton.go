package tokenownerprocessor

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/secret"
)

// keepSkeleton removes all attributes but those of the skeleton. Where the attributes were not scrubbed to the end, it
// also removes every text that is more than a word.
func keepSkeleton(m pcommon.Map, scrubbed bool) {
	m.RemoveIf(func(k string, v pcommon.Value) bool {
		if !secret.Skeleton(k) {
			return true
		}
		switch v.Type() {
		case pcommon.ValueTypeInt, pcommon.ValueTypeDouble, pcommon.ValueTypeBool:
			return false
		case pcommon.ValueTypeStr:
			if k == event.KeyClientAddress {
				cut := event.Network(v.Str())
				v.SetStr(cut)
				return cut == ""
			}
			return !scrubbed && !harmless(v.Str())
		}
		return true
	})
}

const (
	longestWord = 16 // of a skeleton's text: longer than GET, orders or {order_id}, too short for a token
	longestText = 64
)

// harmless accepts short words with few digits. It stands in for the redaction that failed, so it would rather lose
// a route than keep a token.
func harmless(s string) bool {
	if len(s) > longestText {
		return false
	}
	for _, word := range strings.FieldsFunc(s, func(c rune) bool { return strings.ContainsRune("/._-{}:", c) }) {
		digits := 0
		for _, c := range word {
			switch {
			case c >= '0' && c <= '9':
				digits++
			case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
			default:
				return false
			}
		}
		if len(word) > longestWord || digits > 4 {
			return false
		}
	}
	return true
}

// cutLog leaves the skeleton of a log record that could not be redacted.
func (c *call) cutLog(lr plog.LogRecord, why cutReason) {
	c.cuts[why]++
	pcommon.NewValueEmpty().CopyTo(lr.Body())
	lr.SetSeverityText("")
	lr.SetEventName("")
	keepSkeleton(lr.Attributes(), why.scrubbed())
}

// cutSpan leaves the skeleton of a span. Its links and its parent stay: they are ids, and the trace hangs on them.
func (c *call) cutSpan(sp ptrace.Span, why cutReason) {
	c.cuts[why]++
	sp.SetName("")
	sp.TraceState().FromRaw("")
	sp.Status().SetMessage("")
	keepSkeleton(sp.Attributes(), why.scrubbed())
	sp.SetDroppedEventsCount(sp.DroppedEventsCount() + uint32(sp.Events().Len()))
	sp.Events().RemoveIf(func(ptrace.SpanEvent) bool { return true })
	for _, l := range sp.Links().All() {
		l.TraceState().FromRaw("")
		l.Attributes().Clear()
	}
}
