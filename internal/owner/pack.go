package owner

import (
	"encoding/binary"
	"errors"
	"math"
	"math/bits"
	"time"
)

// A row in memory is a run of bytes within a chunk:
//
//	line     uvarint          0 where its source has no lines
//	mask     uint16           which of the following are there, in this order
//	span     2 × int64        valid from, valid until
//	moments  4 × int64        created, expires, revoked, rotated
//	texts    8 × (uvarint n, n bytes)
//
// Times are microseconds: nanoseconds would not reach the year 9999, which people write for "never". Chunks become
// strings, so that the texts of an event point into them and nothing is copied for a look-up; a chunk lives as long
// as the last event that shows a part of it.

const (
	chunkBits = 20
	// maxChunks bounds the rows of one directory to 2 GiB.
	maxChunks = 1 << (31 - chunkBits)
)

var errTooLarge = errors.New("must take at most 2 GiB in memory")

// ref is where a row is: its chunk and the offset in it. With many set it is a place in table.multi. Zero is nowhere:
// no row begins at the start of the first chunk.
type ref uint32

const many ref = 1 << 31

// span is the time in which a row holds, in microseconds.
type span struct{ from, until int64 }

var always = span{math.MinInt64, math.MaxInt64}

func spanOf(r *Row) span {
	s := always
	if !r.ValidFrom.IsZero() {
		s.from = r.ValidFrom.UnixMicro()
	}
	if !r.ValidUntil.IsZero() {
		s.until = r.ValidUntil.UnixMicro()
	}
	return s
}

func (s span) holds(at time.Time) bool {
	if s == always {
		return true
	}
	t := at.UnixMicro()
	return s.from <= t && t < s.until
}

func (s span) overlaps(o span) bool { return s.from < o.until && o.from < s.until }

// Bits of the mask above those of texts and moments.
const (
	maskFrom  = 1 << (int(Texts) + int(Moments))
	maskUntil = maskFrom << 1
)

// appendRow packs a row.
func appendRow(b []byte, line int, s span, f *Facts) []byte {
	b = binary.AppendUvarint(b, uint64(line))
	at := len(b)
	b = append(b, 0, 0)
	mask := uint16(0)
	moment := func(bit uint16, micros int64) {
		mask |= bit
		b = binary.LittleEndian.AppendUint64(b, uint64(micros))
	}
	if s.from != always.from {
		moment(maskFrom, s.from)
	}
	if s.until != always.until {
		moment(maskUntil, s.until)
	}
	for i, t := range f.Moment {
		if !t.IsZero() {
			moment(1<<(int(Texts)+i), t.UnixMicro())
		}
	}
	for i, t := range f.Text {
		if t != "" {
			mask |= 1 << i
			b = binary.AppendUvarint(b, uint64(len(t)))
			b = append(b, t...)
		}
	}
	binary.LittleEndian.PutUint16(b[at:], mask)
	return b
}

// reader takes a packed row apart. What it reads was written by appendRow.
type reader struct{ s string }

func (r *reader) uvarint() uint64 {
	v, shift := uint64(0), 0
	for i := 0; ; i++ {
		c := r.s[i]
		v |= uint64(c&0x7f) << shift
		if c < 0x80 {
			r.s = r.s[i+1:]
			return v
		}
		shift += 7
	}
}

func (r *reader) uint16() uint16 {
	v := uint16(r.s[0]) | uint16(r.s[1])<<8
	r.s = r.s[2:]
	return v
}

func (r *reader) micros() int64 {
	s := r.s[:8]
	r.s = r.s[8:]
	return int64(uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56)
}

// head reads a row up to its moments.
func (r *reader) head() (line int, mask uint16, s span) {
	line, mask, s = int(r.uvarint()), r.uint16(), always
	if mask&maskFrom != 0 {
		s.from = r.micros()
	}
	if mask&maskUntil != 0 {
		s.until = r.micros()
	}
	return line, mask, s
}

// facts reads the rest. Most texts are short and most rows lack most moments: the loops go by what is there.
func (r *reader) facts(mask uint16, f *Facts) {
	for m := mask >> int(Texts) & (1<<int(Moments) - 1); m != 0; m &= m - 1 {
		f.Moment[bits.TrailingZeros16(m)&3] = time.UnixMicro(r.micros()).UTC()
	}
	s := r.s
	for m := mask & (1<<int(Texts) - 1); m != 0; m &= m - 1 {
		n := int(s[0])
		if n < 0x80 {
			s = s[1:]
		} else {
			long := reader{s}
			n, s = int(long.uvarint()), long.s
		}
		f.Text[bits.TrailingZeros16(m)&7], s = s[:n], s[n:]
	}
	r.s = s
}

// chunks holds packed rows.
type chunks []string

func (c chunks) at(r ref) reader { return reader{c[r>>chunkBits][r&(1<<chunkBits-1):]} }

// packer fills chunks.
type packer struct {
	full chunks
	open []byte
}

// add packs one row. The widest row, with every scope at its longest, is a sixteenth of a chunk.
func (p *packer) add(line int, s span, f *Facts) (ref, error) {
	if len(p.full) == 0 && len(p.open) == 0 {
		p.open = append(make([]byte, 0, 1<<chunkBits), 0) // what would be at ref zero
	}
	at := len(p.open)
	p.open = appendRow(p.open, line, s, f)
	if len(p.open) > 1<<chunkBits {
		last := append([]byte(nil), p.open[at:]...)
		p.open = p.open[:at]
		p.seal()
		p.open, at = append(p.open, last...), 0
	}
	if len(p.full) >= maxChunks {
		return 0, errTooLarge
	}
	return ref(len(p.full)<<chunkBits | at), nil
}

// seal closes the open chunk.
func (p *packer) seal() {
	if len(p.open) > 0 {
		p.full = append(p.full, string(p.open))
		p.open = p.open[:0]
	}
}

// at reads a row, also of the open chunk, whose bytes are copied: they may move.
func (p *packer) at(r ref) reader {
	if int(r>>chunkBits) < len(p.full) {
		return p.full.at(r)
	}
	return reader{string(p.open[r&(1<<chunkBits-1):])}
}
