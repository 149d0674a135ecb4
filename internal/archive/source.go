package archive

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sort"

	"github.com/keytrail/keytrail/internal/archive/bucket"
)

const (
	// wholeFile is the size up to which a block is fetched in one request: a second one costs more than the bytes.
	wholeFile = 128 << 10
	// gapBytes that lie between two wanted ranges are read along with them rather than asked around.
	gapBytes = 16 << 10
	// readAhead is the buffer of the page reader, which reads up to that much past a page.
	readAhead = 4 << 10
)

// source is one object of a bucket as an io.ReaderAt. What a search will need is fetched first, in few large ranges;
// a read outside of them still works and costs a request of its own.
type source struct {
	ctx    context.Context
	bucket bucket.Bucket
	key    string
	size   int64
	parts  []part // sorted by begin and by end: none lies within another
	bytes  int64  // fetched so far
}

type part struct {
	off  int64
	data []byte
}

func (p part) end() int64 { return p.off + int64(len(p.data)) }

// ReadAt serves from what was fetched, else from the bucket.
func (s *source) ReadAt(b []byte, off int64) (int, error) {
	if off < 0 || off >= s.size {
		return 0, io.EOF
	}
	want := b[:min(int64(len(b)), s.size-off)]
	if held := s.held(off, int64(len(want))); held != nil {
		copy(want, held)
	} else {
		got, err := s.get(off, int64(len(want)))
		if err != nil {
			return 0, err
		}
		copy(want, got)
	}
	if len(want) < len(b) {
		return len(want), io.EOF
	}
	return len(want), nil
}

// held returns n fetched bytes at off, nil where no part has them all.
func (s *source) held(off, n int64) []byte {
	i := sort.Search(len(s.parts), func(i int) bool { return s.parts[i].end() >= off+n })
	if i == len(s.parts) || s.parts[i].off > off {
		return nil
	}
	return s.parts[i].data[off-s.parts[i].off:][:n]
}

func (s *source) get(off, n int64) ([]byte, error) {
	b, err := s.bucket.GetRange(s.ctx, s.key, off, n)
	if err != nil {
		return nil, err
	}
	if int64(len(b)) != n {
		return nil, fmt.Errorf("%s: %d bytes at %d were asked for, found %d", s.key, n, off, len(b))
	}
	s.bytes += n
	return b, nil
}

// extent is a range of bytes [from, to).
type extent struct{ from, to int64 }

// fetch reads the wanted ranges, those that lie close together as one.
func (s *source) fetch(want []extent) error {
	slices.SortFunc(want, func(a, b extent) int { return int(a.from - b.from) })
	for len(want) > 0 {
		e := want[0]
		want = want[1:]
		for len(want) > 0 && want[0].from <= e.to+gapBytes {
			e.to = max(e.to, want[0].to)
			want = want[1:]
		}
		if e.to = min(e.to, s.size); e.from >= e.to || s.held(e.from, e.to-e.from) != nil {
			continue
		}
		data, err := s.get(e.from, e.to-e.from)
		if err != nil {
			return err
		}
		s.keep(part{e.from, data})
	}
	return nil
}

// keep adds a part and drops those it covers.
func (s *source) keep(p part) {
	s.parts = slices.DeleteFunc(s.parts, func(o part) bool { return p.off <= o.off && o.end() <= p.end() })
	s.parts = append(s.parts, p)
	slices.SortFunc(s.parts, func(a, b part) int { return int(a.off - b.off) })
}
