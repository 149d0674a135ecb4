package privacy

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"sync"

	"github.com/keytrail/keytrail/internal/fingerprint"
)

const (
	// purpose names the key that pseudonyms are made with. Another one orphans the pseudonyms already stored.
	purpose = "privacy pseudonym"
	// pseudonymLen is 64 bits: two of a million people share one once in thirty million rings.
	pseudonymLen = 8
)

// Pseudonyms gives one person one name. The key is derived from the epoch of the ring that stamps, so the name changes
// when the ring is rotated, as a fingerprint does, and nobody without the ring can test a guessed address against it.
type Pseudonyms struct{ macs *sync.Pool }

// NewPseudonyms makes the names of one state of a ring.
func NewPseudonyms(ring *fingerprint.Ring) (*Pseudonyms, error) {
	keys, err := ring.Derive(purpose)
	if err != nil {
		return nil, err
	}
	key := keys[0].Key // that of the epoch in force comes first
	return &Pseudonyms{macs: &sync.Pool{New: func() any { return hmac.New(sha256.New, key) }}}, nil
}

// Email returns the text that stands for an address in lower case: email_ and 16 hexadecimal digits.
func (p *Pseudonyms) Email(address string) string {
	m := p.macs.Get().(hash.Hash)
	defer p.macs.Put(m)
	m.Reset()
	_, _ = m.Write([]byte("email\x00" + address)) // a hash never fails to write
	return "email_" + hex.EncodeToString(m.Sum(nil)[:pseudonymLen])
}
