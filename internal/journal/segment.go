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
)

const (
	magic   = "KTJRNL\n"
	version = 1

	sealOffset = 40
	headerSize = 72 // magic, version, seq, writer, crc, seal

	frameSize = 8 // length and checksum before each payload

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
	seal   seal
}

// seal is written when a segment closes.
type seal struct {
	size    int64
	records int64
	first   int64 // Unix nanoseconds
}

func appendHeader(b []byte, seq uint64, writer ulid.ULID) []byte {
	b = append(b, magic...)
	b = append(b, version)
	b = binary.LittleEndian.AppendUint64(b, seq)
	b = append(b, writer[:]...)
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
	return append(b, make([]byte, headerSize-len(b))...)
}

func (s seal) append(b []byte) []byte {
	start := len(b)
	b = binary.LittleEndian.AppendUint64(b, uint64(s.size))
	b = binary.LittleEndian.AppendUint64(b, uint64(s.records))
	b = binary.LittleEndian.AppendUint64(b, uint64(s.first))
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(b[start:], castagnoli))
	return binary.LittleEndian.AppendUint32(b, 0)
}

// parseHeader reads the first headerSize bytes of a segment. A seal that does not check is no seal.
func parseHeader(b []byte) (header, error) {
	var h header
	if len(b) < headerSize || string(b[:len(magic)]) != magic {
		return h, errBadHeader
	}
	if crc32.Checksum(b[:32], castagnoli) != binary.LittleEndian.Uint32(b[32:]) {
		return h, errBadHeader // in every version the checksum of these 32 bytes stands here
	}
	if b[len(magic)] != version {
		return h, fmt.Errorf("journal: segment version %d is not known, want %d", b[len(magic)], version)
	}
	h.seq = binary.LittleEndian.Uint64(b[8:])
	copy(h.writer[:], b[16:32])
	s := b[sealOffset:headerSize]
	if crc32.Checksum(s[:24], castagnoli) == binary.LittleEndian.Uint32(s[24:]) {
		h.seal = seal{
			size:    int64(binary.LittleEndian.Uint64(s)),
			records: int64(binary.LittleEndian.Uint64(s[8:])),
			first:   int64(binary.LittleEndian.Uint64(s[16:])),
		}
		h.sealed = h.seal.size >= headerSize && h.seal.records >= 0
	}
	return h, nil
}

// appendFrame appends one record.
func appendFrame(b, payload []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(len(payload)))
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(payload, castagnoli))
	return append(b, payload...)
}
