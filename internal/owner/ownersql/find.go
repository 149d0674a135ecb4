package ownersql

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/keytrail/keytrail/internal/fingerprint"
	"github.com/keytrail/keytrail/internal/owner"
)

// keyParam is one way to name a token in `lookup_query`.
type keyParam struct {
	fields []string // of the directory, that the parameter stands for
	value  func(*owner.Keys) any
	shaped bool // our own form, which no sender chooses
}

var keyParams = map[string]keyParam{
	"sha256":        {[]string{"sha256"}, hashed(func(k *owner.Keys) any { return k.SHA256[:] }), true},
	"sha256_hex":    {[]string{"sha256"}, hashed(func(k *owner.Keys) any { return hex.EncodeToString(k.SHA256[:]) }), true},
	"sha256_base64": {[]string{"sha256"}, hashed(func(k *owner.Keys) any { return base64.StdEncoding.EncodeToString(k.SHA256[:]) }), true},
	"fingerprint":   {[]string{"fingerprint"}, named(func(k *owner.Keys) string { return k.Fingerprint }), true},
	"credential_id": {[]string{"credential_id"}, named(func(k *owner.Keys) string { return k.CredentialID }), false},
	"jwt_issuer":    {[]string{"jwt_issuer"}, named(func(k *owner.Keys) string { return k.JWTIssuer }), false},
	"jwt_subject":   {[]string{"jwt_issuer", "jwt_subject"}, named(func(k *owner.Keys) string { return k.JWTSubject }), false},
	"jwt_client_id": {[]string{"jwt_issuer", "jwt_client_id"}, named(func(k *owner.Keys) string { return k.JWTClientID }), false},
	"jwt_id":        {[]string{"jwt_issuer", "jwt_id"}, named(func(k *owner.Keys) string { return k.JWTID }), false},
}

var keyParamNames = ":" + strings.Join(slices.Sorted(maps.Keys(keyParams)), ", :")

func hashed(form func(*owner.Keys) any) func(*owner.Keys) any {
	return func(k *owner.Keys) any {
		if !k.HasSHA256 {
			return nil
		}
		return form(k)
	}
}

// named binds NULL for a key that is missing: it equals nothing.
func named(field func(*owner.Keys) string) func(*owner.Keys) any {
	return func(k *owner.Keys) any {
		if s := field(k); s != "" {
			return s
		}
		return nil
	}
}

var errAmbiguous = errors.New("must return at most one row, found more")

// Find asks for the row of one token. A query that uses one kind of key need not return it. A row of another token is
// not an answer: MySQL finds 17 for "17abc" and most collations find "Key" for "key".
func (db *DB) Find(ctx context.Context, k owner.Keys) (*owner.Row, error) {
	st := &db.plan.find
	if !st.set() {
		return nil, errors.New("`lookup_query` is not set: this database only gives all rows")
	}
	a := ask{key: "lookup_query", st: st, timeout: db.plan.LookupTimeout}
	var known bool
	for _, name := range st.params {
		v := keyParams[name].value(&k)
		known = known || v != nil && name != "jwt_issuer" // an issuer alone names nobody
		a.args = append(a.args, v)
	}
	if !known {
		return nil, nil
	}
	db.stats.lookups.Add(1)
	var found *owner.Row
	err := db.read(ctx, a, func(rows *sql.Rows) (err error) {
		found, err = db.one(&a, rows, &k)
		return err
	})
	if err != nil && ReasonOf(err) == BadRow && db.misshaped(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return found, nil
}

// misshaped reports whether the database refused the form of a key that a sender chose, such as letters where the
// column holds numbers: that token is not in it, and he must not be able to make the source look ill.
func (db *DB) misshaped(err error) bool {
	return errors.Is(err, errShape) && slices.ContainsFunc(db.plan.find.params, func(name string) bool { return !keyParams[name].shaped })
}

func (db *DB) one(a *ask, rows *sql.Rows, k *owner.Keys) (*owner.Row, error) {
	t, err := newTable(a, rows, false)
	if err != nil || !rows.Next() {
		return nil, err
	}
	values, _, err := t.next()
	if err != nil {
		return nil, a.errorf(BadRow, "returns a bad row: %s", err)
	}
	values = slices.Clone(values)
	if rows.Next() {
		return nil, a.errorf(BadRow, "%s", errAmbiguous)
	}
	if t.foreign(values, k) {
		db.stats.foreign.Add(1)
		return nil, nil
	}
	extra, added := t.missingKeys(a.st.params, k)
	if err := t.decode(extra); err != nil {
		return nil, err
	}
	r, err := t.row(append(values, added...))
	if err != nil {
		return nil, a.errorf(BadRow, "returns a bad row: %s", err)
	}
	return r, nil
}

// missingKeys gives the fields that the query asked by and did not return, if it asked by one kind of key: of two we
// would not know which one matched.
func (t *table) missingKeys(params []string, k *owner.Keys) (fields, values []string) {
	kind := func(name string) string { prefix, _, _ := strings.Cut(name, "_"); return prefix }
	for _, name := range params {
		if kind(name) != kind(params[0]) {
			return nil, nil
		}
		for _, f := range keyParams[name].fields {
			if !slices.Contains(t.names, f) && !slices.Contains(fields, f) {
				fields, values = append(fields, f), append(values, keyText(f, k))
			}
		}
	}
	return fields, values
}

// foreign reports whether the row returns keys and none of them is the one asked for. A claim counts only beside the
// issuer that it is of.
func (t *table) foreign(values []string, k *owner.Keys) bool {
	returned, i := map[string]string{}, 0
	for c, name := range t.names {
		if c != t.updated {
			returned[name] = strings.TrimSpace(values[i])
			i++
		}
	}
	issuer := returned["jwt_issuer"]
	other := issuer != "" && issuer != k.JWTIssuer
	differs := false
	for _, name := range lookupKeys {
		v := returned[name]
		if v == "" || keyText(name, k) == "" {
			continue
		}
		if sameKey(name, v, k) && (!other || !strings.HasPrefix(name, "jwt_")) {
			return false
		}
		differs = true
	}
	return differs
}

// lookupKeys are the fields that alone, or beside an issuer, name a token.
var lookupKeys = []string{"sha256", "fingerprint", "credential_id", "jwt_subject", "jwt_client_id", "jwt_id"}

func sameKey(field, v string, k *owner.Keys) bool {
	if field != "sha256" {
		return v == keyText(field, k)
	}
	r, err := hashDecoder.Row([]string{v, "x"})
	return err != nil || r.Digest == fingerprint.DigestFromSum(k.SHA256) // a bad hash is refused where rows are made
}

// hashDecoder reads a hash in all the forms that the directory knows.
var hashDecoder = func() *owner.Decoder {
	d, err := owner.NewDecoder([]string{"sha256", "owner_id"})
	if err != nil {
		panic(err)
	}
	return d
}()

func keyText(field string, k *owner.Keys) string {
	switch field {
	case "sha256":
		if k.HasSHA256 {
			return hex.EncodeToString(k.SHA256[:])
		}
	case "fingerprint":
		return k.Fingerprint
	case "credential_id":
		return k.CredentialID
	case "jwt_issuer":
		return k.JWTIssuer
	case "jwt_subject":
		return k.JWTSubject
	case "jwt_client_id":
		return k.JWTClientID
	case "jwt_id":
		return k.JWTID
	}
	return ""
}
