package archive

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/keytrail/keytrail/internal/archive/bucket"
	"github.com/keytrail/keytrail/internal/event"
)

// A writer reads the tombstones before it puts its commit, and one may be put between the two: then an erasure that
// looked for blocks in the same instant has not seen these, and nobody would look again. So the writer reads the
// tombstones once more when the commit stands. Either the commit was there when the erasure looked, or the tombstone is
// there when the writer looks. A writer that dies between the two finds its commit when it does the segment again, and
// comes here too.

// settle takes the rows of those who were erased since out of the blocks of a commit that stands. Rows are known by
// their event: the record names its owner, where a row may only have a pseudonym that the alias map has forgotten.
func (w *Writer) settle(ctx context.Context, records iter.Seq[*event.Record], c *Commit) error {
	erased := make(map[string]bool)
	for r := range records {
		if id := r.Attrs.Str(event.KeyEventID); id != "" && w.stones.drops(row{record: r}) {
			erased[id] = true
		}
	}
	if len(erased) == 0 {
		return nil
	}
	units, err := w.unlocked(ctx, c)
	if err != nil {
		return err
	}
	for u, files := range units {
		if err := w.takeOut(ctx, files, erased); err != nil {
			return fmt.Errorf("late erasure in class %s, day %s: %w", u.class, u.day, err)
		}
	}
	return nil
}

// unlocked returns the blocks of c that are live and of a class without a lock. One that is not live any more was
// rewritten by somebody who began after the commit, and so after the tombstone.
func (w *Writer) unlocked(ctx context.Context, c *Commit) (map[unit][]File, error) {
	cat, err := loadCatalog(ctx, w.bucket, nil, false)
	if err == nil {
		err = cat.err()
	}
	if err != nil {
		return nil, err
	}
	live := make(map[string]bool)
	for _, f := range cat.live() {
		live[f.Key] = true
	}
	classes := classDocuments{bucket: w.bucket}
	units := make(map[unit][]File)
	for _, f := range c.Files {
		class, err := classes.get(ctx, f.ClassHash)
		if err != nil {
			return nil, fmt.Errorf("class of block %s: %w", f.Key, err)
		}
		if live[f.Key] && class.Lock == LockNone {
			u := unit{f.Class, f.Day}
			units[u] = append(units[u], f)
		}
	}
	return units, nil
}

// takeOut rewrites the blocks without the rows of some events, and deletes the old ones.
func (w *Writer) takeOut(ctx context.Context, files []File, erased map[string]bool) error {
	var touched []File
	for i := range files {
		found, err := holdsEvents(ctx, w.bucket, &files[i], erased)
		if err != nil {
			return err
		}
		if found {
			touched = append(touched, files[i])
		}
	}
	if len(touched) == 0 {
		return nil
	}
	_, _, err := Replace(ctx, w.bucket, ReplaceOptions{
		Inputs: touched, Reason: "late erasure", Now: w.now,
		Keep: func(h *Hit) bool { return !erased[h.Record.Attrs.Str(event.KeyEventID)] },
	})
	if errors.Is(err, ErrSuperseded) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, f := range touched {
		if _, err := deleteAll(ctx, w.bucket, f.Key); err != nil {
			return fmt.Errorf("old block %s: %w", f.Key, err)
		}
	}
	return nil
}

// holdsEvents reports whether a block has a row of one of the events.
func holdsEvents(ctx context.Context, b bucket.Bucket, f *File, ids map[string]bool) (found bool, err error) {
	err = eachRow(ctx, b, f, map[string]bool{event.KeyEventID: true}, func(r row) bool {
		found = ids[r.record.Attrs.Str(event.KeyEventID)]
		return !found
	})
	return found, err
}

// eachRow reads the rows of a block, until yield has enough: all of them, or only the attributes wanted.
func eachRow(ctx context.Context, b bucket.Bucket, f *File, wanted map[string]bool, yield func(row) bool) (err error) {
	defer func() { err = wrapBlock(f, err) }()
	open, err := openBlock(&source{ctx: ctx, bucket: b, key: f.Key, size: f.Size}, f)
	if err != nil {
		return err
	}
	d := newDecoder(open, wanted)
	defer func() { err = errors.Join(err, d.close()) }()
	rows := []run{{0, f.Rows}}
	if err := d.fetch(rows); err != nil {
		return err
	}
	for len(rows) > 0 {
		var window []run
		window, rows = take(rows, windowRows)
		hits, err := d.readSafely(window)
		if err != nil {
			return err
		}
		for i := range hits {
			if !yield(row{hits[i].Fingerprint, hits[i].Primary, &hits[i].Record}) {
				return nil
			}
		}
	}
	return nil
}
