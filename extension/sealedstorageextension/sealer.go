package sealedstorageextension

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
)

// A sealed value:
//
//	version u8 | key id 8 | nonce 24 | AES-256-GCM( uvarint length | key | value ) | tag 16
//
// It is authenticated together with its header, its client and the name it is stored under: a value that was moved to
// another name or client does not open. The component's key stands inside because Walk must give it back, and the
// name, a keyed hash, cannot. Changing any of this orphans what is stored: it takes a new version.
const (
	version   = 1
	keyIDSize = 8
	headSize  = 1 + keyIDSize
)

type keyID [keyIDSize]byte

// sealingKey is one key with what is derived from it.
type sealingKey struct {
	id     keyID
	cipher *xaes
}

func newSealingKey(master []byte) (*sealingKey, error) {
	id, err := hkdf.Key(sha256.New, master, nil, "keytrail sealed_storage v1 id", keyIDSize)
	if err != nil {
		return nil, err
	}
	key, err := hkdf.Key(sha256.New, master, nil, "keytrail sealed_storage v1 value", keySize)
	if err != nil {
		return nil, err
	}
	x, err := newXAES(key)
	if err != nil {
		return nil, err
	}
	return &sealingKey{id: keyID(id), cipher: x}, nil
}

// sealer holds the keys at one moment. The first seals, all open.
type sealer struct{ keys []*sealingKey }

// newSealer orders the keys as given and drops repetitions, which a key moved to previous_keys too early makes.
func newSealer(masters ...[]byte) (*sealer, error) {
	s := &sealer{}
	for _, m := range masters {
		k, err := newSealingKey(m)
		if err != nil {
			return nil, err
		}
		if s.find(k.id) == nil {
			s.keys = append(s.keys, k)
		}
	}
	return s, nil
}

func (s *sealer) find(id keyID) *sealingKey {
	for _, k := range s.keys {
		if k.id == id {
			return k
		}
	}
	return nil
}

// sealing returns the id of the key that seals.
func (s *sealer) sealing() keyID { return s.keys[0].id }

func (s *sealer) seal(client, name, key string, value []byte) ([]byte, error) {
	k := s.keys[0]
	plain := make([]byte, 0, binary.MaxVarintLen64+len(key)+len(value))
	plain = append(appendString(plain, key), value...)
	out := make([]byte, 0, headSize+nonceSize+len(plain)+sha256.Size)
	out = append(append(out, version), k.id[:]...)
	return k.cipher.seal(out, plain, additional(out[:headSize], client, name))
}

// open returns the key and value that are sealed under name, or an *openError.
func (s *sealer) open(client, name string, sealed []byte) (key string, value []byte, err error) {
	if len(sealed) < headSize+nonceSize || sealed[0] != version {
		return "", nil, &openError{client, reasonMalformed}
	}
	head := sealed[:headSize]
	k := s.find(keyID(head[1:]))
	if k == nil {
		return "", nil, &openError{client, reasonUnknownKey}
	}
	plain, err := k.cipher.open(sealed[headSize:], additional(head, client, name))
	if err != nil {
		return "", nil, &openError{client, reasonForged}
	}
	n, used := binary.Uvarint(plain)
	if used <= 0 || n > uint64(len(plain)-used) {
		return "", nil, &openError{client, reasonMalformed}
	}
	rest := plain[used:]
	return string(rest[:n]), rest[n:], nil
}

func additional(head []byte, client, name string) []byte {
	return appendString(appendString(bytes.Clone(head), client), name)
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}
