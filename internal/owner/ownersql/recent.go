package ownersql

import (
	"hash/maphash"
	"strconv"
	"time"

	"github.com/keytrail/keytrail/internal/owner"
)

// maxRecent bounds the rows that are remembered across loads. Beyond it, as after one update of a whole table, the
// overlap's rows are given again, which costs the reader time and nothing else.
const maxRecent = 100_000

var seed = maphash.MakeSeed()

// sum identifies the content of a row.
func sum(values []string, s stamp) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	for _, v := range values {
		_, _ = h.WriteString(strconv.Itoa(len(v))) // so that a|bc is not ab|c
		_ = h.WriteByte(':')
		_, _ = h.WriteString(v)
	}
	_, _ = h.WriteString(strconv.FormatInt(s.n, 10))
	return h.Sum64()
}

// recent are the rows within the overlap before a mark: the next load of changes sees them again, and without a memory
// of them an idle table would look as if it changed at every load.
type recent struct {
	mark owner.Mark
	rows map[uint64]struct{}
}

func (r *recent) has(h uint64) bool {
	_, ok := r.rows[h]
	return ok
}

// window gathers the rows of a load that lie within the overlap of its end, which is known only then.
type window struct {
	overlap time.Duration
	now     time.Time // when the load began
	high    stamp
	any     bool
	seen    []sighting
	dropped bool
}

type sighting struct {
	hash uint64
	at   stamp
}

func (w *window) add(hash uint64, at stamp) {
	if !at.future(w.now) && (!w.any || at.n > w.high.n) {
		w.high, w.any = at, true
	}
	if w.dropped {
		return
	}
	w.seen = append(w.seen, sighting{hash, at})
	if len(w.seen) >= 2*maxRecent {
		w.prune()
	}
}

func (w *window) prune() {
	from := w.high.before(w.overlap)
	kept := w.seen[:0]
	for _, s := range w.seen {
		if !w.any || s.at.n >= from.n {
			kept = append(kept, s)
		}
	}
	if w.seen = kept; len(kept) > maxRecent {
		w.seen, w.dropped = nil, true
	}
}

func (w *window) recent(m owner.Mark) recent {
	w.prune()
	r := recent{mark: m, rows: make(map[uint64]struct{}, len(w.seen))}
	for _, s := range w.seen {
		r.rows[s.hash] = struct{}{}
	}
	return r
}
