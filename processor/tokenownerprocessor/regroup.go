package tokenownerprocessor

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

// regrouper gathers the parsed records of one scope whose line names another service than their resource does: the
// lines of one file may be of many services, while a resource is one. They wait for the end of the scope, because
// until then its resource is still being redacted.
type regrouper struct {
	order  []*group
	byName map[string]*group
}

type group struct {
	named   pcommon.Map // the resource attributes that the lines name
	records plog.LogRecordSlice
}

// take moves lr to the group of what its line names, and reports whether it did.
func (g *regrouper) take(lr plog.LogRecord, named, resource pcommon.Map) bool {
	if within(named, resource) {
		return false
	}
	text := pcommon.NewValueMap()
	named.CopyTo(text.Map())
	name := text.AsString()
	to := g.byName[name]
	if to == nil {
		to = &group{named: named, records: plog.NewLogRecordSlice()}
		if g.byName == nil {
			g.byName = make(map[string]*group)
		}
		g.byName[name] = to
		g.order = append(g.order, to)
	}
	lr.MoveTo(to.records.AppendEmpty())
	return true
}

// flush gives each group a resource and scope of its own in dest, made from those the records stood under.
func (g *regrouper) flush(rl plog.ResourceLogs, sl plog.ScopeLogs, dest plog.ResourceLogsSlice) {
	for _, from := range g.order {
		nr := dest.AppendEmpty()
		rl.Resource().CopyTo(nr.Resource())
		nr.SetSchemaUrl(rl.SchemaUrl())
		for k, v := range from.named.All() {
			v.CopyTo(nr.Resource().Attributes().PutEmpty(k))
		}
		ns := nr.ScopeLogs().AppendEmpty()
		sl.Scope().CopyTo(ns.Scope())
		ns.SetSchemaUrl(sl.SchemaUrl())
		from.records.MoveAndAppendTo(ns.LogRecords())
	}
}

// dropEmpty removes the scopes and resources that regrouping emptied.
func dropEmpty(ld plog.Logs) {
	ld.ResourceLogs().RemoveIf(func(rl plog.ResourceLogs) bool {
		rl.ScopeLogs().RemoveIf(func(sl plog.ScopeLogs) bool { return sl.LogRecords().Len() == 0 })
		return rl.ScopeLogs().Len() == 0
	})
}

// within reports whether m says all that named does.
func within(named, m pcommon.Map) bool {
	for k, v := range named.All() {
		if has, ok := m.Get(k); !ok || !has.Equal(v) {
			return false
		}
	}
	return true
}
