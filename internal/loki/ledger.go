package loki

import (
	"maps"
	"slices"
	"strconv"
	"sync"

	"github.com/cespare/xxhash/v2"

	"github.com/keytrail/keytrail/internal/event"
)

// maxKnown bounds the entries that a ledger remembers, at some 30 bytes each: several segments of the journal. What is
// beyond it would be sent again after a failure.
const maxKnown = 1 << 19

// ledger is what Loki is known to hold of the work in hand, and what it may hold.
//
// Loki drops an entry that equals one of the block it is filling (256 KiB of one stream, chunk_encoding's block_size)
// and no other: within a chunk, blocks are merged at query time without comparing them (MemChunk.Iterator in
// pkg/chunkenc/memchunk.go of v3.7). An entry sent again a little later may stand twice, so none is sent again that is
// known to stand, and where an attempt ended without an answer, Loki is asked.
type ledger struct {
	mu    sync.Mutex
	known map[entryKey]struct{}
	doubt map[entryKey]Entry // as admitted: sent and not answered
	asked int                // times in a row that asking failed
}

// entryKey tells entries apart: by 64 bits of hash only among those of one nanosecond.
type entryKey struct {
	time int64
	hash uint64
}

func (e *Entry) key() entryKey {
	d := xxhash.New()
	_, _ = d.WriteString(e.Labels.Class)
	_, _ = d.WriteString("\x00")
	_, _ = d.WriteString(e.id())
	return entryKey{e.Time, d.Sum64()}
}

// eventIDField is event.KeyEventID as Loki names it.
var eventIDField = Name(event.KeyEventID)

// id is the event's, which with its class and time is the entry's; an event without one has its line.
func (e *Entry) id() string {
	for _, f := range e.Metadata {
		if f.Name == eventIDField && f.Value != "" {
			return f.Value
		}
	}
	return strconv.Quote(e.Line)
}

// missing returns the entries of a batch that Loki is not known to hold. It returns the batch itself where it may.
func (l *ledger) missing(batch []Entry) []Entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.known) == 0 {
		return batch
	}
	out := make([]Entry, 0, len(batch))
	for i := range batch {
		if _, stands := l.known[batch[i].key()]; !stands {
			out = append(out, batch[i])
		}
	}
	return out
}

func (l *ledger) add(batch []Entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.known == nil {
		l.known = make(map[entryKey]struct{})
	}
	for i := range batch {
		if len(l.known) >= maxKnown {
			return
		}
		l.known[batch[i].key()] = struct{}{}
	}
}

// suspect takes up entries that Loki may hold.
func (l *ledger) suspect(batch []Entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.doubt == nil {
		l.doubt = make(map[entryKey]Entry, len(batch))
	}
	for i := range batch {
		k := batch[i].key()
		if _, stands := l.known[k]; !stands && len(l.doubt) < maxKnown {
			l.doubt[k] = batch[i]
		}
	}
}

func (l *ledger) suspects() []Entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Collect(maps.Values(l.doubt))
}

// settled ends the doubt.
func (l *ledger) settled() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.doubt, l.asked = nil, 0
}

// failedToAsk reports whether asking has failed too often.
func (l *ledger) failedToAsk() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked++
	return l.asked >= maxAsks
}

func (l *ledger) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.known)
}
