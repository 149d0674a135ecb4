package query

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"github.com/keytrail/keytrail/internal/event"
)

// Count is how often a value was seen, and when last.
type Count struct {
	Value string
	N     int
	Last  time.Time
}

// maxValues bounds one tally: an attacker who varies a value gets one line "(other values)", not memory.
const maxValues = 4096

const otherValues = "(other values)"

type tally map[string]*Count

func (t tally) add(value string, at time.Time) {
	if value == "" {
		return
	}
	c := t[value]
	if c == nil && len(t) >= maxValues {
		value = otherValues
		c = t[value]
	}
	if c == nil {
		c = &Count{Value: value}
		t[value] = c
	}
	c.N++
	c.Last = later(c.Last, at)
}

// top returns the counts, most frequent first, at most n; n ≤ 0 is all.
func (t tally) top(n int) []Count {
	out := make([]Count, 0, len(t))
	for _, c := range t {
		out = append(out, *c)
	}
	slices.SortFunc(out, func(a, b Count) int {
		return cmp.Or(cmp.Compare(b.N, a.N), cmp.Compare(a.Value, b.Value))
	})
	if n > 0 && len(out) > n {
		out = out[:n]
	}
	return out
}

// Route names where a request went: the gateway's route, else the derived template, else the path.
func Route(r *event.Record) string {
	return cmp.Or(r.Attrs.Str(event.KeyRoute), r.Attrs.Str(event.KeyTemplate), r.Attrs.Str(event.KeyPath))
}

// Network cuts an address to /24 or /48, the width that every retention class keeps.
func Network(address string) string {
	if p, err := netip.ParsePrefix(address); err == nil {
		return p.String()
	}
	return cmp.Or(event.Network(address), address)
}

// Agent names the kind of program that made a request, as every retention class keeps it.
func Agent(r *event.Record) string {
	return cmp.Or(r.Attrs.Str(event.KeyAgentFamily), event.AgentFamily(r.Attrs.Str(event.KeyUserAgent)))
}

func at(r *event.Record) time.Time { return time.Unix(0, r.Time).UTC() }
