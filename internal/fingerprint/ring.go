package fingerprint

import (
	"encoding/hex"
	"time"

	"github.com/keytrail/keytrail/internal/event"
)

// States of an epoch. They are not stored but follow from the times and marks of the file, so that an epoch comes
// into force by itself.
const (
	StatePending   = "pending"   // its not_before lies ahead
	StateStamp     = "stamp"     // stamps every event
	StatePrevious  = "previous"  // stamps beside it, so that histories join
	StateSearch    = "search"    // never stamped, still searched
	StateDestroyed = "destroyed" // only its check value is left
)

// Epoch is what may be told of one key.
type Epoch struct {
	Number      int
	State       string
	Check       string // key check value
	Created     time.Time
	NotBefore   time.Time
	Retired     time.Time // zero unless marked so, like the next two
	Compromised time.Time
	Destroyed   time.Time
}

// Live reports whether the epoch's fingerprints can be computed and may have been stored.
func (e Epoch) Live() bool {
	return e.State == StateStamp || e.State == StatePrevious || e.State == StateSearch
}

// Ring is a key ring as it stood at one moment. It does not change and may be used by many goroutines; take it from a
// Keyring once per batch, so that one batch has one scope.
type Ring struct {
	id       string
	keys     []*key // oldest first
	stamp    *key
	previous *key   // nil without one
	live     []*key // newest first; never empty
	scope    event.Scope
}

// newRing computes the states of the epochs at now. It returns nil where no epoch is left that could stamp.
func newRing(id string, keys []*key, now time.Time) *Ring {
	r := &Ring{id: id, keys: keys}
	at := stampIndex(keys, now)
	if at < 0 {
		return nil
	}
	r.stamp = keys[at]
	// Only the epoch right before may be previous: if that one is marked, an older one does not take its place,
	// since what it stamped had already been joined to the marked one.
	if at > 0 && keys[at-1].marks.none() {
		r.previous = keys[at-1]
	}
	for i := at; i >= 0; i-- {
		if keys[i].secret != nil {
			r.live = append(r.live, keys[i])
		}
	}
	r.scope = event.Scope{Ring: id, Epoch: int(r.stamp.epoch), Check: r.stamp.check}
	return r
}

// stampIndex finds the newest usable epoch in force. Where none is in force the oldest stamps: nothing came before
// it, and a clock that is a second behind the one that made the ring must not stop a collector.
func stampIndex(keys []*key, now time.Time) int {
	oldest := -1
	for i := len(keys) - 1; i >= 0; i-- {
		if keys[i].secret == nil {
			continue
		}
		if !keys[i].notBefore.After(now) {
			return i
		}
		oldest = i
	}
	return oldest
}

// ID returns the ring's name.
func (r *Ring) ID() string { return r.id }

// Stamp returns the id under the epoch in force.
func (r *Ring) Stamp(k Kind, d Digest) ID { return r.stamp.id(k, d) }

// Previous returns the id under the epoch before, unless that one is retired, compromised or destroyed.
func (r *Ring) Previous(k Kind, d Digest) (ID, bool) {
	if r.previous == nil {
		return ID{}, false
	}
	return r.previous.id(k, d), true
}

// Oldest returns the id under the oldest live epoch: it outlives rotations, so event ids are made of it.
func (r *Ring) Oldest(k Kind, d Digest) ID { return r.live[len(r.live)-1].id(k, d) }

// IDs are the ids of one credential that an event needs.
type IDs struct {
	Stamp    ID
	Previous ID // zero unless two epochs overlap
	Oldest   ID
}

// IDs returns what Stamp, Previous and Oldest do. Where two of them are one epoch, as in a ring that was never
// rotated, its keyed hash is computed once.
func (r *Ring) IDs(k Kind, d Digest) IDs {
	ids := IDs{Stamp: r.stamp.id(k, d)}
	if r.previous != nil {
		ids.Previous = r.previous.id(k, d)
	}
	switch oldest := r.live[len(r.live)-1]; oldest {
	case r.stamp:
		ids.Oldest = ids.Stamp
	case r.previous:
		ids.Oldest = ids.Previous
	default:
		ids.Oldest = oldest.id(k, d)
	}
	return ids
}

// Live returns the ids under every live epoch, newest first: all that a search has to ask for.
func (r *Ring) Live(k Kind, d Digest) []ID {
	ids := make([]ID, len(r.live))
	for i, e := range r.live {
		ids[i] = e.id(k, d)
	}
	return ids
}

// BodyDigest returns the keyed digest of a body's SHA-256 under the oldest live epoch, for event.BodyID. It is keyed
// because a body that holds nothing but a token would else give the token's plain hash away.
func (r *Ring) BodyDigest(sum [32]byte) string {
	out := r.live[len(r.live)-1].sum(tagBody, sum)
	return hex.EncodeToString(out[:])
}

// Scope says which ring and epoch stamp, for events and manifests.
func (r *Ring) Scope() event.Scope { return r.scope }

// Epochs returns all epochs, newest first.
func (r *Ring) Epochs() []Epoch {
	all := make([]Epoch, 0, len(r.keys))
	for i := len(r.keys) - 1; i >= 0; i-- {
		all = append(all, r.describe(r.keys[i]))
	}
	return all
}

// Epoch returns one epoch by its number.
func (r *Ring) Epoch(number int) (Epoch, bool) {
	if k := find(r.keys, number); k != nil {
		return r.describe(k), true
	}
	return Epoch{}, false
}

func find(keys []*key, number int) *key {
	for _, k := range keys {
		if int(k.epoch) == number {
			return k
		}
	}
	return nil
}

func (r *Ring) describe(k *key) Epoch {
	return Epoch{
		Number: int(k.epoch), State: r.state(k), Check: k.check, Created: k.created, NotBefore: k.notBefore,
		Retired: k.marks.Retired, Compromised: k.marks.Compromised, Destroyed: k.marks.Destroyed,
	}
}

func (r *Ring) state(k *key) string {
	switch {
	case k.secret == nil:
		return StateDestroyed
	case k == r.stamp:
		return StateStamp
	case k == r.previous:
		return StatePrevious
	case k.epoch > r.stamp.epoch:
		return StatePending
	}
	return StateSearch
}

// Derived is a key for another use, made from one epoch's.
type Derived struct {
	Epoch int
	State string
	Key   []byte
}

// Derive makes a 32-byte key for purpose from every epoch that still has its secret, the one in force first. The
// caller gets no way back to the ring's own keys.
func (r *Ring) Derive(purpose string) ([]Derived, error) {
	all := make([]Derived, 0, len(r.keys))
	for i := len(r.keys) - 1; i >= 0; i-- {
		k := r.keys[i]
		if k.secret == nil {
			continue
		}
		b, err := k.derive(purpose)
		if err != nil {
			return nil, err
		}
		d := Derived{Epoch: int(k.epoch), State: r.state(k), Key: b}
		if k == r.stamp {
			all = append([]Derived{d}, all...)
			continue
		}
		all = append(all, d)
	}
	return all, nil
}
