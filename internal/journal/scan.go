package journal

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"math"
)

var (
	errBadHeader = errors.New("journal: segment header is damaged")
	errBadRecord = errors.New("journal: record is damaged")
)

// scanWindow is read at once: large enough that reading is bound by the disk, small beside a segment.
const scanWindow = 256 << 10

// scanner reads the records of a segment file one after the other.
type scanner struct {
	r   io.ReaderAt
	off int64 // of the next record; after a failure, of the record that is bad
	end int64 // where a sealed segment ends; a live one ends where its records do

	cipher *segmentCipher // nil where records are plain
	plain  []byte         // the payload that was opened last
	forged bool           // a whole record did not open: no write that was cut short leaves that

	buf  []byte
	base int64 // offset of buf[0]
}

func newScanner(r io.ReaderAt, off, end int64) *scanner {
	if end <= 0 {
		end = math.MaxInt64
	}
	return &scanner{r: r, off: off, end: end}
}

// next returns the payload of the next record, valid until the call after it; io.EOF at the end; errBadRecord
// where what follows is not a whole record; any other error is the disk's.
func (s *scanner) next() ([]byte, error) {
	at := s.off
	b, err := s.frame()
	if err != nil || s.cipher == nil {
		return b, err
	}
	plain, err := s.cipher.open(s.plain[:0], b, at)
	if err != nil || len(plain) == 0 {
		s.off, s.forged = at, true
		return nil, errBadRecord
	}
	s.plain = plain
	return plain, nil
}

// frame returns what stands in the next record, sealed as it is.
func (s *scanner) frame() ([]byte, error) {
	h, err := s.peek(frameSize)
	if err != nil {
		return nil, err
	}
	if len(h) < frameSize {
		if allZero(h) {
			return nil, s.atEnd()
		}
		return nil, errBadRecord
	}
	n := int(binary.LittleEndian.Uint32(h))
	sum := binary.LittleEndian.Uint32(h[4:])
	if n == 0 && sum == 0 {
		return nil, s.atEnd()
	}
	if n == 0 || n > maxFrame {
		return nil, errBadRecord
	}
	b, err := s.peek(frameSize + n)
	if err != nil {
		return nil, err
	}
	if len(b) < frameSize+n || crc32.Checksum(b[frameSize:], castagnoli) != sum {
		return nil, errBadRecord
	}
	s.off += int64(len(b))
	return b[frameSize:], nil
}

// atEnd tells the end of the records from a hole in them: a sealed segment holds records up to its very end.
func (s *scanner) atEnd() error {
	if s.end != math.MaxInt64 && s.off < s.end {
		return errBadRecord
	}
	return io.EOF
}

// damaged is asked after errBadRecord and tells damage from a tail that was never written to its end: behind
// damage there is another whole record. It looks again at the bad one first, for a live segment grows while it
// is read, and what is followed by a whole record has been written by then.
func (s *scanner) damaged() bool {
	if s.end != math.MaxInt64 || s.forged {
		return true
	}
	h, err := s.peek(frameSize)
	if err != nil || len(h) < frameSize {
		return false
	}
	n := binary.LittleEndian.Uint32(h)
	if n == 0 || n > maxFrame {
		return false
	}
	after := newScanner(s.r, s.off+frameSize+int64(n), 0)
	if _, err := after.frame(); err != nil {
		return false
	}
	again := newScanner(s.r, s.off, 0)
	_, err = again.frame()
	return errors.Is(err, errBadRecord)
}

// forget drops what was read ahead: a live segment has more by now.
func (s *scanner) forget() { s.buf = s.buf[:0] }

// peek returns n bytes from s.off on, or fewer where the file ends.
func (s *scanner) peek(n int) ([]byte, error) {
	n = int(min(int64(n), s.end-s.off))
	at := s.off - s.base
	if at >= 0 && at+int64(n) <= int64(len(s.buf)) {
		return s.buf[at : at+int64(n)], nil
	}
	size := int(min(int64(max(n, scanWindow)), s.end-s.off))
	if cap(s.buf) < size {
		s.buf = make([]byte, size)
	}
	got, err := s.r.ReadAt(s.buf[:size], s.off)
	if err != nil && !errors.Is(err, io.EOF) {
		s.buf = s.buf[:0]
		return nil, err
	}
	s.buf, s.base = s.buf[:got], s.off
	return s.buf[:min(n, got)], nil
}

func allZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
