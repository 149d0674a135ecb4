package archive

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/keytrail/keytrail/internal/archive/bucket"
)

// orphanGrace is how long a block may stand without a commit: far longer than any writer takes between the two, however
// often the bucket refuses the commit.
const orphanGrace = 24 * time.Hour

// SweepReport counts what a sweep removed.
type SweepReport struct {
	Files   int   // blocks whose class no longer keeps their day
	Rows    int64 // their rows
	Bytes   int64 // their size
	Commits int   // commits left without a block
	Orphans int   // blocks of a crash, never committed
	Kept    int   // blocks that stay
}

// Sweep deletes what no class keeps any more, and what a crash left behind. What a class keeps is what its document
// said when the block was written. A sweep that fails half way is repeated whole: a deletion done twice is none.
func Sweep(ctx context.Context, b bucket.Bucket, now time.Time) (SweepReport, error) {
	s := sweeper{bucket: b, now: now, classes: classDocuments{bucket: b}, live: make(map[string]bool)}
	err := s.commits(ctx)
	if err == nil {
		err = s.orphans(ctx)
	}
	if d, ok := b.(*bucket.Directory); ok && err == nil {
		err = d.SweepTemp(now.Add(-orphanGrace))
	}
	return s.report, err
}

type sweeper struct {
	bucket  bucket.Bucket
	now     time.Time
	classes classDocuments
	live    map[string]bool // blocks that a commit names and that stay
	report  SweepReport
}

func (s *sweeper) commits(ctx context.Context) error {
	for o, err := range s.bucket.List(ctx, commitPrefix, "") {
		if err != nil {
			return err
		}
		c, err := readCommit(ctx, s.bucket, o.Key)
		if errors.Is(err, bucket.ErrNotFound) {
			continue // another sweep
		}
		if err != nil {
			return err // a commit that cannot be read protects blocks we cannot name: nothing is deleted
		}
		if err := s.commit(ctx, o.Key, c); err != nil {
			return err
		}
	}
	return nil
}

// commit deletes the ended blocks of c, and c itself when none is left. The flush day must be past the orphans' grace
// too: until then the commit is what tells a repeated segment that it is done.
func (s *sweeper) commit(ctx context.Context, key string, c *Commit) error {
	left := 0
	for i := range c.Files {
		f := &c.Files[i]
		ended, err := s.ended(ctx, f)
		if err != nil {
			return err
		}
		if !ended {
			left++
			s.live[f.Key] = true
			continue
		}
		if err := s.remove(ctx, f); err != nil {
			return err
		}
	}
	s.report.Kept += left
	if left > 0 || c.Arrived.Add(orphanGrace).After(s.now) {
		return nil
	}
	s.report.Commits++
	return s.bucket.Delete(ctx, key)
}

func (s *sweeper) ended(ctx context.Context, f *File) (bool, error) {
	class, err := s.classes.get(ctx, f.ClassHash)
	if err != nil {
		return false, fmt.Errorf("class of block %s: %w", f.Key, err)
	}
	d, err := f.day()
	return err == nil && class.ended(d, s.now), err
}

func (s *sweeper) remove(ctx context.Context, f *File) error {
	_, err := s.bucket.Head(ctx, f.Key)
	if errors.Is(err, bucket.ErrNotFound) {
		return nil // by an earlier sweep; the commit stays for its other blocks
	}
	if err == nil {
		err = s.bucket.Delete(ctx, f.Key)
	}
	if err != nil {
		return err
	}
	s.report.Files++
	s.report.Rows += f.Rows
	s.report.Bytes += f.Size
	return nil
}

// orphans deletes blocks that no commit names, once they are old enough that none will.
func (s *sweeper) orphans(ctx context.Context) error {
	for o, err := range s.bucket.List(ctx, dataPrefix, "") {
		if err != nil {
			return err
		}
		if s.live[o.Key] || o.Modified.Add(orphanGrace).After(s.now) {
			continue
		}
		if err := s.bucket.Delete(ctx, o.Key); err != nil {
			return err
		}
		s.report.Orphans++
	}
	return nil
}

// classDocuments reads class documents once each: they never change.
type classDocuments struct {
	bucket bucket.Bucket
	known  map[string]Class
}

func (d *classDocuments) get(ctx context.Context, hash string) (Class, error) {
	if c, ok := d.known[hash]; ok {
		return c, nil
	}
	var doc classDocument
	if err := getDocument(ctx, d.bucket, classKey(hash), &doc); err != nil {
		return Class{}, err
	}
	c, err := doc.class()
	if err != nil {
		return Class{}, fmt.Errorf("%s: %w", classKey(hash), err)
	}
	if d.known == nil {
		d.known = make(map[string]Class)
	}
	d.known[hash] = c
	return c, nil
}
