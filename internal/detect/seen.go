package detect

import (
	"encoding/hex"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"
)

const (
	seenShards = 16
	// seenFor is how long, by arrival, an event id and a request key are remembered: a sender's retry comes within
	// minutes, and the other hops of a request within seconds.
	seenFor = 10 * time.Minute
	// maxMembers bounds the observers of one request that are told apart; one more counts as a request of its own.
	maxMembers = 4
)

// seen remembers which events were counted and which requests were already told of by another observer. Two
// generations make forgetting O(1): when the young one is full or old enough, it becomes the old one.
type seen struct {
	shards [seenShards]seenShard
	limit  int // of one generation of one shard
	evict  func(Eviction)
}

type seenShard struct {
	mu     sync.Mutex
	turned int64 // arrival, when the young generation began
	ids    [2]map[[16]byte]struct{}
	groups [2]map[[16]byte]group
}

// group is one request as several observers tell it. A second event of the same observer is a request of its own,
// because trace and request ids are the caller's to forge: the group counts as many requests as the observer that
// told most.
type group struct {
	member  [maxMembers]uint16
	told    [maxMembers]uint8
	counted uint8
}

func newSeen(limit int, evict func(Eviction)) *seen {
	s := &seen{limit: max(limit/seenShards/2, 16), evict: evict}
	for i := range s.shards {
		for g := range 2 {
			s.shards[i].ids[g] = map[[16]byte]struct{}{}
			s.shards[i].groups[g] = map[[16]byte]group{}
		}
	}
	return s
}

// again reports whether the event id was counted within the last ten minutes. An event without an id is new.
func (s *seen) again(id string, arrival int64) bool {
	if id == "" {
		return false
	}
	key := id128(id)
	sh := &s.shards[key[0]%seenShards]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	s.turn(sh, arrival)
	if _, ok := sh.ids[0][key]; ok {
		return true
	}
	if _, ok := sh.ids[1][key]; ok {
		return true
	}
	sh.ids[0][key] = struct{}{}
	return false
}

// first reports whether the event is to be counted as a request: it is the first word of any observer about it.
func (s *seen) first(requestKey, capture, source, service string, arrival int64) bool {
	if requestKey == "" {
		return true
	}
	key := id128(requestKey)
	observer := uint16(mix(xxhash.Sum64String(capture)^mix(xxhash.Sum64String(source))^mix(mix(xxhash.Sum64String(service))))) | 1
	sh := &s.shards[key[0]%seenShards]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	s.turn(sh, arrival)
	g, ok := sh.groups[0][key]
	if !ok {
		g = sh.groups[1][key]
	}
	fresh := g.tell(observer)
	sh.groups[0][key] = g
	return fresh
}

func (g *group) tell(observer uint16) bool {
	for i := range g.member {
		if g.member[i] == 0 {
			g.member[i] = observer
		}
		if g.member[i] != observer {
			continue
		}
		if g.told[i] == 255 {
			return true
		}
		g.told[i]++
		if g.told[i] > g.counted {
			g.counted = g.told[i]
			return true
		}
		return false
	}
	return true
}

func (s *seen) turn(sh *seenShard, arrival int64) {
	full := len(sh.ids[0]) >= s.limit || len(sh.groups[0]) >= s.limit
	if !full && arrival-sh.turned < int64(seenFor) {
		return
	}
	if full && arrival-sh.turned < int64(seenFor) {
		s.evict(EvictSeen)
	}
	if arrival-sh.turned >= 2*int64(seenFor) {
		clear(sh.ids[0])
		clear(sh.groups[0])
	}
	sh.turned = arrival
	sh.ids[0], sh.ids[1] = sh.ids[1], sh.ids[0]
	sh.groups[0], sh.groups[1] = sh.groups[1], sh.groups[0]
	clear(sh.ids[0])
	clear(sh.groups[0])
}

// id128 reads an id of 32 hexadecimal digits; any other text is hashed, so that a foreign producer's ids work too.
func id128(s string) (key [16]byte) {
	if len(s) == 32 {
		if _, err := hex.Decode(key[:], []byte(s)); err == nil {
			return key
		}
	}
	a := xxhash.Sum64String(s)
	b := mix(a ^ uint64(len(s)))
	for i := range 8 {
		key[i], key[8+i] = byte(a>>(8*i)), byte(b>>(8*i))
	}
	return key
}
