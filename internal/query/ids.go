package query

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
)

// eventIDs packs the ids of events, so that millions of them can be held.
type eventIDs struct{ unnamed uint64 }

// of packs an id. Events without one are each their own.
func (e *eventIDs) of(text string) (id [16]byte) {
	if text == "" {
		e.unnamed++
		binary.BigEndian.PutUint64(id[:], e.unnamed)
		return id
	}
	if len(text) == hex.EncodedLen(len(id)) {
		if _, err := hex.Decode(id[:], []byte(text)); err == nil {
			return id
		}
	}
	sum := sha256.Sum256([]byte(text))
	return [16]byte(sum[:])
}
