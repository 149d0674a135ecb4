package jwks

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/go-jose/go-jose/v4"
	"github.com/valyala/fastjson"
)

const (
	// maxSetBytes bounds the text of a key set; large ones with certificate chains have 30 KiB.
	maxSetBytes = 1 << 20
	// maxKeys bounds the keys of an issuer; a set in the middle of a rotation has four.
	maxKeys = 100
	// maxKeyID bounds `kid`. A longer one names no key.
	maxKeyID = 1 << 10
	// minRSABits is what RFC 7518 asks for; go-jose refuses more than 4096, whose cost is the caller's to choose.
	minRSABits = 2048
)

// publicKey is one key of a set. It stays the same object while every set that follows holds it, so what was verified
// under it stays verified over a rotation, and not a moment longer than the key is in force.
type publicKey struct {
	id   [sha256.Size]byte // of key, kid and algorithm
	kid  string
	alg  string // empty: any that the key's type can do
	key  crypto.PublicKey
	cost int
	dead atomic.Bool
}

// keySet is the immutable content of one version of an issuer's key set.
type keySet struct {
	generation uint64
	keys       []*publicKey
}

// parseSet reads a key set. Keys that are not for signatures, or of a kind we do not know, are passed over as RFC 7517
// asks; a set that leaves nothing to verify with is refused, as is one that gives away a private key.
func parseSet(data []byte) ([]*publicKey, error) {
	doc, err := fastjson.ParseBytes(data)
	if err != nil {
		return nil, errors.New("must be JSON")
	}
	list := doc.Get("keys")
	if list == nil || list.Type() != fastjson.TypeArray {
		return nil, errors.New("must be an object with an array `keys`")
	}
	items := list.GetArray()
	if len(items) > maxKeys {
		return nil, fmt.Errorf("must hold at most %d keys, found %d", maxKeys, len(items))
	}
	var keys []*publicKey
	var first error
	for i, item := range items {
		k, err := parseKey(item)
		switch {
		case errors.Is(err, errPrivate):
			return nil, fmt.Errorf("key %d: %w", i, err)
		case err == nil:
			keys = append(keys, k)
		case first == nil:
			first = fmt.Errorf("key %d: %w", i, err)
		}
	}
	if len(keys) == 0 {
		if first == nil {
			return nil, errors.New("must hold a key, found none")
		}
		return nil, fmt.Errorf("must hold a key for signatures, found %d others, the first: %w", len(items), first)
	}
	return keys, nil
}

var (
	errPrivate    = errors.New("must not hold the private part: whoever reads the set could sign")
	errUse        = errors.New("is not for signatures")
	errKeyID      = fmt.Errorf("`kid` must have at most %d bytes", maxKeyID)
	errUnreadable = errors.New("is of no known kind or lacks a part")
	errKind       = errors.New("is of a kind that proves nothing here")
)

func parseKey(v *fastjson.Value) (*publicKey, error) {
	if v.Type() != fastjson.TypeObject {
		return nil, errUnreadable
	}
	if kty := string(v.GetStringBytes("kty")); kty != "oct" && v.Exists("d") {
		return nil, errPrivate
	}
	if !forSignatures(v) {
		return nil, errUse
	}
	var jwk jose.JSONWebKey
	if err := jwk.UnmarshalJSON(v.MarshalTo(nil)); err != nil {
		return nil, errUnreadable // the library's text may quote the document
	}
	if len(jwk.KeyID) > maxKeyID {
		return nil, errKeyID
	}
	k := &publicKey{kid: jwk.KeyID, alg: jwk.Algorithm, key: jwk.Key}
	switch key := jwk.Key.(type) {
	case *rsa.PublicKey:
		if bits := key.N.BitLen(); bits < minRSABits {
			return nil, fmt.Errorf("an RSA key must have at least %d bits, found %d", minRSABits, bits)
		}
	case *ecdsa.PublicKey, ed25519.PublicKey:
	default:
		return nil, errKind
	}
	thumb, err := jwk.Thumbprint(crypto.SHA256)
	if err != nil {
		return nil, errUnreadable
	}
	k.id = sha256.Sum256(fmt.Appendf(nil, "%x %q %q", thumb, k.kid, k.alg))
	k.cost = checkCost(k.key)
	return k, nil
}

// forSignatures says whether the issuer means the key for signatures; most sets say nothing, or `use` alone.
func forSignatures(v *fastjson.Value) bool {
	if use := string(v.GetStringBytes("use")); use != "" && use != "sig" {
		return false
	}
	ops := v.GetArray("key_ops")
	if !v.Exists("key_ops") {
		return true
	}
	for _, op := range ops {
		if string(op.GetStringBytes()) == "verify" {
			return true
		}
	}
	return false
}

// succeed puts the keys of the set before in the place of equal new ones and marks those that are gone.
func succeed(old *keySet, keys []*publicKey) *keySet {
	if old == nil {
		return &keySet{generation: 1, keys: keys}
	}
	had := make(map[[sha256.Size]byte]*publicKey, len(old.keys))
	for _, k := range old.keys {
		had[k.id] = k
	}
	for i, k := range keys {
		if was := had[k.id]; was != nil {
			keys[i] = was
		}
	}
	for _, k := range keys {
		delete(had, k.id)
	}
	for _, k := range had {
		k.dead.Store(true)
	}
	return &keySet{generation: old.generation + 1, keys: keys}
}

// maxTries bounds the keys that are tried for one token. A token that names its key fits one; one that names none may
// fit any, and makes us pay for each.
const maxTries = 8

// candidates returns the keys that may have signed a token.
func (s *keySet) candidates(kid, alg string) []*publicKey {
	var fit []*publicKey
	for _, k := range s.keys {
		// A key without an id is any key: sets that an operator writes by hand often have one key and no ids.
		if kid != "" && k.kid != "" && kid != k.kid {
			continue
		}
		if !k.can(alg) {
			continue
		}
		if fit = append(fit, k); len(fit) == maxTries {
			break
		}
	}
	return fit
}
