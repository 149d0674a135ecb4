package fingerprint

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"log/slog"
	"sync"
	"time"
)

const (
	// minSecret is the output size of the keyed hash: a shorter key would be the weakest part.
	minSecret = 32
	// maxSecret keeps a key ring that is no key ring from being taken for one.
	maxSecret = 1024

	checkLen = 8
)

// secret is the key of one epoch. It goes to the HMAC, to key derivation and to the ring file, nowhere else.
type secret []byte

func (secret) String() string               { return redacted }
func (secret) GoString() string             { return redacted }
func (secret) Format(s fmt.State, _ rune)   { _, _ = io.WriteString(s, redacted) }
func (secret) LogValue() slog.Value         { return slog.StringValue(redacted) }
func (secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
func (secret) MarshalYAML() (any, error)    { return redacted, nil }

// key is one epoch of a ring: what the file says of it, and the keyed hash ready for use.
type key struct {
	epoch     uint16
	secret    secret // nil once destroyed
	check     string
	created   time.Time
	notBefore time.Time
	marks     marks
	states    *sync.Pool // of *mac; nil once destroyed
}

// marks are the operator's decisions on an epoch; a zero time is a decision not taken.
type marks struct {
	Retired     time.Time
	Compromised time.Time
	Destroyed   time.Time
}

func (m marks) none() bool { return m == marks{} }

// mac is one keyed hash with the buffers of a call. The buffers are part of it because what passes an interface is
// moved to the heap: pooled together, a fingerprint costs no allocation.
type mac struct {
	hash hash.Hash
	in   [len(tagCredential) + sha256.Size]byte
	out  [sha256.Size]byte
}

func (k *key) arm() {
	raw := []byte(k.secret)
	k.states = &sync.Pool{New: func() any { return &mac{hash: hmac.New(sha256.New, raw)} }}
}

// sum is the whole derivation. Changing it orphans stored data: see testdata/vectors.txt.
func (k *key) sum(tag string, d Digest) (out [sumLen]byte) {
	m := k.states.Get().(*mac)
	m.hash.Reset() // also stores the padded key's state at first use, so that later calls skip two blocks
	n := copy(m.in[:], tag)
	n += copy(m.in[n:], d[:])
	_, _ = m.hash.Write(m.in[:n]) // a hash never fails to write
	copy(out[:], m.hash.Sum(m.out[:0]))
	clear(m.in[:])
	k.states.Put(m)
	return out
}

func (k *key) id(kind Kind, d Digest) ID {
	return ID{Kind: kind, Epoch: k.epoch, Sum: k.sum(kind.tag(), d)}
}

// checkValue tells two keys of one epoch apart without telling anything of them. It is stored in every event's scope
// and every manifest: frozen like the derivation.
func checkValue(s secret, epoch uint16) string {
	h := hmac.New(sha256.New, s)
	_, _ = io.WriteString(h, tagCheck)
	_, _ = h.Write(binary.BigEndian.AppendUint16(nil, epoch))
	return hex.EncodeToString(h.Sum(nil)[:checkLen])
}

// derive gives a key for another use than fingerprints, from which the epoch's key cannot be found.
func (k *key) derive(purpose string) ([]byte, error) {
	b, err := hkdf.Key(sha256.New, k.secret, nil, "keytrail "+purpose, sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("derive a key of epoch %d: %w", k.epoch, err)
	}
	return b, nil
}
