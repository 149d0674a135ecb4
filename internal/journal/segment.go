package journal

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/keytrail/keytrail/internal/seal"
)

const (
	magic         = "KTJRNL\n"
	version       = 1
	versionSealed = 2 // its records are sealed; a journal without keys keeps writing version 1

	sealOffset = 40
	headerSize = 72 // magic, version, seq, writer, crc, seal

	sealedHeaderSize = headerSize + seal.KeyIDSize + seal.HalfSize + 4 // and key id, nonce half, crc

	frameSize = 8                         // length and checksum before each payload
	maxFrame  = MaxRecord + seal.Overhead // what may stand behind them

	lockName    = "lock"
	writerName  = "writer"
	cursorsName = "cursors"
	suffix      = ".seg"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// segment is what the journal knows of one segment file.
type segment struct {
	seq     uint64
	path    string
	head    int64 // where its records begin
	size    int64 // bytes up to the end of the last durable record, header included
	records int64
	first   time.Time // when its first record came; zero while it has none
	bad     bool      // its damage was counted and its file copied to quarantine
}

func segmentPath(dir string, seq uint64) string {
	return filepath.Join(dir, fmt.Sprintf("%020d%s", seq, suffix))
}

// segmentSeq reads the sequence number off a file name.
func segmentSeq(name string) (uint64, bool) {
	digits, ok := strings.CutSuffix(filepath.Base(name), suffix)
	if !ok || len(digits) != 20 {
		return 0, false
	}
	seq, err := strconv.ParseUint(digits, 10, 64)
	return seq, err == nil
}

type header struct {
	seq    uint64
	writer ulid.ULID
	sealed bool
	seal   closing

	sealing *sealing // nil where the records are plain
}

// size is where the records begin.
func (h *header) size() int64 {
	if h.sealing != nil {
		return sealedHeaderSize
	}
	return headerSize
}

// closing is the seal of a segment, which is written when a segment closes.
type closing struct {
	size    int64
	records int64
	first   int64 // Unix nanoseconds
}

func appendHeader(b []byte, seq uint64, writer ulid.ULID, s *sealing) []byte {
	b = append(b, magic...)
	if s == nil {
		b = append(b, version)
	} else {
		b = append(b, versionSealed)
	}
	b = binary.LittleEndian.AppendUint64(b, seq)
	b = append(b, writer[:]...)
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
	b = append(b, make([]byte, headerSize-len(b))...)
	if s == nil {
		return b
	}
	b = append(append(b, s.key[:]...), s.half[:]...)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b[headerSize:], castagnoli))
}

func (s closing) append(b []byte) []byte {
	start := len(b)
	b = binary.LittleEndian.AppendUint64(b, uint64(s.size))
	b = binary.LittleEndian.AppendUint64(b, uint64(s.records))
	b = binary.LittleEndian.AppendUint64(b, uint64(s.first))
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(b[start:], castagnoli))
	return binary.LittleEndian.AppendUint32(b, 0)
}

// parseHeader reads the first sealedHeaderSize bytes of a segment, or what there is of them. A seal that does not check is no seal.
func parseHeader(b []byte) (header, error) {
	var h header
	if len(b) < headerSize || string(b[:len(magic)]) != magic {
		return h, errBadHeader
	}
	if crc32.Checksum(b[:32], castagnoli) != binary.LittleEndian.Uint32(b[32:]) {
		return h, errBadHeader // in every version the checksum of these 32 bytes stands here
	}
	switch v := b[len(magic)]; v {
	case version:
	case versionSealed:
		if len(b) < sealedHeaderSize || crc32.Checksum(b[headerSize:sealedHeaderSize-4], castagnoli) != binary.LittleEndian.Uint32(b[sealedHeaderSize-4:]) {
			return h, errBadHeader
		}
		h.sealing = &sealing{
			key:  seal.KeyID(b[headerSize:]),
			half: [seal.HalfSize]byte(b[headerSize+seal.KeyIDSize:]),
		}
	default:
		return h, fmt.Errorf("journal: segment version %d is not known, want %d or %d", v, version, versionSealed)
	}
	h.seq = binary.LittleEndian.Uint64(b[8:])
	copy(h.writer[:], b[16:32])
	s := b[sealOffset:headerSize]
	if crc32.Checksum(s[:24], castagnoli) == binary.LittleEndian.Uint32(s[24:]) {
		h.seal = closing{
			size:    int64(binary.LittleEndian.Uint64(s)),
			records: int64(binary.LittleEndian.Uint64(s[8:])),
			first:   int64(binary.LittleEndian.Uint64(s[16:])),
		}
		h.sealed = h.seal.size >= h.size() && h.seal.records >= 0
	}
	return h, nil
}

// appendUnsummed appends one record without its checksum, which is about the sealed form.
func appendUnsummed(b, payload []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(len(payload)))
	return append(append(b, 0, 0, 0, 0), payload...)
}

// appendFrame appends one record.
func appendFrame(b, payload []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(len(payload)))
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(payload, castagnoli))
	return append(b, payload...)
}
