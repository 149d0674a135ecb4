package journal

import (
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/keytrail/keytrail/internal/seal"
)

// KeyLabel separates the keys of journals from all that is made from the same master. It is part of what is stored.
const KeyLabel = "keytrail journal v2"

// KeyPurpose is what the masters of journals are derived for where they come from a key ring; as frozen as KeyLabel.
const KeyPurpose = "journal"

// ErrNoKey is wrapped by what is said of a segment whose key is not among those given: it may be readable later.
var ErrNoKey = errors.New("journal: key is not known")

// sealing is what the header of a sealed segment adds to that of a plain one: which key, and the first half of every
// record's nonce, drawn at random for each segment.
type sealing struct {
	key  seal.KeyID
	half [seal.HalfSize]byte
}

// segmentCipher seals the records of one segment. The second half of a record's nonce is the offset of its frame, so
// that a record can neither be moved nor repeated; and since no offset is ever written twice (undo), no nonce is.
type segmentCipher struct {
	aead cipher.AEAD
	head []byte // authenticated with every record: what the segment says of itself, its seal left out
}

// newSealing draws the nonce half of a new segment.
func newSealing(key *seal.Key) *sealing {
	s := &sealing{key: key.ID()}
	_, _ = rand.Read(s.half[:]) // never fails
	return s
}

// cipherOf returns the cipher of a segment with this header, nil for a plain one.
func (h *header) cipherOf(keys seal.Keys) (*segmentCipher, error) {
	if h.sealing == nil {
		return nil, nil
	}
	key := keys.Find(h.sealing.key)
	if key == nil {
		return nil, fmt.Errorf("%w: segment %d is sealed with key %s", ErrNoKey, h.seq, h.sealing.key)
	}
	aead, err := key.Sequence(h.sealing.half)
	if err != nil {
		return nil, err
	}
	b := appendHeader(nil, h.seq, h.writer, h.sealing)
	return &segmentCipher{aead, append(b[:sealOffset:sealOffset], b[headerSize:]...)}, nil
}

func nonceAt(off int64) []byte {
	var n [seal.NonceSize - seal.HalfSize]byte
	binary.BigEndian.PutUint64(n[len(n)-8:], uint64(off))
	return n[:]
}

// appendFrames appends the frames of a group sealed, the first of them to stand at off.
func (c *segmentCipher) appendFrames(dst, group []byte, off int64) []byte {
	for len(group) > 0 {
		n := int(binary.LittleEndian.Uint32(group))
		payload := group[frameSize : frameSize+n]
		group = group[frameSize+n:]
		start := len(dst)
		dst = append(dst, make([]byte, frameSize)...)
		dst = c.aead.Seal(dst, nonceAt(off), payload, c.head)
		sealed := dst[start+frameSize:]
		binary.LittleEndian.PutUint32(dst[start:], uint32(len(sealed)))
		binary.LittleEndian.PutUint32(dst[start+4:], crc32.Checksum(sealed, castagnoli))
		off += int64(len(dst) - start)
	}
	return dst
}

// open appends the payload of the record whose frame stands at off.
func (c *segmentCipher) open(dst, sealed []byte, off int64) ([]byte, error) {
	return c.aead.Open(dst, nonceAt(off), sealed, c.head)
}
