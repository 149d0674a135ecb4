package sealedstorageextension

import (
	"bytes"
	"encoding/binary"

	"github.com/keytrail/keytrail/internal/seal"
)

// A sealed value:
//
//	version u8 | key id 8 | nonce 24 | AES-256-GCM( uvarint length | key | value ) | tag 16
//
// It is authenticated together with its header, its client and the name it is stored under: a value that was moved to
// another name or client does not open. The component's key stands inside because Walk must give it back, and the
// name, a keyed hash, cannot. Changing any of this orphans what is stored: it takes a new version.
const (
	version  = 1
	headSize = 1 + seal.KeyIDSize
)

// label separates the keys of sealed values from all that is made from the same master. It is part of what is stored.
const label = "keytrail sealed_storage v1"

// sealer holds the keys at one moment. The first seals, all open.
type sealer struct{ keys seal.Keys }

func newSealer(masters ...[]byte) (*sealer, error) {
	keys, err := seal.NewKeys(label, masters...)
	if err != nil {
		return nil, err
	}
	return &sealer{keys}, nil
}

// sealing returns the id of the key that seals.
func (s *sealer) sealing() seal.KeyID { return s.keys[0].ID() }

func (s *sealer) seal(client, name, key string, value []byte) ([]byte, error) {
	k := s.keys[0]
	plain := make([]byte, 0, binary.MaxVarintLen64+len(key)+len(value))
	plain = append(appendString(plain, key), value...)
	id := k.ID()
	out := make([]byte, 0, headSize+seal.NonceSize+len(plain)+seal.Overhead)
	out = append(append(out, version), id[:]...)
	return k.Seal(out, plain, additional(out[:headSize], client, name))
}

// open returns the key and value that are sealed under name, or an *openError.
func (s *sealer) open(client, name string, sealed []byte) (key string, value []byte, err error) {
	if len(sealed) < headSize+seal.NonceSize || sealed[0] != version {
		return "", nil, &openError{client, reasonMalformed}
	}
	head := sealed[:headSize]
	k := s.keys.Find(seal.KeyID(head[1:]))
	if k == nil {
		return "", nil, &openError{client, reasonUnknownKey}
	}
	plain, err := k.Open(sealed[headSize:], additional(head, client, name))
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
