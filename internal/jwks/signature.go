package jwks

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	_ "crypto/sha256" // the hashes of the algorithms below
	_ "crypto/sha512"
	"math/big"
)

// family of a signature algorithm: what kind of key it needs.
type family uint8

const (
	pkcs1 family = iota + 1
	pss
	ecdsaSignature
	eddsa
)

type algorithm struct {
	family family
	hash   crypto.Hash
	curve  elliptic.Curve
}

// algorithms is the closed list. `none` and the HS family are not in it and never will be: the first proves nothing, and
// the second takes for its secret what the key set publishes.
var algorithms = map[string]algorithm{
	"RS256": {family: pkcs1, hash: crypto.SHA256},
	"RS384": {family: pkcs1, hash: crypto.SHA384},
	"RS512": {family: pkcs1, hash: crypto.SHA512},
	"PS256": {family: pss, hash: crypto.SHA256},
	"PS384": {family: pss, hash: crypto.SHA384},
	"PS512": {family: pss, hash: crypto.SHA512},
	"ES256": {family: ecdsaSignature, hash: crypto.SHA256, curve: elliptic.P256()},
	"ES384": {family: ecdsaSignature, hash: crypto.SHA384, curve: elliptic.P384()},
	"ES512": {family: ecdsaSignature, hash: crypto.SHA512, curve: elliptic.P521()},
	"EdDSA": {family: eddsa},
}

// can says whether the key is of the type that alg needs, and meant for it. The key decides, not the token: a token
// that could name any algorithm for any key is how signatures are confused.
func (k *publicKey) can(alg string) bool {
	if k.alg != "" && k.alg != alg {
		return false
	}
	a := algorithms[alg]
	switch key := k.key.(type) {
	case *rsa.PublicKey:
		return a.family == pkcs1 || a.family == pss
	case *ecdsa.PublicKey:
		return a.family == ecdsaSignature && key.Curve == a.curve
	case ed25519.PublicKey:
		return a.family == eddsa
	}
	return false
}

// verify checks a signature over input, the bytes of the token as they were sent. go-jose would decode the segments and
// encode them again, and so take a token for good whose bytes the issuer never signed.
func (k *publicKey) verify(alg string, input, signature []byte) bool {
	a := algorithms[alg]
	if a.family == eddsa {
		key, ok := k.key.(ed25519.PublicKey)
		return ok && ed25519.Verify(key, input, signature)
	}
	h := a.hash.New()
	h.Write(input)
	digest := h.Sum(nil)
	switch key := k.key.(type) {
	case *rsa.PublicKey:
		if a.family == pss {
			return rsa.VerifyPSS(key, a.hash, digest, signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}) == nil
		}
		return rsa.VerifyPKCS1v15(key, a.hash, digest, signature) == nil
	case *ecdsa.PublicKey:
		half := (key.Curve.Params().BitSize + 7) / 8
		if len(signature) != 2*half {
			return false
		}
		r, s := new(big.Int).SetBytes(signature[:half]), new(big.Int).SetBytes(signature[half:])
		return ecdsa.Verify(key, digest, r, s)
	}
	return false
}

// checkCost weighs a signature check in units of at most 100 µs, as BenchmarkCheck measured them on a slow core.
func checkCost(key crypto.PublicKey) int {
	switch key := key.(type) {
	case *rsa.PublicKey:
		size := key.N.BitLen() / 1024
		return size * size / 4
	case *ecdsa.PublicKey:
		switch key.Curve {
		case elliptic.P384():
			return 10
		case elliptic.P521():
			return 30
		}
	}
	return 1
}
