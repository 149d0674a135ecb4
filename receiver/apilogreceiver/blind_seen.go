package apilogreceiver

import (
	"sync"
	"time"
)

// duplicateSpan is how long an event id is remembered: longer than the retries of any sender that we know (Kong and
// Firehose give up or slow down within minutes). A later double is as harmless, only not counted.
const duplicateSpan = 10 * time.Minute

// limitSeen names the bound of the remembered ids in the counter of limits: an id is forgotten early for a new one.
const limitSeen = "duplicate_ids"

const (
	seenWays    = 8
	seenBuckets = 1 << 17 // a million ids in 12 MiB: ten minutes of 1,700 records a second
)

// seenBucket holds ids that share their first bits, each with the second in which it was last seen; 0 is an empty place.
type seenBucket struct {
	id [seenWays]uint64
	at [seenWays]uint32
}

// seenIDs remembers the event ids of the last minutes, of all sources. An event passes on whether it was seen or not:
// its id makes the double invisible, so a false answer here costs a count and nothing else.
type seenIDs struct {
	epoch int64 // one second before the first that is counted

	mu      sync.Mutex
	buckets []seenBucket
}

func newSeenIDs(now time.Time) *seenIDs {
	return &seenIDs{epoch: now.Add(-time.Second).UnixNano(), buckets: make([]seenBucket, seenBuckets)}
}

// mark says of each record whether its id was seen before, and returns how many ids it forgot too early.
func (s *seenIDs) mark(list []recordSeen, now int64) (forgotten int64) {
	second := uint32(max(1, (now-s.epoch)/int64(time.Second)))
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range list {
		var early bool
		if list[i].repeated, early = s.buckets[list[i].id%seenBuckets].mark(list[i].id, second); early {
			forgotten++
		}
	}
	return forgotten
}

func (b *seenBucket) mark(id uint64, second uint32) (repeated, early bool) {
	const span = uint32(duplicateSpan / time.Second)
	fresh := func(i int) bool { return b.at[i] != 0 && second-min(second, b.at[i]) < span }
	oldest := 0
	for i := range b.id {
		if b.id[i] == id && b.at[i] != 0 {
			repeated = fresh(i)
			b.at[i] = max(b.at[i], second)
			return repeated, false
		}
		if b.at[i] < b.at[oldest] {
			oldest = i
		}
	}
	early = fresh(oldest)
	b.id[oldest], b.at[oldest] = id, second
	return false, early
}
