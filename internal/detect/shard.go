package detect

import (
	"sync"
	"unsafe"

	"github.com/cespare/xxhash/v2"

	"github.com/keytrail/keytrail/internal/fingerprint"
)

const (
	shardCount = 64
	// chunkProfiles is how many records a slab grows by: small enough that a quiet fleet costs little, and growth
	// copies nothing.
	chunkProfiles = 32
	profileSize   = int(unsafe.Sizeof(profile{}))
	// bloomBytes holds some 170 routes at 5 % false positives with four probes; a token with more than
	// maxRoutesKnown is not judged at all.
	bloomBytes = 256
)

type bloom [bloomBytes]byte

// shard is one of the independent parts of the state, each under its own lock.
type shard struct {
	mu     sync.Mutex
	index  map[fingerprint.ID]uint32
	chunks []*[chunkProfiles]profile
	free   []uint32
	blooms map[fingerprint.ID]*bloom // of tokens with more routes than the exact set holds
	limit  int
	dirty  bool
	hand   uint32 // where the search for a victim goes on
}

func newShard(limit int) *shard {
	return &shard{index: map[fingerprint.ID]uint32{}, blooms: map[fingerprint.ID]*bloom{}, limit: limit}
}

func shardOf(id fingerprint.ID) int {
	if id.Kind == 0 { // never a real id
		return 0
	}
	return int(xxhash.Sum64(id.Sum[:8]) % shardCount)
}

func (s *shard) at(slot uint32) *profile {
	return &s.chunks[slot/chunkProfiles][slot%chunkProfiles]
}

// get returns the profile of id, nil where there is none. The pointer is good while the lock is held.
func (s *shard) get(id fingerprint.ID) *profile {
	slot, ok := s.index[id]
	if !ok {
		return nil
	}
	return s.at(slot)
}

// add makes room where needed, and returns an empty record for id.
func (s *shard) add(id fingerprint.ID) (p *profile, evicted bool) {
	if len(s.index) >= s.limit {
		s.remove(s.victim())
		evicted = true
	}
	if len(s.free) == 0 {
		base := uint32(len(s.chunks) * chunkProfiles)
		s.chunks = append(s.chunks, new([chunkProfiles]profile))
		for i := range uint32(chunkProfiles) {
			s.free = append(s.free, base+chunkProfiles-1-i)
		}
	}
	slot := s.free[len(s.free)-1]
	s.free = s.free[:len(s.free)-1]
	s.index[id] = slot
	return s.at(slot), evicted
}

func (s *shard) remove(id fingerprint.ID) {
	slot, ok := s.index[id]
	if !ok {
		return
	}
	*s.at(slot) = profile{}
	s.free = append(s.free, slot)
	delete(s.index, id)
	delete(s.blooms, id)
}

// victim picks, of a few records in turn, the one whose loss costs least: idle for long, seldom used, and in no
// open alert. Every doubling of its requests is worth a day, so a flood of new tokens evicts itself.
func (s *shard) victim() fingerprint.ID {
	const sample = 8
	var victim fingerprint.ID
	worst := int64(1) << 62
	slots := uint32(len(s.chunks) * chunkProfiles)
	for seen := 0; seen < sample; s.hand++ {
		p := s.at(s.hand % slots)
		if p.flags&flagUsed == 0 {
			continue
		}
		seen++
		worth := int64(p.seen) + minutesPerDay*int64(bits32(p.requests))
		if p.flags&(flagSpike|flagEndpoint) != 0 {
			worth += 365 * minutesPerDay
		}
		if worth < worst {
			victim, worst = p.id, worth
		}
	}
	return victim
}

func bits32(x uint32) (n int) {
	for ; x > 0; x >>= 1 {
		n++
	}
	return n
}

// bytes is what the shard's state takes, the index estimated at the load the runtime's map aims for.
func (s *shard) bytes() int {
	const indexEntry = (int(unsafe.Sizeof(fingerprint.ID{})) + 4 + 1) * 8 / 6
	return len(s.chunks)*chunkProfiles*profileSize + len(s.index)*indexEntry + cap(s.free)*4 + len(s.blooms)*(bloomBytes+40)
}

func (b *bloom) has(hash uint32) bool {
	for x, i := mix(uint64(hash)), 0; i < 4; i++ {
		bit := uint16(x>>(16*i)) % (bloomBytes * 8)
		if b[bit/8]&(1<<(bit%8)) == 0 {
			return false
		}
	}
	return true
}

func (b *bloom) add(hash uint32) {
	for x, i := mix(uint64(hash)), 0; i < 4; i++ {
		bit := uint16(x>>(16*i)) % (bloomBytes * 8)
		b[bit/8] |= 1 << (bit % 8)
	}
}
