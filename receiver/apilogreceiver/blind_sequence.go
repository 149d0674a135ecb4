package apilogreceiver

import (
	"slices"
	"sort"
	"time"
)

// Some gateways number their requests (Traefik's RequestCount, HAProxy's %rt). A number that never comes is a record
// that was lost on the way, or one that the gateway was told not to log. Numbers come out of order, since a line is
// written when its request ends; they begin again when the gateway does; and where a source has several instances and
// the records do not name theirs, several counters mix. A false alarm would teach people to ignore this one, so
// whatever may be one of those is unclear and never missing.

const (
	// sequenceGrace is how long a number may be late: longer than all but streaming requests last.
	sequenceGrace = 5 * time.Minute

	// mixedFor is how long a counter is not believed after numbers of two were found in it. Longer than the grace, so
	// that what opened while they mixed is not taken for a gap afterwards.
	mixedFor = 2 * sequenceGrace

	// restartRun is how many numbers in a row must lie behind before the counter is taken to have begun again.
	restartRun = 32

	// mixBlock is over how many numbers it is decided whether two counters mix: when both mixShare of them lie
	// ahead and mixShare behind.
	mixBlock, mixShare = 256, 16

	// wideHole is a gap too wide for requests in flight: numbers that come late into its lower half then belong to
	// another counter that runs behind.
	wideHole = 64

	// A counter is believed to leap as far as it can have run meanwhile: leapFree numbers at once, and leapFactor times
	// its usual pace. Further on it is another counter.
	leapFree, leapFactor = 1000, 8

	paceSpan = 10 * time.Second
)

// Limits of what is followed, by their names in the counter of limits. The numbers beyond are unclear.
const (
	limitCounters = "sequence_counters"
	limitHoles    = "sequence_holes"

	maxCounters = 64   // a source: more instances than that share no ingest path
	maxHoles    = 4096 // a counter: as many requests may be in flight
)

type limitsBitten struct{ counters, holes int64 }

// verdicts are of numbers; a gap that is unclear counts once, however wide.
type verdicts struct{ followed, missing, unclear int64 }

// counters are those of one source, by the host that counts.
type counters struct {
	verdicts verdicts
	byHost   map[string]*counter
}

// take follows one number.
func (cs *counters) take(s *recordSeen, now int64, bitten *limitsBitten) {
	c := cs.byHost[s.host]
	if c == nil {
		if len(cs.byHost) >= maxCounters && !cs.evict(now) {
			cs.verdicts.unclear++
			bitten.counters++
			return
		}
		if cs.byHost == nil {
			cs.byHost = make(map[string]*counter)
		}
		c = &counter{}
		cs.byHost[s.host] = c
	}
	c.expire(now, &cs.verdicts)
	bitten.holes += c.take(s.number, now, &cs.verdicts)
}

// evict makes place by forgetting the counter that was silent longest, if none of its gaps can be waiting.
func (cs *counters) evict(now int64) bool {
	oldest := ""
	for host, c := range cs.byHost {
		if have := cs.byHost[oldest]; have == nil || c.last < have.last {
			oldest = host
		}
	}
	c := cs.byHost[oldest]
	if now-c.last < int64(sequenceGrace) {
		return false
	}
	c.expire(now, &cs.verdicts)
	delete(cs.byHost, oldest)
	return true
}

func (cs *counters) expire(now int64) {
	for _, c := range cs.byHost {
		c.expire(now, &cs.verdicts)
	}
}

// hole is a run of numbers that have not come. Holes lie in the order of their numbers, which is that of their age.
type hole struct {
	lo, hi   uint64
	since    int64
	doubtful bool // it may lie between two counters
	silent   bool // it lies before the first number we saw, and is nobody's loss
}

func (h *hole) wide() bool { return h.hi-h.lo >= wideHole }

// counter follows one gateway process.
type counter struct {
	high  uint64 // the highest number that came
	last  int64  // when a number last came
	holes []hole

	peak         uint64 // the highest number before the last restart
	run          int    // numbers in a row that lay behind
	runHigh      uint64 // the highest of them
	restarted    int64
	mixedUntil   int64
	ahead, stray int // of the block at hand

	paceFrom int64
	paceN    int
	pace     float64 // numbers a second
}

