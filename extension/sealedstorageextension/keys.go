package sealedstorageextension

import (
	"sync/atomic"

	"github.com/keytrail/keytrail/internal/fingerprint"
)

// purpose separates the keys of this extension from everything else that is derived from a key ring. Changing it
// orphans what is stored.
const purpose = "sealed_storage"

// keySource gives the sealer in force.
type keySource interface{ current() (*sealer, error) }

// fixed is a key from the configuration.
type fixed struct{ *sealer }

func (f fixed) current() (*sealer, error) { return f.sealer, nil }

// ringKeys derives the keys from a key ring: the epoch in force seals, every epoch that still has its key opens.
type ringKeys struct {
	keyring  *fingerprint.Keyring
	previous [][]byte
	last     atomic.Pointer[derived]
}

type derived struct {
	ring   *fingerprint.Ring
	sealer *sealer
}

func (r *ringKeys) current() (*sealer, error) {
	ring := r.keyring.Ring()
	if d := r.last.Load(); d != nil && d.ring == ring {
		return d.sealer, nil
	}
	keys, err := ring.Derive(purpose)
	if err != nil {
		return nil, err
	}
	masters := make([][]byte, 0, len(keys)+len(r.previous))
	for _, k := range keys {
		masters = append(masters, k.Key)
	}
	s, err := newSealer(append(masters, r.previous...)...)
	if err != nil {
		return nil, err
	}
	r.last.Store(&derived{ring, s}) // two at once derive the same
	return s, nil
}
