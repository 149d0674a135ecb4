package archive

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/keytrail/keytrail/internal/archive/bucket"
)

// merger makes blocks of blocks. Its memory is a page or two of each column of each open input, the dictionaries of the
// block in the making, and nothing that grows with the day: inputs and outputs lie in files of the staging directory.
type merger struct {
	bucket  bucket.Bucket
	staging string
	now     func() time.Time
	classes *classDocuments
	stones  *tombstones
	keep    func(*Hit) bool // nil keeps every row
}

// merge writes the rows of the inputs, which are of one unit and one class document, sorted and each once, as blocks of
// the level, and proves that no row was lost.
func (m *merger) merge(ctx context.Context, u unit, inputs []*File, level int) ([]File, ReplaceReport, error) {
	report := ReplaceReport{Inputs: len(inputs)}
	class, err := m.classes.get(ctx, inputs[0].ClassHash)
	if err != nil {
		return nil, report, fmt.Errorf("class of block %s: %w", inputs[0].Key, err)
	}
	in := newConfluence(ctx, m, inputs)
	out := newShards(ctx, m, u, class, level, inputs)
	err = m.pour(ctx, in, out, &report)
	err = errors.Join(err, in.close())
	var files []File
	if err == nil {
		files, err = out.finish()
	}
	err = errors.Join(err, out.close())
	if err != nil {
		return nil, report, err
	}
	return files, report, report.count(inputs, files)
}

// count completes the report and checks its sum.
func (r *ReplaceReport) count(inputs []*File, outputs []File) error {
	for _, f := range inputs {
		r.RowsIn += f.Rows
		r.BytesIn += f.Size
	}
	for i := range outputs {
		r.RowsOut += outputs[i].Rows
		r.BytesOut += outputs[i].Size
	}
	r.Outputs = len(outputs)
	if r.RowsOut != r.RowsIn-r.Duplicates-r.Dropped {
		return fmt.Errorf("merge of %s: %d rows less %d duplicates and %d dropped gave %d", inputs[0].Key, r.RowsIn, r.Duplicates, r.Dropped, r.RowsOut)
	}
	return nil
}

// pour moves the rows. Rows of one event under one fingerprint are one row: the one that is primary, else the first.
func (m *merger) pour(ctx context.Context, in *confluence, out *shards, report *ReplaceReport) error {
	var last *Hit
	for n := 0; ; n++ {
		if n%windowRows == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		h, err := in.next()
		if err != nil {
			return err
		}
		switch {
		case h == nil:
			return m.emit(out, last, report)
		case last != nil && sameRow(last, h):
			report.Duplicates++
			if h.Primary && !last.Primary {
				last = h
			}
			continue
		}
		if err := m.emit(out, last, report); err != nil {
			return err
		}
		last = h
	}
}

func (m *merger) emit(out *shards, h *Hit, report *ReplaceReport) error {
	switch {
	case h == nil:
		return nil
	case out.class.Lock == LockNone && m.stones.drops(row{h.Fingerprint, h.Primary, &h.Record}), m.keep != nil && !m.keep(h):
		report.Dropped++
		return nil
	}
	return out.add(h)
}

// compareHits is the order of every block.
func compareHits(a, b *Hit) int {
	return cmp.Or(strings.Compare(a.Fingerprint, b.Fingerprint), cmp.Compare(a.Record.Time, b.Record.Time),
		strings.Compare(a.eventID(), b.eventID()))
}

func sameRow(a, b *Hit) bool { return a.eventID() != "" && compareHits(a, b) == 0 }

// confluence is the rows of several blocks in one order. A block is opened when the rows before it are through, so that
// blocks of one day parted by ranges of fingerprints are never open together.
type confluence struct {
	ctx     context.Context
	merger  *merger
	waiting []*File // by the first fingerprint
	open    []*inflow
}

func newConfluence(ctx context.Context, m *merger, inputs []*File) *confluence {
	c := &confluence{ctx: ctx, merger: m, waiting: slices.Clone(inputs)}
	slices.SortFunc(c.waiting, func(a, b *File) int {
		return cmp.Or(strings.Compare(a.firstFingerprint(), b.firstFingerprint()), strings.Compare(a.Key, b.Key))
	})
	return c
}

// firstFingerprint is at most that of the block's first row: rows without a token come first.
func (f *File) firstFingerprint() string {
	if f.Anonymous || f.Level == 0 {
		return ""
	}
	return f.MinFingerprint
}

// next returns the next row, nil after the last one. It is the caller's to keep.
func (c *confluence) next() (*Hit, error) {
	for {
		least := c.least()
		if len(c.waiting) > 0 && (least == nil || c.waiting[0].firstFingerprint() <= least.head().Fingerprint) {
			in, err := c.merger.open(c.ctx, c.waiting[0])
			if err != nil {
				return nil, err
			}
			c.waiting = c.waiting[1:]
			c.open = append(c.open, in)
			continue
		}
		if least == nil {
			return nil, nil
		}
		h := least.head()
		done, err := least.advance()
		if done {
			c.open = slices.DeleteFunc(c.open, func(in *inflow) bool { return in == least })
			err = errors.Join(err, least.close())
		}
		return h, err
	}
}

// least returns the open block whose next row comes first. There are a few dozen at most, most of them behind.
func (c *confluence) least() *inflow {
	var least *inflow
	for _, in := range c.open {
		if least == nil || compareHits(in.head(), least.head()) < 0 {
			least = in
		}
	}
	return least
}

func (c *confluence) close() (err error) {
	for _, in := range c.open {
		err = errors.Join(err, in.close())
	}
	return err
}
