package archive

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/keytrail/keytrail/internal/archive/bucket"
)

const (
	// orphanGrace is how long a block may stand without a commit: far longer than any writer or compactor takes between
	// the two, however often the bucket refuses the commit.
	orphanGrace = 24 * time.Hour
	// readGrace is how long a block stays that others stand for, so that searches under way find it.
	readGrace = 2 * time.Hour
)

// SweepReport counts what a sweep removed.
type SweepReport struct {
	Files    int   // blocks whose class no longer keeps their day
	Rows     int64 // their rows
	Bytes    int64 // their size
	Replaced int   // blocks that others stand for
	Commits  int   // commits that nothing needs any more
	Orphans  int   // blocks of a crash, never committed
	Kept     int   // live blocks that stay
	Held     int   // blocks past their time that a hold keeps
	Locked   int   // blocks past their time that the store's lock keeps until its date
}

// SweepOptions configure SweepWith.
type SweepOptions struct {
	Now    time.Time
	DryRun bool // only count
}

// Sweep deletes what no class keeps any more, what was replaced, and what a crash left behind. What a class keeps is
// what its document said when the block was written; a hold keeps every block that may have one of its rows, whole. In
// a bucket with versions every version goes. A sweep that fails half way is repeated whole: a deletion done twice is
// none.
func Sweep(ctx context.Context, b bucket.Bucket, now time.Time) (SweepReport, error) {
	return SweepWith(ctx, b, SweepOptions{Now: now})
}

// SweepWith is Sweep with options.
func SweepWith(ctx context.Context, b bucket.Bucket, o SweepOptions) (SweepReport, error) {
	s := sweeper{bucket: b, now: o.Now, dry: o.DryRun, classes: classDocuments{bucket: b}, stays: make(map[string]bool)}
	err := s.run(ctx)
	if d, ok := b.(*bucket.Directory); ok && err == nil && !o.DryRun {
		err = d.SweepTemp(o.Now.Add(-orphanGrace))
	}
	return s.report, err
}

type sweeper struct {
	bucket  bucket.Bucket
	now     time.Time
	dry     bool
	classes classDocuments
	holds   []Hold
	catalog *catalog
	live    map[string]bool
	stays   map[string]bool // blocks that a commit names and that are not deleted
	report  SweepReport
}

func (s *sweeper) run(ctx context.Context) (err error) {
	if s.holds, err = Holds(ctx, s.bucket); err != nil {
		return err
	}
	if s.catalog, err = loadCatalog(ctx, s.bucket, nil, true); err != nil {
		return err
	}
	if err := s.catalog.err(); err != nil {
		return errors.Join(err, s.endedOnly(ctx))
	}
	s.live = make(map[string]bool)
	for _, f := range s.catalog.live() {
		s.live[f.Key] = true
	}
	if err := s.plain(ctx); err != nil {
		return err
	}
	for _, chain := range s.catalog.chains {
		if err := s.chain(ctx, chain); err != nil {
			return err
		}
	}
	return s.orphans(ctx)
}

