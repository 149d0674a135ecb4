package ownerhttp

import (
	"context"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"

	"github.com/valyala/fastjson"

	"github.com/keytrail/keytrail/internal/fingerprint"
	"github.com/keytrail/keytrail/internal/owner"
)

var errNoLookup = errors.New("`lookup_url` is needed to look a token up")

// Find asks for one token. An answer need not repeat the key it was asked by; if it does, it must be that key.
func (s *Source) Find(ctx context.Context, k owner.Keys) (*owner.Row, error) {
	if s.lookup == nil {
		return nil, errNoLookup
	}
	u, ok := s.lookup.expand(&k)
	if !ok {
		s.counts.skipped.Add(1)
		return nil, nil
	}
	a, err := s.get(ctx, u, "", min(maxLookupBytes, s.c.MaxPageBytes))
	if err != nil {
		return nil, s.failed(err)
	}
	row, err := s.found(a, &k)
	if err != nil {
		return nil, s.failed(err)
	}
	if row == nil {
		s.counts.notKnown.Add(1)
		return nil, nil
	}
	s.counts.rows.Add(1)
	return row, nil
}

func (s *Source) found(a *answer, k *owner.Keys) (*owner.Row, error) {
	switch a.status {
	case http.StatusNotFound, http.StatusGone, http.StatusNoContent:
		return nil, nil
	case http.StatusOK:
	default:
		return nil, failf(Status, "status must be 200 or 404, found %d", a.status)
	}
	var p fastjson.Parser
	doc, err := parse(&p, a.body)
	if err != nil {
		return nil, err
	}
	v, err := s.one(doc)
	if err != nil || v == nil {
		return nil, err
	}
	texts, err := s.find.texts(v)
	if err != nil {
		return nil, failf(BadRow, "row %s", err)
	}
	s.find.name(texts, s.lookup.keys, k)
	row, err := s.find.decoder.Row(texts)
	if err != nil {
		return nil, failf(BadRow, "row: %s", err)
	}
	if !isOf(row, s.lookup.keys, k) {
		return nil, failf(BadRow, "row must be of the token asked for")
	}
	return row, nil
}

// one finds the row in a document: itself, in an envelope, or alone in a list. Nil: none.
func (s *Source) one(doc *fastjson.Value) (*fastjson.Value, error) {
	v := doc
	switch {
	case s.c.Rows != "":
		v = doc.Get(splitPath(s.c.Rows)...)
	case doc.Type() == fastjson.TypeObject && !s.find.has(doc, "owner_id"):
		for _, name := range envelopes {
			if inner := doc.Get(name); inner != nil {
				v = inner
				break
			}
		}
	}
	switch {
	case v == nil || v.Type() == fastjson.TypeNull:
		return nil, nil
	case v.Type() == fastjson.TypeObject:
		return v, nil
	case v.Type() != fastjson.TypeArray:
		return nil, failf(Shape, "answer must be an object")
	}
	rows, err := v.Array()
	if err != nil || len(rows) > 1 {
		return nil, failf(Shape, "answer must hold at most one row, found %d", len(rows))
	}
	if len(rows) == 0 {
		return nil, nil
	}
	return rows[0], nil
}

// name gives a row that holds no key the one it was asked by. A claim names a token together with its issuer, and a row
// may hold only one of the claims.
func (r *rowReader) name(texts, asked []string, k *owner.Keys) {
	at := func(column string) *string { return &texts[slices.Index(r.columns, column)] }
	for _, column := range []string{"sha256", "fingerprint", "credential_id"} {
		if *at(column) != "" {
			return
		}
	}
	for _, key := range asked {
		switch key {
		case "sha256":
			*at(key) = hex.EncodeToString(k.SHA256[:])
			return
		case "fingerprint", "credential_id":
			*at(key) = textOf(k, key)
			return
		}
	}
	if *at("jwt_subject") == "" && *at("jwt_client_id") == "" && *at("jwt_id") == "" {
		key := asked[slices.IndexFunc(asked, isClaim)]
		*at(key) = textOf(k, key)
	}
	if issuer := at("jwt_issuer"); *issuer == "" {
		*issuer = k.JWTIssuer
	}
}

// isClaim finds the claims that name a token, which the issuer alone does not.
func isClaim(key string) bool {
	return key == "jwt_subject" || key == "jwt_client_id" || key == "jwt_id"
}

func textOf(k *owner.Keys, key string) string {
	return placeholders[key].text(k) // every key but sha256 is a placeholder of the same name
}

// isOf reports whether the row is that of the keys asked by, as far as it says whose it is.
func isOf(r *owner.Row, asked []string, k *owner.Keys) bool {
	agree := func(said, asked string) bool { return said == "" || said == asked }
	for _, key := range asked {
		same := true
		switch key {
		case "sha256":
			same = !r.HasDigest || r.Digest == fingerprint.DigestFromSum(k.SHA256)
		case "fingerprint":
			same = r.Fingerprint.IsZero() || r.Fingerprint.String() == k.Fingerprint
		case "credential_id":
			same = agree(r.CredentialID, k.CredentialID)
		case "jwt_issuer":
			same = agree(r.JWTIssuer, k.JWTIssuer)
		case "jwt_subject":
			same = agree(r.JWTSubject, k.JWTSubject)
		case "jwt_client_id":
			same = agree(r.JWTClientID, k.JWTClientID)
		case "jwt_id":
			same = agree(r.JWTID, k.JWTID)
		}
		if !same {
			return false
		}
	}
	return true
}
