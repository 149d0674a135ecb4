// Package fingerprint turns credentials into keyed ids, so that a trail can be kept and searched without the
// credential: it holds the key ring, the derivation and the text form of an id.
//
//	id = HMAC-SHA256(epoch key, tag ‖ 0x00 ‖ digest)[:16]
//
// The digest is the plain SHA-256 of what is identified. It is what most systems store for a token, so a directory
// of hashes gives the same ids; it is also guessable without the key for weak tokens, therefore it is never printed
// or kept. What the credential is within a header (scheme words, Basic, JWS signing input) is not decided here but
// in internal/secret.
//
// The derivation is frozen by testdata/vectors.txt: changing it orphans everything stored.
package fingerprint
