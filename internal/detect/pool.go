package detect

import (
	"math"
	"sync"
)

const (
	poolBuckets = 48
	poolWidth   = 0.25 // decades of first-stage surprisal per bucket
	// poolTrusted is how many windows a cohort must have shown before its calibration replaces a token's own.
	poolTrusted = 10_000
	// poolFull halves the counts, so that the pool follows the fleet.
	poolFull = 50_000_000
)

// pool is the second stage of calibration. One token has some thousand windows, too few to know a chance of one in
// a million; all tokens of an archetype together have enough. It also holds how often tokens of the archetype
// touch something new.
type pool struct {
	mu sync.Mutex
	poolState
}

type poolState struct {
	Buckets     [poolBuckets]uint64
	Total       uint64
	NoveltyDays float64
	Days        float64
}

func (c *pool) add(s float64) {
	b := min(max(int(s/poolWidth), 0), poolBuckets-1)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.Total >= poolFull {
		c.Total = 0
		for i := range c.Buckets {
			c.Buckets[i] /= 2
			c.Total += c.Buckets[i]
		}
	}
	c.Buckets[b]++
	c.Total++
}

// calibrate turns a token's own surprisal into that of the cohort. Beyond all the cohort has seen it grows as the
// token's does; the minimum effect still has to hold there.
func (c *pool) calibrate(s float64) float64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.Total < poolTrusted {
		return s
	}
	b := min(max(int(s/poolWidth), 0), poolBuckets-1)
	var above uint64
	top := 0
	for i, n := range c.Buckets {
		if i >= b {
			above += n
		}
		if n > 0 {
			top = i
		}
	}
	p := (float64(above) + 0.5) / float64(c.Total+1)
	beyond := 0.0
	if above == 0 {
		beyond = max(s-float64(top+1)*poolWidth, 0)
	}
	return -math.Log10(p) + beyond
}

// day notes an active day of a token with enough history, novel one with something new in it.
func (c *pool) day() {
	c.mu.Lock()
	c.Days++
	c.mu.Unlock()
}

func (c *pool) novel() {
	c.mu.Lock()
	c.NoveltyDays++
	c.mu.Unlock()
}

// noveltyRate is the share of days on which such a token touches a new route, with a prior of one day in a hundred
// worth two hundred days.
func (c *pool) noveltyRate() float64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return (c.NoveltyDays + 2) / (c.Days + 200)
}
