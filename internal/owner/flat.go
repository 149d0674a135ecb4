package owner

import (
	"iter"
	"math/bits"
	"slices"
)

// digest is a key whose bytes are spread evenly already, so that a table needs no hash of its own. A fingerprint is,
// under a key that nobody outside knows; a SHA-256 is, but somebody could look for tokens that agree in a few bits of
// it: see fingerprint.Digest's spread.
type digest interface {
	comparable
	spread() uint64
}

// flat leads from keys to rows. It is one run of cells without pointers, so that the garbage collector does not read a
// million keys, and a look-up touches one place of memory. A cell whose ref is zero is empty. Keys are only added.
type flat[K digest] struct {
	cells []cell[K]
	n     int
}

type cell[K digest] struct {
	key K
	at  ref
}

const minCells = 16

// cellsFor gives the cells for n keys: a quarter stays empty, with which a key is found in two or three cells that lie
// side by side.
func cellsFor(n int) int { return max(minCells, n+n/3+1) }

func newFlat[K digest](n int) flat[K] { return flat[K]{cells: make([]cell[K], cellsFor(n))} }

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
