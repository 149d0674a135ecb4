package owner

import (
	"errors"
	"fmt"
	"slices"
)

const (
	// MaxRows is ten times the tokens of the largest installation we design for.
	MaxRows = 1_000_000
	// maxRanges bounds the rows of one key, which a look-up walks: a token that changed hands every week of a year.
	maxRanges = 64
)

var errTooManyRows = fmt.Errorf("must hold at most %d rows", MaxRows)

// table is rows and the keys that lead to them, but for the fingerprints made of a hash, which depend on the key
// ring. It is immutable once built. A key leads to one row, or to several whose times do not overlap.
type table struct {
	chunks  chunks
	multi   [][]ref
	names   map[string]ref // of appendName
	pinned  flat[printKey]
	digests flat[digestKey]
	rows    int
}

// Kinds of names. A field holds no NUL, so that no two of them give one text.
const (
	nameCredential = 'c'
	nameSubject    = 's'
	nameClient     = 'l'
	nameJWT        = 'j'
	nameFormat     = 'f'
)

// appendName appends the text under which table.names has a key.
func appendName(b []byte, kind byte, issuer, name string) []byte {
	b = append(b, kind)
	b = append(b, issuer...)
	b = append(b, 0)
	return append(b, name...)
}

// refs returns the rows of a key.
func (t *table) refs(r ref, one *[1]ref) []ref {
	if r&many != 0 {
		return t.multi[r&^many]
	}
	one[0] = r
	return one[:]
}

// builder makes a table of rows.
type builder struct {
	packer
	table

	bad  faults
	pace pace
}

func newBuilder() *builder {
	return &builder{table: table{names: make(map[string]ref)}}
}

// add takes a row. A bad one is kept for the error of finish: one load tells of all its bad rows.
func (b *builder) add(r *Row) error {
	b.pace.step()
	if b.rows >= MaxRows {
		return errTooManyRows
	}
	s, f := spanOf(r), r.Facts()
	at, err := b.packer.add(r.Line, s, &f)
	if err != nil {
		return err
	}
	b.rows++
	if err := b.claim(r, s, at); err != nil {
		b.bad.add(r.Line, b.rows, err)
	}
	return nil
}

// claim makes the row's keys lead to it. Two rows for one token at one time are refused: which of the two owns it
// would depend on their order.
func (b *builder) claim(r *Row, s span, at ref) error {
	if !r.Fingerprint.IsZero() {
		key := printOf(r.Fingerprint)
		old, _ := b.pinned.get(key)
		led, err := b.share(old, "fingerprint", s, at)
		if err != nil {
			return err
		}
		b.pinned.put(key, led)
	}
	if r.HasDigest {
		key := digestKey(r.Digest)
		old, _ := b.digests.get(key)
		led, err := b.share(old, "sha256", s, at)
		if err != nil {
			return err
		}
		b.digests.put(key, led)
	}
	for _, n := range [...]struct {
		kind                byte
		issuer, name, field string
	}{
		{nameCredential, "", r.CredentialID, "credential_id"},
		{nameFormat, "", r.TokenFormat, "token_format"},
		{nameSubject, r.JWTIssuer, r.JWTSubject, "jwt_subject"},
		{nameClient, r.JWTIssuer, r.JWTClientID, "jwt_client_id"},
		{nameJWT, r.JWTIssuer, r.JWTID, "jwt_id"},
	} {
		if n.name == "" {
			continue
		}
		key := string(appendName(nil, n.kind, n.issuer, n.name))
		led, err := b.share(b.names[key], n.field, s, at)
		if err != nil {
			return err
		}
		b.names[key] = led
	}
	return nil
}

// share returns what a key leads to that led to old, zero for nothing, and now to at as well.
func (b *builder) share(old ref, field string, s span, at ref) (ref, error) {
	if old == 0 {
		return at, nil
	}
	var one [1]ref
	list := b.refs(old, &one)
	for _, other := range list {
		rd := b.at(other)
		line, _, theirs := rd.head()
		if !s.overlaps(theirs) {
			continue
		}
		what := "another row"
		if line > 0 {
			what = fmt.Sprintf("line %d", line)
		}
		if s == always && theirs == always {
			return 0, fmt.Errorf("`%s` is that of %s", field, what)
		}
		return 0, fmt.Errorf("`%s` is that of %s, and their validity overlaps", field, what)
	}
	if len(list) >= maxRanges {
		return 0, fmt.Errorf("`%s` must be that of at most %d rows", field, maxRanges)
	}
	return b.lead(old, append(slices.Clone(list), at)), nil
}

// lead makes a key that led to old lead to list.
func (t *table) lead(old ref, list []ref) ref {
	if len(list) == 1 {
		return list[0]
	}
	if old&many != 0 && int(old&^many) < len(t.multi) {
		t.multi[old&^many] = list
		return old
	}
	t.multi = append(t.multi, list)
	return many | ref(len(t.multi)-1)
}

// finish ends the building; err is what came of giving the rows.
func (b *builder) finish(err error) (*table, error) {
	if err := errors.Join(err, b.bad.err()); err != nil {
		return nil, err
	}
	b.seal()
	b.pinned.trim()
	b.digests.trim()
	t := b.table
	t.chunks = b.full
	return &t, nil
}
