package owner

import (
	"encoding/binary"
	"iter"
	"math/bits"
	"math/rand/v2"
	"slices"

	"github.com/keytrail/keytrail/internal/fingerprint"
)

// spreadKey is a key that is a hash already, so that a table needs no hash of its own but a few even bits.
type spreadKey interface {
	comparable
	spread() uint64
}

// digestKey is the SHA-256 of a token. Who chooses his token may look for one whose hash begins like others, so the
// bits are mixed with a seed of this process.
type digestKey fingerprint.Digest

var digestSeed = [2]uint64{rand.Uint64(), rand.Uint64()}

func (d digestKey) spread() uint64 {
	hi, lo := bits.Mul64(binary.LittleEndian.Uint64(d[:8])^digestSeed[0], binary.LittleEndian.Uint64(d[8:16])^digestSeed[1])
	return hi ^ lo
}

// flat leads from keys to rows. It is one run of cells without pointers, so that the garbage collector does not read a
// million keys, and a look-up touches one place of memory. A cell whose ref is zero is empty. Keys are only added.
type flat[K spreadKey] struct {
	cells []cell[K]
	n     int
}

type cell[K spreadKey] struct {
	key K
	at  ref
}

const minCells = 16

// cellsFor gives the cells for n keys: a quarter stays empty, with which a key is found in two or three cells that lie
// side by side.
func cellsFor(n int) int { return max(minCells, n+n/3+1) }

func newFlat[K spreadKey](n int) flat[K] { return flat[K]{cells: make([]cell[K], cellsFor(n))} }

// slot returns the cell that holds key, or the empty one where it would stand. A table without cells has neither.
// The order of the cells is that of the keys' bits, which makes growth a walk through memory in one direction.
func (t *flat[K]) slot(key K) int {
	hi, _ := bits.Mul64(key.spread(), uint64(len(t.cells)))
	i := int(hi)
	for t.cells[i].at != 0 && t.cells[i].key != key {
		if i++; i == len(t.cells) {
			i = 0
		}
	}
	return i
}

func (t *flat[K]) get(key K) (ref, bool) {
	if t.n == 0 {
		return 0, false
	}
	r := t.cells[t.slot(key)].at
	return r, r != 0
}

func (t *flat[K]) has(key K) bool {
	_, ok := t.get(key)
	return ok
}

// reserve makes room for n more keys. Whoever puts those of another table must: they come in the order of the cells,
// and all fall onto the first ones of a table that is too small for them.
func (t *flat[K]) reserve(n int) {
	if cellsFor(t.n+n) > len(t.cells) {
		t.resize(t.n + n)
	}
}

// put makes key lead to r.
func (t *flat[K]) put(key K, r ref) {
	if cellsFor(t.n+1) > len(t.cells) {
		t.resize(2 * (t.n + 1))
	}
	c := &t.cells[t.slot(key)]
	if c.at == 0 {
		c.key = key
		t.n++
	}
	c.at = r
}

// resize moves the keys into the cells for n of them.
func (t *flat[K]) resize(n int) {
	var p pace
	grown := newFlat[K](n)
	for key, r := range t.all() {
		p.step()
		grown.cells[grown.slot(key)] = cell[K]{key, r}
	}
	t.cells = grown.cells
}

// trim gives back the room that growth took in advance.
func (t *flat[K]) trim() {
	if len(t.cells) > cellsFor(t.n) {
		t.resize(t.n)
	}
}

func (t *flat[K]) clone() flat[K] { return flat[K]{cells: slices.Clone(t.cells), n: t.n} }

// all walks the keys. They must not be added to meanwhile.
func (t *flat[K]) all() iter.Seq2[K, ref] {
	return func(yield func(K, ref) bool) {
		for i := range t.cells {
			if c := &t.cells[i]; c.at != 0 && !yield(c.key, c.at) {
				return
			}
		}
	}
}
