package owner

import (
	"time"

	"github.com/keytrail/keytrail/internal/fingerprint"
)

// Index finds what a directory says of a token by any key that an event may carry. It is immutable, built for one
// state of the directory under one key ring, and replaced when either changes.
type Index struct {
	ring  *fingerprint.Ring
	base  layer
	delta layer // what changed since base was loaded; asked first

	source, asOf string
}

// layer is a table with the fingerprints of its hashes under the live epochs.
type layer struct {
	*table // nil: nothing
	prints flat[printKey]
}

// newLayer derives the fingerprints of a table. The former layer spares the work where neither table nor ring are
// other ones.
func newLayer(t *table, ring *fingerprint.Ring, former layer, same bool) layer {
	if t == nil || same && former.table == t {
		return layer{table: t, prints: former.prints}
	}
	epochs := ring.Live(fingerprint.Credential, fingerprint.Digest{})
	l := layer{table: t, prints: newFlat[printKey](t.digests.n*len(epochs) + t.pinned.n)}
	var p pace
	for d, r := range t.digests.all() {
		p.step()
		for _, id := range ring.Live(fingerprint.Credential, fingerprint.Digest(d)) {
			l.prints.put(printOf(id), r)
		}
	}
	for id, r := range t.pinned.all() { // last: a row that names the fingerprint itself wins over one derived from a hash
		p.step()
		l.prints.put(id, r)
	}
	return l
}

// find reads the row that a key leads to and that holds at a moment.
func (l layer) find(r ref, at time.Time, f *Facts) bool {
	if r&many == 0 {
		return l.read(r, at, f)
	}
	for _, r := range l.multi[r&^many] {
		if l.read(r, at, f) {
			return true
		}
	}
	return false
}

func (l layer) read(r ref, at time.Time, f *Facts) bool {
	rd := l.chunks.at(r)
	_, mask, s := rd.head()
	if !s.holds(at) {
		return false
	}
	rd.facts(mask, f)
	return true
}

// NewIndex indexes d under every live epoch of ring.
func NewIndex(d *Directory, ring *fingerprint.Ring) *Index { return d.index(ring, &Index{}) }

// Ring returns the key ring the index was built under.
func (x *Index) Ring() *fingerprint.Ring { return x.ring }

// Source returns the name of the directory.
func (x *Index) Source() string { return x.source }

// AsOf returns when the directory was read, as events say it.
func (x *Index) AsOf() string { return x.asOf }

// Len returns the number of rows. Rows that replace others are counted again until the directory is read whole.
func (x *Index) Len() int {
	n := 0
	for _, l := range [...]layer{x.base, x.delta} {
		if l.table != nil {
			n += l.rows
		}
	}
	return n
}

// Pinned reports whether some rows are keyed by a fingerprint and so hold for one epoch only. A token found under
// the digest must then also be tried under the other live epochs.
func (x *Index) Pinned() bool {
	return x.base.table != nil && x.base.pinned.n > 0 || x.delta.table != nil && x.delta.pinned.n > 0
}

// ByText finds a token by its fingerprint in the text form.
func (x *Index) ByText(text string, at time.Time, f *Facts) bool {
	p, ok := parsePrint(text)
	return ok && x.byPrint(p, at, f)
}

// ByID finds a token by its fingerprint.
func (x *Index) ByID(id fingerprint.ID, at time.Time, f *Facts) bool {
	return x.byPrint(printOf(id), at, f)
}

func (x *Index) byPrint(p printKey, at time.Time, f *Facts) bool {
	if r, ok := x.delta.prints.get(p); ok {
		return x.delta.find(r, at, f)
	}
	r, ok := x.base.prints.get(p)
	return ok && x.base.find(r, at, f)
}

// ByDigest finds a token by its hash under any live epoch of ring, which may be newer than the index.
func (x *Index) ByDigest(ring *fingerprint.Ring, kind fingerprint.Kind, d fingerprint.Digest, at time.Time, f *Facts) bool {
	for _, id := range ring.Live(kind, d) {
		if x.ByID(id, at, f) {
			return true
		}
	}
	return false
}

// ByCredentialID finds a token by the id a gateway gives it.
func (x *Index) ByCredentialID(id string, at time.Time, f *Facts) bool {
	return x.byName(nameCredential, "", id, at, f)
}

// ByJWT finds a token by proven claims, the closest first: the token itself, its subject, its client.
func (x *Index) ByJWT(k *Keys, at time.Time, f *Facts) bool {
	return k.JWTIssuer != "" &&
		(x.byName(nameJWT, k.JWTIssuer, k.JWTID, at, f) ||
			x.byName(nameSubject, k.JWTIssuer, k.JWTSubject, at, f) ||
			x.byName(nameClient, k.JWTIssuer, k.JWTClientID, at, f))
}

// ByFormat finds who owns the tokens of a format that nothing else names. It says nothing of the token itself.
func (x *Index) ByFormat(format string, at time.Time, f *Facts) bool {
	if !x.byName(nameFormat, "", format, at, f) {
		return false
	}
	f.keepOwner()
	return true
}

func (x *Index) byName(kind byte, issuer, name string, at time.Time, f *Facts) bool {
	if name == "" {
		return false
	}
	var room [256]byte // on the stack; a longer name is copied
	key := appendName(room[:0], kind, issuer, name)
	if x.delta.table != nil {
		if r, ok := x.delta.names[string(key)]; ok {
			return x.delta.find(r, at, f)
		}
	}
	if x.base.table == nil {
		return false
	}
	r, ok := x.base.names[string(key)]
	return ok && x.base.find(r, at, f)
}
