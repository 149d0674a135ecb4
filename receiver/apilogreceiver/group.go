package apilogreceiver

import (
	"slices"

	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/event/plogevent"
)

// grouping puts records of one resource and scope under one ResourceLogs.
type grouping struct {
	into  plog.Logs
	byKey map[string]plog.LogRecordSlice
	key   []byte

	// The group of the last record, which is mostly that of the next.
	scope    event.Scope
	resource event.Attrs
	last     plog.LogRecordSlice
	lastOK   bool
}

func (g *grouping) reset() {
	clear(g.byKey)
	clear(g.resource)
	*g = grouping{byKey: g.byKey, key: g.key, resource: g.resource[:0]}
}

func (g *grouping) of(r *event.Record) plog.LogRecordSlice {
	if g.lastOK && g.scope == r.Scope && slices.EqualFunc(g.resource, r.Resource, sameAttr) {
		return g.last
	}
	g.scope, g.resource = r.Scope, append(g.resource[:0], r.Resource...)
	g.last, g.lastOK = g.find(r), true
	return g.last
}

func sameAttr(a, b event.Attr) bool { return a.Key == b.Key && a.Value.Equal(b.Value) }

func (g *grouping) find(r *event.Record) plog.LogRecordSlice {
	if g.byKey == nil {
		g.byKey = make(map[string]plog.LogRecordSlice)
	}
	g.key = appendGroup(g.key[:0], r)
	if list, ok := g.byKey[string(g.key)]; ok {
		return list
	}
	rl := g.into.ResourceLogs().AppendEmpty()
	plogevent.WriteResource(r, rl.Resource())
	sl := rl.ScopeLogs().AppendEmpty()
	plogevent.WriteScope(r.Scope, sl.Scope())
	g.byKey[string(g.key)] = sl.LogRecords()
	return sl.LogRecords()
}

// appendGroup writes what tells groups apart. NUL cannot stand in sealed text.
func appendGroup(b []byte, r *event.Record) []byte {
	b = append(b, r.Scope.Ring...)
	b = append(b, 0, byte(r.Scope.Epoch>>8), byte(r.Scope.Epoch))
	b = append(b, r.Scope.Check...)
	for i := range r.Resource {
		b = append(b, 0)
		b = append(b, r.Resource[i].Key...)
		b = append(b, 0)
		b = r.Resource[i].Value.AppendJSON(b)
	}
	return b
}
