package detect

import (
	"math"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// lateness is how far behind the newest event of its source an event may be before it is late.
	lateness = time.Minute
	// sourceIdle is how long, by arrival, a source may be silent before it no longer holds the watermark back.
	sourceIdle = 2 * time.Minute
	// maxSources bounds the sources with a watermark of their own; the rest share one.
	maxSources = 256
)

// clock turns the event times of several sources into one watermark: the moment before which nothing more is
// expected. Each source moves only its own time, and none beyond the arrival, so a source that lies about time
// harms only itself.
type clock struct {
	now     func() time.Time
	sources atomic.Pointer[map[string]*source]
	mu      sync.Mutex   // guards adding a source
	begun   atomic.Int64 // arrival of the first advance: nothing is idle before it had time to speak
	first   atomic.Int64
	mark    atomic.Int64
	evict   func(Eviction)
}

type source struct {
	newest  atomic.Int64 // event time
	arrival atomic.Int64
}

func newClock(now func() time.Time, evict func(Eviction)) *clock {
	c := &clock{now: now, evict: evict}
	c.sources.Store(&map[string]*source{})
	return c
}

// see takes an event's time in and reports whether it is late.
func (c *clock) see(name string, at, arrival int64) (late bool) {
	at = min(at, arrival)
	s := c.source(name)
	s.arrival.Store(arrival)
	for {
		newest := s.newest.Load()
		if at <= newest {
			return at < newest-int64(lateness)
		}
		if s.newest.CompareAndSwap(newest, at) {
			if at/nanosPerMinute != newest/nanosPerMinute {
				c.advance(arrival)
			}
			return false
		}
	}
}

func (c *clock) source(name string) *source {
	all := *c.sources.Load()
	if s := all[name]; s != nil {
		return s
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	all = *c.sources.Load()
	if len(all) >= maxSources {
		c.evict(EvictSource)
		name = ""
	}
	if s := all[name]; s != nil {
		return s
	}
	grown := make(map[string]*source, len(all)+1)
	for k, v := range all {
		grown[k] = v
	}
	s := &source{}
	grown[name] = s
	c.sources.Store(&grown)
	return s
}

// advance recomputes the watermark: the slowest of the sources that still speak. When none does, time goes on by
// itself.
func (c *clock) advance(arrival int64) {
	slowest := int64(math.MaxInt64)
	known := false
	for _, s := range *c.sources.Load() {
		if newest := s.newest.Load(); newest > 0 {
			known = true
			if arrival-s.arrival.Load() < int64(sourceIdle) {
				slowest = min(slowest, newest)
			}
		}
	}
	c.begun.CompareAndSwap(0, arrival)
	switch {
	case !known && (c.mark.Load() == 0 || arrival-c.begun.Load() < int64(sourceIdle)):
		return // nothing to go by, or a restart whose sources have not spoken yet
	case slowest == math.MaxInt64:
		slowest = arrival
	}
	slowest -= int64(lateness)
	c.first.CompareAndSwap(0, slowest)
	for {
		mark := c.mark.Load()
		if slowest <= mark || c.mark.CompareAndSwap(mark, slowest) {
			return
		}
	}
}

// watermark is the minute before which nothing more is expected.
func (c *clock) watermark() uint32 { return minuteOf(c.mark.Load()) }

// span is how much event time the fleet has shown.
func (c *clock) span() time.Duration {
	first := c.first.Load()
	if first == 0 {
		return 0
	}
	return time.Duration(c.mark.Load() - first)
}
