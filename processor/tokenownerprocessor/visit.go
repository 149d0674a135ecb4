package tokenownerprocessor

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/privacy"
)

// visitor takes every string of a sealed record to text, and every key to key, within the bounds of a walk. It serves
// what comes after sealing: the rule sets on what another component of Keytrail sealed, and privacy.
type visitor struct {
	text func(key, s string) (string, bool)
	key  func(key string, listed bool) privacy.Verdict // nil: everything is looked at
	// numbers are taken as their text too.
	numbers bool
	tally   *tally
	left    int
}

func (v *visitor) overrun() bool { return v.left < 0 }

func (v *visitor) log(lr plog.LogRecord) {
	v.attributes(lr.Attributes())
	if lr.Body().Type() == pcommon.ValueTypeMap {
		v.members("", lr.Body().Map(), 0, false)
	} else {
		v.value(keyBody, lr.Body(), 0)
	}
	v.str("severity_text", lr.SeverityText(), lr.SetSeverityText)
	v.str(keyEventName, lr.EventName(), lr.SetEventName)
}

func (v *visitor) span(sp ptrace.Span) {
	v.attributes(sp.Attributes())
	v.str(keySpanName, sp.Name(), sp.SetName)
	v.str(keyStatusMessage, sp.Status().Message(), sp.Status().SetMessage)
	v.str(keyTraceState, sp.TraceState().AsRaw(), sp.TraceState().FromRaw)
	for _, e := range sp.Events().All() {
		v.str(keyEventName, e.Name(), e.SetName)
		v.attributes(e.Attributes())
	}
	for _, l := range sp.Links().All() {
		v.str(keyTraceState, l.TraceState().AsRaw(), l.TraceState().FromRaw)
		v.attributes(l.Attributes())
	}
}

func (v *visitor) scope(sc pcommon.InstrumentationScope) {
	v.attributes(sc.Attributes())
	v.str("scope.name", sc.Name(), sc.SetName)
}

func (v *visitor) attributes(m pcommon.Map) { v.members("", m, 0, true) }

func (v *visitor) members(prefix string, m pcommon.Map, depth int, listed bool) {
	family, rename := "", false
	m.RemoveIf(func(k string, value pcommon.Value) bool {
		switch v.verdict(prefix+k, listed) {
		case privacy.Leave:
			return false
		case privacy.Remove:
			return true
		case privacy.ToFamily:
			family = event.AgentFamily(value.AsString())
			return true
		case privacy.Block:
			block(value)
		case privacy.Look:
			v.value(prefix+k, value, depth)
		}
		_, changed := v.text("", k)
		rename = rename || changed
		return false
	})
	if rename {
		v.rename(m)
	}
	if _, named := m.Get(event.KeyAgentFamily); family != "" && !named {
		m.PutStr(event.KeyAgentFamily, family)
	}
}

func (v *visitor) verdict(key string, listed bool) privacy.Verdict {
	if v.key == nil {
		return privacy.Look
	}
	return v.key(key, listed)
}

// block keeps a list a list: of headers every reader expects one.
func block(value pcommon.Value) {
	if value.Type() == pcommon.ValueTypeSlice {
		value = value.SetEmptySlice().AppendEmpty()
	}
	value.SetStr(privacy.Blocked)
}

func (v *visitor) value(key string, value pcommon.Value, depth int) {
	if v.left--; v.overrun() {
		return
	}
	switch value.Type() {
	case pcommon.ValueTypeStr:
		v.str(key, value.Str(), value.SetStr)
	case pcommon.ValueTypeBytes:
		v.str(key, string(value.Bytes().AsRaw()), func(s string) { value.SetEmptyBytes().FromRaw([]byte(s)) })
	case pcommon.ValueTypeInt, pcommon.ValueTypeDouble:
		if v.numbers {
			v.str(key, numberText(key, value), value.SetStr)
		}
	case pcommon.ValueTypeMap, pcommon.ValueTypeSlice:
		if depth >= maxDepth {
			value.SetStr(tooDeep)
			v.tally.removed++
			return
		}
		if value.Type() == pcommon.ValueTypeMap {
			v.members(key+".", value.Map(), depth+1, false)
			return
		}
		for _, e := range value.Slice().All() {
			v.value(key, e, depth+1)
		}
	}
}

func (v *visitor) str(key, s string, set func(string)) {
	if s == "" {
		return
	}
	if t, changed := v.text(key, s); changed {
		set(t)
	}
}

// rename builds m again with the keys as text gives them.
func (v *visitor) rename(m pcommon.Map) {
	clean := pcommon.NewMap()
	clean.EnsureCapacity(m.Len())
	for k, value := range m.All() {
		key, _ := v.text("", k)
		value.MoveTo(clean.PutEmpty(freeKey(clean, key)))
	}
	clean.MoveTo(m)
}
