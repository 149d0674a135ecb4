package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"slices"

	"github.com/keytrail/keytrail/internal/seal"
)

// Segment is a closed segment as a destination gets it. It does not change any more.
type Segment struct {
	j    *Journal
	seg  *segment
	from int64 // where this destination goes on
	at   int64
}

// Seq is the segment's sequence number.
func (s *Segment) Seq() uint64 { return s.seg.seq }

// Bytes is the size of the segment.
func (s *Segment) Bytes() int64 { return s.seg.size }

// Count is how many records the segment holds, those before the cursor included.
func (s *Segment) Count() int64 { return s.seg.records }

// Offset is the offset behind the last record that Records gave, for Advance.
func (s *Segment) Offset() int64 { return s.at }

// Records gives the records behind the destination's cursor, in order. A payload is valid until the next one. A
// damaged record ends the segment with an error that wraps ErrDamaged: the file is then copied to quarantine, and
// what came before is all there is. Any other error is the disk's, and may pass.
func (s *Segment) Records() iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		f, err := os.Open(s.seg.path)
		if err != nil {
			yield(nil, fmt.Errorf("journal: segment %d: %w", s.seg.seq, err))
			return
		}
		defer f.Close()
		sc := newScanner(f, s.from, s.seg.size)
		if sc.cipher, err = s.cipher(f); err != nil {
			yield(nil, s.j.damage(s.seg, 0, err))
			return
		}
		for {
			b, err := sc.next()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(nil, s.j.damage(s.seg, sc.off, err))
				return
			}
			s.at = sc.off
			if !yield(b, nil) {
				return
			}
		}
	}
}

// cipher returns what opens the segment's records, nil where they are plain.
func (s *Segment) cipher(f io.ReaderAt) (*segmentCipher, error) {
	if s.seg.head == headerSize {
		return nil, nil
	}
	h, err := headerOf(f)
	if err != nil {
		return nil, err
	}
	keys, err := s.j.o.keys()
	if err != nil {
		return nil, err
	}
	return h.cipherOf(keys)
}

// ErrDamaged is wrapped by the error that ends a segment at a damaged record.
var ErrDamaged = errors.New("journal: segment is damaged")

// damage counts a segment that turned out to be damaged, once, and keeps a copy of it.
func (j *Journal) damage(seg *segment, off int64, err error) error {
	if !errors.Is(err, errBadRecord) && !errors.Is(err, errBadHeader) {
		return fmt.Errorf("journal: segment %d: %w", seg.seq, err)
	}
	err = fmt.Errorf("%w: segment %d at offset %d", ErrDamaged, seg.seq, off)
	if !j.markBad(seg) {
		return err
	}
	return errors.Join(err, quarantine(j.o.Dir, seg.path))
}

// markBad counts a segment as damaged and reports whether that is news.
func (j *Journal) markBad(seg *segment) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	if seg.bad {
		return false
	}
	seg.bad = true
	j.count.quarantined++
	return true
}

// Next waits for the oldest closed segment that destination has not passed. It gives the same one again until it
// is committed. After Drain it returns ErrClosed once nothing is left, after Close at once.
func (j *Journal) Next(ctx context.Context, destination string) (*Segment, error) {
	for {
		drained := j.drained()
		seg, changed, err := j.oldest(destination)
		if seg != nil || err != nil {
			return seg, err
		}
		if drained {
			return nil, ErrClosed
		}
		select {
		case <-changed:
		case <-j.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (j *Journal) oldest(destination string) (*Segment, <-chan struct{}, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.shut {
		return nil, nil, ErrClosed
	}
	at, ok := j.cursors[destination]
	if !ok {
		return nil, nil, fmt.Errorf("journal: destination %q is not configured", destination)
	}
	for _, seg := range j.closed {
		if at.passed(seg) {
			continue
		}
		from := seg.head
		if at.Segment == seg.seq {
			from = max(from, at.Offset)
		}
		return &Segment{j: j, seg: seg, from: from, at: from}, nil, nil
	}
	return nil, j.changed, nil
}

// Quarantine keeps a copy of a segment whose records are whole but mean nothing to their reader, and counts it.
func (s *Segment) Quarantine() error {
	if !s.j.markBad(s.seg) {
		return nil
	}
	return quarantine(s.j.o.Dir, s.seg.path)
}

// SealedWith lists the keys that the segments of the journal in dir are sealed with, those of damaged ones as far as they
// can be read. It takes no lock: the journal may be in use.
func SealedWith(dir string) (ids []seal.KeyID, err error) {
	files, err := listSegments(dir)
	for _, f := range files {
		h, err := readHeader(f.path)
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, errBadHeader): // delivered meanwhile; nothing to open
		case err != nil:
			return nil, fmt.Errorf("journal: segment %d: %w", f.seq, err)
		case h.sealing != nil && !slices.Contains(ids, h.sealing.key):
			ids = append(ids, h.sealing.key)
		}
	}
	return ids, err
}
