package owner

import (
	"github.com/keytrail/keytrail/internal/fingerprint"
)

// Index finds the row of a token by any fingerprint it may carry. It is immutable, built for one directory under
// one key ring, and replaced when either changes.
type Index struct {
	ring   *fingerprint.Ring
	byText map[string]*Row // fingerprint in its text form -> row: the form events carry, so that nothing is parsed
	byRef  map[string]*Row // credential id -> row
	rows   int

	// pinned says that a row is keyed by a fingerprint, which holds for one epoch only. A token found under the
	// digest must then also be tried under the other live epochs.
	pinned bool
}

// NewIndex indexes d under every live epoch of ring.
func NewIndex(d *Directory, ring *fingerprint.Ring) *Index {
	x := &Index{
		ring:   ring,
		byText: make(map[string]*Row, 2*len(d.rows)),
		byRef:  make(map[string]*Row),
		rows:   len(d.rows),
	}
	for _, r := range d.rows {
		if r.HasDigest {
			for _, id := range ring.Live(fingerprint.Credential, r.Digest) {
				x.byText[id.String()] = r
			}
		}
		if r.CredentialID != "" {
			x.byRef[r.CredentialID] = r
		}
	}
	for _, r := range d.rows { // last: a row that names the fingerprint itself wins over one derived from a hash
		if !r.Fingerprint.IsZero() {
			x.byText[r.Fingerprint.String()] = r
			x.pinned = true
		}
	}
	return x
}

// Len returns the number of rows.
func (x *Index) Len() int { return x.rows }

// Ring returns the key ring the index was built under.
func (x *Index) Ring() *fingerprint.Ring { return x.ring }

// Pinned reports whether some rows hold for one epoch only.
func (x *Index) Pinned() bool { return x.pinned }

// ByText finds a row by a fingerprint in its text form.
func (x *Index) ByText(text string) (*Row, bool) {
	r, ok := x.byText[text]
	return r, ok
}

// ByCredentialID finds a row by the id a gateway gives the credential.
func (x *Index) ByCredentialID(id string) (*Row, bool) {
	r, ok := x.byRef[id]
	return r, ok
}

// ByDigest finds a row by the token's hash under any live epoch of ring, which may be newer than the index.
func (x *Index) ByDigest(ring *fingerprint.Ring, kind fingerprint.Kind, d fingerprint.Digest) (*Row, bool) {
	for _, id := range ring.Live(kind, d) {
		if r, ok := x.ByText(id.String()); ok {
			return r, true
		}
	}
	return nil, false
}
