package seal

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"errors"
)

const (
	// KeySize is that of AES-256, and of a master key.
	KeySize = 32
	// KeyIDSize leaves no chance to two keys of one configuration under one id.
	KeyIDSize = 8
)

// ErrNotAuthentic says that something was changed, was sealed under another key, or stands where it was not sealed for.
var ErrNotAuthentic = errors.New("message authentication failed")

// KeyID names a key beside what it sealed.
type KeyID [KeyIDSize]byte

func (id KeyID) String() string { return hex.EncodeToString(id[:]) }

// Key is one key for one use.
type Key struct {
	id     KeyID
	cipher *xaes
}

// NewKey derives the key of a use from a master key. The label is part of what is stored: changing it orphans that.
func NewKey(label string, master []byte) (*Key, error) {
	id, err := hkdf.Key(sha256.New, master, nil, label+" id", KeyIDSize)
	if err != nil {
		return nil, err
	}
	key, err := hkdf.Key(sha256.New, master, nil, label+" value", KeySize)
	if err != nil {
		return nil, err
	}
	x, err := newXAES(key)
	if err != nil {
		return nil, err
	}
	return &Key{id: KeyID(id), cipher: x}, nil
}

// ID returns the key's id.
func (k *Key) ID() KeyID { return k.id }

// Seal appends a random nonce and the sealed plaintext to dst; aad is authenticated with it.
func (k *Key) Seal(dst, plaintext, aad []byte) ([]byte, error) {
	return k.cipher.seal(dst, plaintext, aad)
}

// Open returns the plaintext of what Seal appended, or ErrNotAuthentic.
func (k *Key) Open(sealed, aad []byte) ([]byte, error) { return k.cipher.open(sealed, aad) }

// Sequence returns the AES-256-GCM under the first half of the nonce, for many values that belong together: each is
// sealed under a second half of its own, which the caller must never use twice under one first half.
func (k *Key) Sequence(half [HalfSize]byte) (cipher.AEAD, error) { return k.cipher.aead(half[:]) }

// Keys are the keys of one use: the first seals, all open.
type Keys []*Key

// NewKeys derives a key from each master, in order. One given twice, which a key moved among the previous ones too
// early makes, counts once.
func NewKeys(label string, masters ...[]byte) (Keys, error) {
	var keys Keys
	for _, m := range masters {
		k, err := NewKey(label, m)
		if err != nil {
			return nil, err
		}
		if keys.Find(k.id) == nil {
			keys = append(keys, k)
		}
	}
	return keys, nil
}

// Find returns the key with that id, nil where it is none of these.
func (ks Keys) Find(id KeyID) *Key {
	for _, k := range ks {
		if k.id == id {
			return k
		}
	}
	return nil
}
