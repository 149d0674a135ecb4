package lookup

import "sync/atomic"

type counters struct {
	hits, stale, absent, unavailable, misses atomic.Int64
	refused, dropped                         atomic.Int64
	found, notFound, failed                  atomic.Int64
}

// Stats are counts since New, but for the last three, which are as of now.
type Stats struct {
	Hits, Stale, Absent, Unavailable, Misses int64 // answers of Get
	Refused                                  int64 // misses that were not asked about: their request was not answered well
	Dropped                                  int64 // questions for which no place was left
	Found, NotFound, Failed                  int64 // calls by outcome

	Entries int // in the cache
	Bytes   int // of the cache, estimated
	Waiting int // keys that wait or are being asked about
}

// Stats returns the counts.
func (c *Cache) Stats() Stats {
	c.mu.Lock()
	waiting := len(c.pending)
	c.mu.Unlock()
	n := &c.counts
	return Stats{
		Hits: n.hits.Load(), Stale: n.stale.Load(), Absent: n.absent.Load(), Unavailable: n.unavailable.Load(),
		Misses: n.misses.Load(), Refused: n.refused.Load(), Dropped: n.dropped.Load(),
		Found: n.found.Load(), NotFound: n.notFound.Load(), Failed: n.failed.Load(),
		Entries: c.entries.EstimatedSize(), Bytes: int(c.entries.WeightedSize()), Waiting: waiting,
	}
}
