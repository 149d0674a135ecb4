package archive

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"
	"sync"

	"github.com/keytrail/keytrail/internal/archive/bucket"
)

const (
	// wholeFile is the size up to which a block is fetched in one request: a second one costs more than the bytes.
	wholeFile = 128 << 10
	// gapBytes that lie between two wanted ranges may be read along with them rather than asked around.
	gapBytes = 256 << 10
	// indexAllowance bounds all gaps of a block together: with its indexes a search reads at most this and twice the
	// pages that it needs.
	indexAllowance = 128 << 10
	// readAhead is the buffer of the page reader, which reads up to that much past a page.
	readAhead = 512
	// fetchers ask for ranges of one block side by side.
	fetchers = 16
)

// source is one object of a bucket as an io.ReaderAt. What a search will need is fetched first, in few large ranges;
// a read outside of them still works and costs a request of its own.
type source struct {
	ctx    context.Context
	bucket bucket.Bucket
	key    string
	size   int64
	parts  []part          // sorted by begin and by end: none lies within another
	bytes  int64           // fetched so far
	gets   int64           // requests so far
	pages  map[int64]int64 // size by offset of the pages that were asked for: what a perfect fetch would read

	local io.ReaderAt // where the object's bytes are at hand, and nothing is fetched
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
	if s.local != nil {
		return s.local.ReadAt(b, off)
	}
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
	if s.local != nil {
		b := make([]byte, n)
		_, err := io.ReadFull(io.NewSectionReader(s.local, off, n), b)
		return b, err
	}
	s.gets++
	b, err := s.request(off, n)
	s.bytes += int64(len(b))
	return b, err
}

// request is safe for concurrent use.
func (s *source) request(off, n int64) ([]byte, error) {
	b, err := s.bucket.GetRange(s.ctx, s.key, off, n)
	if err != nil {
		return nil, err
	}
	if int64(len(b)) != n {
		return nil, fmt.Errorf("%s: %d bytes at %d were asked for, found %d", s.key, n, off, len(b))
	}
	return b, nil
}

// page asks for a page of a column: the library reads a little past it.
func (s *source) page(off, size int64) extent {
	if s.pages == nil {
		s.pages = make(map[int64]int64)
	}
	s.pages[off] = size
	return extent{off, off + size + readAhead}
}

// needed is the size of the pages that were asked for.
func (s *source) needed() (n int64) {
	for _, size := range s.pages {
		n += size
	}
	return n
}

// extent is a range of bytes [from, to).
type extent struct{ from, to int64 }

// fetch reads the wanted ranges, those that lie close together as one, several at a time.
func (s *source) fetch(want []extent) error {
	if s.local != nil {
		return nil
	}
	want = s.clip(want)
	want = slices.DeleteFunc(join(want, s.spare(want)), func(e extent) bool { return s.held(e.from, e.to-e.from) != nil })
	parts := make([]part, len(want))
	errs := make([]error, len(want))
	slots := make(chan struct{}, fetchers)
	var wg sync.WaitGroup
	for i, e := range want {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			parts[i].off = e.from
			parts[i].data, errs[i] = s.request(e.from, e.to-e.from)
		})
	}
	wg.Wait()
	s.gets += int64(len(want))
	for _, p := range parts {
		s.bytes += int64(len(p.data))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for _, p := range parts {
		s.keep(p)
	}
	return nil
}

// clip sorts the ranges, cuts them to the object and leaves out what is held.
func (s *source) clip(want []extent) []extent {
	var out []extent
	for _, e := range want {
		e.to = min(e.to, s.size)
		if e.from < e.to && s.held(e.from, e.to-e.from) == nil {
			out = append(out, e)
		}
	}
	slices.SortFunc(out, func(a, b extent) int { return cmp.Compare(a.from, b.from) })
	return out
}

// spare is how much may be read for nothing: more than that costs more than the requests that it saves.
func (s *source) spare(want []extent) int64 {
	spare := 2*s.needed() + indexAllowance - s.bytes
	for _, e := range joinAt(want, touching) {
		spare -= e.to - e.from
	}
	return max(spare, 0)
}

// join makes one range of neighbours that overlap, and of those with small gaps between them, the smallest gaps first,
// as long as all of them together are not more than spare.
func join(want []extent, spare int64) []extent {
	merged := joinAt(want, touching)
	var gaps []int64
	for i, e := range merged[min(1, len(merged)):] {
		gaps = append(gaps, e.from-merged[i].to)
	}
	slices.Sort(gaps)
	widest := int64(0)
	for _, g := range gaps {
		if spare -= g; spare < 0 || g > gapBytes {
			break
		}
		widest = g
	}
	return joinAt(merged, func(gap int64) bool { return gap <= widest })
}

func touching(gap int64) bool { return gap <= 0 }

// joinAt joins neighbours, sorted by their begin, where close says that the gap between them is small enough.
func joinAt(sorted []extent, close func(gap int64) bool) []extent {
	var out []extent
	for _, e := range sorted {
		if n := len(out); n > 0 && close(e.from-out[n-1].to) {
			out[n-1].to = max(out[n-1].to, e.to)
			continue
		}
		out = append(out, e)
	}
	return out
}

// keep adds a part and drops those it covers.
func (s *source) keep(p part) {
	s.parts = slices.DeleteFunc(s.parts, func(o part) bool { return p.off <= o.off && o.end() <= p.end() })
	s.parts = append(s.parts, p)
	slices.SortFunc(s.parts, func(a, b part) int { return int(a.off - b.off) })
}
