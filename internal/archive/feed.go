package archive

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/keytrail/keytrail/internal/archive/bucket"
	"github.com/keytrail/keytrail/internal/event"
)

// Viewer gives destinations besides the archive the same view of a record that a block of its class holds: what a
// class leaves out, or hides behind a pseudonym, it hides everywhere. It is for one goroutine.
type Viewer struct {
	bucket  bucket.Bucket
	views   map[string]*view
	aliases *aliases
	stones  *tombstones
}

// NewViewer returns a viewer of these classes, whose pseudonyms are those of the archive in b.
func NewViewer(b bucket.Bucket, classes []Class) *Viewer {
	v := &Viewer{bucket: b, views: make(map[string]*view, len(classes)), aliases: newAliases(b)}
	for _, c := range classes {
		v.views[c.Name] = newView(c)
	}
	return v
}

// Refresh takes up erasures that were asked for since. It is called before each segment.
func (v *Viewer) Refresh(ctx context.Context) error {
	if v.stones == nil {
		stones, err := loadTombstones(ctx, v.bucket)
		v.stones = stones
		return err
	}
	_, err := v.stones.refresh(ctx, v.bucket)
	return err
}

// Erased reports whether the record belongs to a subject that was erased.
func (v *Viewer) Erased(r *event.Record) bool {
	return v.stones != nil && v.stones.drops(row{record: r})
}

// Ended reports whether the class keeps nothing of the day of r any more, so that no destination may get it as of that
// class.
func (v *Viewer) Ended(class string, r *event.Record, now time.Time) bool {
	w, ok := v.views[class]
	return ok && w.class.ended(dayOf(r.Time), now)
}

// View cuts r down to what the class keeps of it.
func (v *Viewer) View(ctx context.Context, class string, r *event.Record) error {
	w, ok := v.views[class]
	if !ok {
		return fmt.Errorf("class %q is not known", class)
	}
	alias := ""
	if w.class.Owner == OwnerPseudonym {
		var err error
		if alias, err = v.aliases.of(ctx, r.Attrs.Str(event.KeyOwnerID)); err != nil {
			return err
		}
	}
	w.apply(r, alias)
	return nil
}

// BacklogFile is a block that holds what a destination missed.
type BacklogFile struct {
	Segment uint64 // whose rows it holds; 0 for a compacted block, which holds those of others too
	File    *File
}

// Backlog lists the live blocks of the classes that hold the rows of a writer's segments from..to: compacted ones
// first, since their rows are older, then segment by segment. missing counts segments that no commit names any more.
func Backlog(ctx context.Context, b bucket.Bucket, writer string, from, to uint64, classes []string) (list []BacklogFile, missing int, err error) {
	c, err := loadCatalog(ctx, b, nil, false)
	if err != nil {
		return nil, 0, err
	}
	if err := c.err(); err != nil {
		return nil, 0, err
	}
	replaced := c.replaced()
	merged := make(map[unit]bool)
	found := uint64(0)
	for _, commit := range c.plain {
		if commit.Writer != writer || commit.Segment < from || commit.Segment > to {
			continue
		}
		found++
		for i := range commit.Files {
			f := &commit.Files[i]
			switch {
			case !slices.Contains(classes, f.Class):
			case replaced[f.Key]:
				merged[unit{f.Class, f.Day}] = true
			default:
				list = append(list, BacklogFile{commit.Segment, f})
			}
		}
	}
	for u := range merged {
		if g := c.newest(u); g.commit != nil {
			for i := range g.commit.Files {
				list = append(list, BacklogFile{0, &g.commit.Files[i]})
			}
		}
	}
	slices.SortFunc(list, func(a, b BacklogFile) int {
		if a.Segment != b.Segment {
			return int(int64(a.Segment) - int64(b.Segment))
		}
		return a.File.MinTime.Compare(b.File.MinTime)
	})
	return list, int(to - from + 1 - found), nil
}

// Events yields the events of one block as they stand in it, one for each primary row: pseudonyms are not resolved. A
// block that is gone, because its class has ended, has none.
func Events(ctx context.Context, b bucket.Bucket, f *File) iter.Seq2[*event.Record, error] {
	return func(yield func(*event.Record, error) bool) {
		stopped := false
		err := eachRow(ctx, b, f, nil, func(r row) bool {
			stopped = r.primary && !yield(r.record, nil)
			return !stopped
		})
		if err != nil && !stopped && !errors.Is(err, bucket.ErrNotFound) {
			yield(nil, err)
		}
	}
}
