package loki

import (
	"cmp"
	"slices"
	"sync"
)

// streams holds the number of distinct streams down. A service name may come from whoever sends spans; each new one
// costs 64 streams in each class, and beyond its limit Loki takes nothing at all from the tenant.
type streams struct {
	mu      sync.Mutex
	limit   int // groups: one is a service in an environment and a class, Shards streams
	groups  map[group]bool
	classes map[string]bool // each keeps one group free for what overflows
}

type group struct{ service, environment, class string }

func newStreams(limit int) *streams {
	return &streams{limit: limit / Shards, groups: make(map[group]bool), classes: make(map[string]bool)}
}

// admit returns the entry as it may be sent, and whether it had to leave the name of its service.
func (s *streams) admit(e Entry) (Entry, bool) {
	g := group{e.Labels.Service, e.Labels.Environment, e.Labels.Class}
	if s.admits(g) {
		return e, false
	}
	m := slices.Clone(e.Metadata)
	m = withField(m, fieldService, e.Labels.Service)
	m = withField(m, fieldEnv, e.Labels.Environment)
	e.Labels.Service, e.Labels.Environment, e.Metadata = overflow, overflow, m
	return e, true
}

func (s *streams) admits(g group) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.classes[g.class] = true
	if s.groups[g] {
		return true
	}
	if len(s.groups)+len(s.classes) >= s.limit {
		return false
	}
	s.groups[g] = true
	return true
}

// withField adds a field at its place, unless it stands already or nothing more fits.
func withField(m []Field, name, value string) []Field {
	i, found := slices.BinarySearchFunc(m, name, func(f Field, n string) int { return cmp.Compare(f.Name, n) })
	if found || len(m) >= maxFields {
		return m
	}
	return slices.Insert(m, i, Field{name, value})
}