func (c *counter) take(n uint64, now int64, v *verdicts) (givenUp int64) {
	switch {
	case c.high == 0:
		c.begin(n, now)
	case n > c.high:
		c.advance(n, now)
	case !c.fill(n):
		c.behind(n, now)
	}
	c.measure(now)
	givenUp = c.bound(v)
	if now < c.mixedUntil {
		v.unclear++
	} else {
		v.followed++
	}
	return givenUp
}

// begin starts at n. What was numbered before may still be in flight, and nobody can say whether it was sent before.
func (c *counter) begin(n uint64, now int64) {
	c.high, c.holes = n, c.holes[:0]
	c.run, c.runHigh, c.ahead, c.stray = 0, 0, 0, 0
	if n > 1 {
		c.holes = append(c.holes, hole{lo: n - min(n-1, leapFree), hi: n - 1, since: now, silent: true})
	}
}

func (c *counter) advance(n uint64, now int64) {
	if n > c.high+1 {
		h := hole{lo: c.high + 1, hi: n - 1, since: now}
		leap := leapFree + leapFactor*c.pace*time.Duration(now-c.last).Seconds()
		// What looks like a restart may be an old body that came again: the numbers up to the peak came before.
		replayed := h.lo <= c.peak && now-c.restarted < int64(mixedFor)
		h.doubtful = replayed || float64(h.hi-h.lo) > leap
		c.holes = append(c.holes, h)
	}
	c.high, c.run, c.runHigh = n, 0, 0
	c.judge(&c.ahead, now)
}

// bound gives up the oldest gaps beyond maxHoles.
func (c *counter) bound(v *verdicts) int64 {
	over := max(0, len(c.holes)-maxHoles)
	for i := range over {
		c.close(i, v, true)
	}
	c.holes = slices.Delete(c.holes, 0, over)
	return int64(over)
}

// fill takes n for one that came late, if it is missing.
func (c *counter) fill(n uint64) bool {
	i := sort.Search(len(c.holes), func(i int) bool { return c.holes[i].hi >= n })
	if i == len(c.holes) || n < c.holes[i].lo {
		return false
	}
	h := &c.holes[i]
	if h.wide() && n-h.lo < (h.hi-h.lo)/2 {
		h.doubtful = true
	}
	switch {
	case h.lo == h.hi:
		c.holes = slices.Delete(c.holes, i, i+1)
	case n == h.lo:
		h.lo++
	case n == h.hi:
		h.hi--
	default:
		rest := *h
		h.hi, rest.lo = n-1, n+1
		c.holes = slices.Insert(c.holes, i+1, rest)
	}
	return true
}

// behind takes a number that was there before, or was given up: a late one, a counter that began again, or another.
func (c *counter) behind(n uint64, now int64) {
	c.run++
	c.runHigh = max(c.runHigh, n)
	c.judge(&c.stray, now)
	if c.run < restartRun {
		return
	}
	if c.restarted != 0 && now-c.restarted < int64(mixedFor) {
		c.mixedUntil = now + int64(mixedFor)
	}
	c.restarted, c.peak = now, c.high
	c.begin(c.runHigh, now)
}

// judge decides at the end of each block whether numbers of two counters mixed in it.
func (c *counter) judge(part *int, now int64) {
	*part++
	if c.ahead+c.stray < mixBlock {
		return
	}
	if c.ahead >= mixShare && c.stray >= mixShare {
		c.mixedUntil = now + int64(mixedFor)
	}
	c.ahead, c.stray = 0, 0
}

// measure keeps the pace: of the numbers that came, so that a leap does not make the next one plausible.
func (c *counter) measure(now int64) {
	c.last = max(c.last, now)
	c.paceN++
	if c.paceFrom == 0 {
		c.paceFrom = now
		return
	}
	if span := time.Duration(now - c.paceFrom); span >= paceSpan {
		c.pace = max(c.pace/2, float64(c.paceN)/span.Seconds())
		c.paceFrom, c.paceN = now, 0
	}
}

// expire gives up what has not come within the grace.
func (c *counter) expire(now int64, v *verdicts) {
	n := 0
	for n < len(c.holes) && now-c.holes[n].since >= int64(sequenceGrace) {
		c.close(n, v, now < c.mixedUntil)
		n++
	}
	c.holes = slices.Delete(c.holes, 0, n)
}

// close counts hole i; dropping it is the caller's.
func (c *counter) close(i int, v *verdicts, unclear bool) {
	h := c.holes[i]
	switch {
	case h.silent:
	case unclear || h.doubtful:
		v.unclear++
	default:
		v.missing += int64(h.hi - h.lo + 1)
	}
}