// endedOnly deletes what has ended. Beyond that a commit that cannot be read protects blocks we cannot name.
func (s *sweeper) endedOnly(ctx context.Context) error {
	for _, c := range s.catalog.counting() {
		for i := range c.Files {
			if _, err := s.ended(ctx, &c.Files[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// plain goes through the segments' commits.
func (s *sweeper) plain(ctx context.Context) error {
	replaced := s.replacedSince()
	for key, c := range s.catalog.plain {
		left := 0
		for i := range c.Files {
			gone, err := s.file(ctx, &c.Files[i], replaced)
			if err != nil {
				return err
			}
			if !gone {
				left++
			}
		}
		if left > 0 || c.Arrived.Add(orphanGrace).After(s.now) {
			continue // until then the commit itself tells a repeated segment that it is done
		}
		if err := s.fold(ctx, key, c); err != nil {
			return err
		}
	}
	return nil
}

// fold deletes a segment's commit that names nothing any more. The mark says that the segment is stored.
func (s *sweeper) fold(ctx context.Context, key string, c *Commit) error {
	s.report.Commits++
	delete(s.catalog.plain, key)
	if s.dry {
		return nil
	}
	if err := raiseMark(ctx, s.bucket, c.Writer, c.Segment); err != nil {
		return err
	}
	return s.erase(ctx, key)
}

// replacedSince returns when each replaced block of a segment was first replaced, as far as generations tell: one that
// is gone was older than the one that followed it.
func (s *sweeper) replacedSince() map[string]time.Time {
	since := make(map[string]time.Time)
	for _, chain := range s.catalog.chains {
		for _, g := range chain {
			for _, k := range g.commit.Replaces {
				if _, known := since[k]; !known {
					since[k] = g.commit.Created
				}
			}
		}
	}
	return since
}

// file deletes a block of a commit when its time has come, and reports whether it is gone.
func (s *sweeper) file(ctx context.Context, f *File, replaced map[string]time.Time) (gone bool, err error) {
	since, isReplaced := replaced[f.Key]
	switch {
	case isReplaced && !s.live[f.Key]:
		if since.Add(readGrace).After(s.now) {
			s.stays[f.Key] = true
			return false, nil
		}
		return s.remove(ctx, f, func() { s.report.Replaced++ })
	default:
		return s.ended(ctx, f)
	}
}

// ended deletes a live block whose class keeps its day no more, unless a hold keeps it.
func (s *sweeper) ended(ctx context.Context, f *File) (gone bool, err error) {
	class, err := s.classes.get(ctx, f.ClassHash)
	if err != nil {
		return false, fmt.Errorf("class of block %s: %w", f.Key, err)
	}
	d, err := f.day()
	if err != nil {
		return false, err
	}
	if !class.ended(d, s.now) {
		s.report.Kept++
		s.stays[f.Key] = true
		return false, nil
	}
	held, err := s.held(ctx, f)
	if err != nil || held {
		s.stays[f.Key] = true
		return false, err
	}
	return s.remove(ctx, f, func() {
		s.report.Files++
		s.report.Rows += f.Rows
		s.report.Bytes += f.Size
	})
}

func (s *sweeper) held(ctx context.Context, f *File) (bool, error) {
	for i := range s.holds {
		held, err := s.holds[i].covers(ctx, s.bucket, f)
		if errors.Is(err, bucket.ErrNotFound) {
			return false, nil // deleted by an earlier sweep, before the hold
		}
		if err != nil {
			return false, fmt.Errorf("hold %s, block %s: %w", s.holds[i].ID, f.Key, err)
		}
		if held {
			s.report.Held++
			return true, nil
		}
	}
	return false, nil
}

// chain goes through the generations of a unit. The highest says what is live and is the last to go; one below it goes
// with the blocks that its successor does without, when searches that read it are over.
func (s *sweeper) chain(ctx context.Context, chain []replaceState) error {
	newest := chain[len(chain)-1]
	left := 0
	for i := range newest.commit.Files {
		gone, err := s.ended(ctx, &newest.commit.Files[i])
		if err != nil {
			return err
		}
		if !gone {
			left++
		}
	}
	below := 0
	for i, g := range chain[:len(chain)-1] {
		gone, err := s.superseded(ctx, g, chain[i+1])
		if err != nil {
			return err
		}
		if !gone {
			below++
		}
	}
	// A compactor that slept could publish into a chain that is gone. When the class has ended nobody sees that.
	if left > 0 || below > 0 || s.needed(newest.commit) || newest.commit.Ends.Add(orphanGrace).After(s.now) {
		return nil
	}
	s.report.Commits++
	return s.erase(ctx, newest.key)
}

// needed reports whether a segment's commit still names a block that c replaces: without c it would be live again.
func (s *sweeper) needed(c *Commit) bool {
	named := s.catalog.named()
	for _, k := range c.Replaces {
		if named[k] {
			return true
		}
	}
	return false
}

func (s *sweeper) superseded(ctx context.Context, g, next replaceState) (gone bool, err error) {
	over := !next.commit.Created.Add(readGrace).After(s.now)
	follows := make(map[string]bool)
	for i := range next.commit.Files {
		follows[next.commit.Files[i].Key] = true
	}
	left := 0
	for i := range g.commit.Files {
		f := &g.commit.Files[i]
		switch {
		case follows[f.Key], s.live[f.Key]:
		case !over:
			s.stays[f.Key] = true
		default:
			gone, err := s.remove(ctx, f, func() { s.report.Replaced++ })
			if err != nil {
				return false, err
			}
			if !gone {
				left++
			}
		}
	}
	if !over || left > 0 {
		return false, nil
	}
	s.report.Commits++
	return true, s.erase(ctx, g.key)
}
