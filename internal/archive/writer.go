package archive

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/keytrail/keytrail/internal/archive/bucket"
	"github.com/keytrail/keytrail/internal/event"
)

// WriterOptions configure a Writer.
type WriterOptions struct {
	Writer  string           // the journal's stable name, part of every key
	Classes []Class          // the classes a record may name
	Ring    event.Scope      // the epoch the collector stamps with, when it is known at start
	Now     func() time.Time // the clock; nil is time.Now. It never decides what a block holds
}

// maxClasses is what the mask of an entry has room for.
const maxClasses = 64

// Writer turns closed journal segments into committed blocks. It is for one goroutine.
type Writer struct {
	bucket  bucket.Bucket
	name    string
	views   []*view
	index   map[string]int // class name to its place in views
	rings   rings
	aliases *aliases
	stones  tombstones
	wrote   map[string]bool // class documents known to stand
	now     func() time.Time
}

var writerName = regexp.MustCompile(`^[A-Za-z0-9]{1,64}$`)

// NewWriter checks the options and the archive: it refuses one in which the epoch of o.Ring has another check value.
func NewWriter(b bucket.Bucket, o WriterOptions) (*Writer, error) {
	if !writerName.MatchString(o.Writer) {
		return nil, fmt.Errorf("archive writer must match %s, found %q", writerName, o.Writer)
	}
	if len(o.Classes) == 0 || len(o.Classes) > maxClasses {
		return nil, fmt.Errorf("archive needs 1 to %d classes, found %d", maxClasses, len(o.Classes))
	}
	w := &Writer{
		bucket: b, name: o.Writer, index: make(map[string]int), wrote: make(map[string]bool), now: o.Now,
		rings: rings{bucket: b, known: make(map[ringEpoch]string)}, aliases: newAliases(b),
	}
	if w.now == nil {
		w.now = time.Now
	}
	for i, c := range o.Classes {
		if err := c.Validate(); err != nil {
			return nil, fmt.Errorf("class %q: %w", c.Name, err)
		}
		if _, twice := w.index[c.Name]; twice {
			return nil, fmt.Errorf("class %q is given twice", c.Name)
		}
		w.index[c.Name] = i
		w.views = append(w.views, newView(c))
	}
	return w, w.rings.check(context.Background(), o.Ring)
}

// WriteSegment writes the blocks of one closed segment and commits them. A record goes to each class it names. The
// records may share memory with each other; they are not kept. Done again after a crash it gives the same objects,
// and where the segment is committed already it changes nothing and returns that commit. A segment without a record
// gives a commit without a file that stands nowhere. Segments must come in the order of their numbers: one below the
// mark that sweeps leave behind is taken for stored. The records are gone through again when someone is erased
// meanwhile.
func (w *Writer) WriteSegment(ctx context.Context, seq uint64, records iter.Seq[*event.Record]) (*Commit, error) {
	if _, err := w.erasures(ctx); err != nil {
		return nil, fmt.Errorf("segment %d: %w", seq, err)
	}
	for {
		c := &Commit{Version: commitVersion, Writer: w.name, Segment: seq}
		s := w.collect(records, c)
		if c.Records == 0 {
			return c, nil
		}
		key := commitKey(s.arrived, w.name, seq)
		done, err := w.stored(ctx, key, c)
		if done == nil && err == nil {
			done, err = w.commit(ctx, key, s, c)
		}
		if err != nil {
			return nil, err
		}
		if done != nil {
			return done, w.erasedSince(ctx, records, done, done.Erased < c.Erased)
		}
	}
}

// erasedSince looks, now that the commit stands, for those who were erased while it was put. more says that somebody
// was since an earlier try put it.
func (w *Writer) erasedSince(ctx context.Context, records iter.Seq[*event.Record], done *Commit, more bool) error {
	late, err := w.erasures(ctx)
	if err == nil && (late || more) {
		err = w.settle(ctx, records, done)
	}
	if err != nil {
		return fmt.Errorf("segment %d: %w", done.Segment, err)
	}
	return nil
}

// commit writes the blocks and puts the commit, unless someone was erased meanwhile: his tombstone stood before his
// blocks were looked for, and these were not among them. Then it returns nil, and the segment is begun again.
func (w *Writer) commit(ctx context.Context, key string, s *segment, c *Commit) (*Commit, error) {
	err := w.blocks(ctx, s, c)
	var late, created bool
	if err == nil {
		late, err = w.erasures(ctx)
	}
	if late && err == nil {
		return nil, nil
	}
	if err == nil {
		created, err = putDocument(ctx, w.bucket, key, c)
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("segment %d: %w", c.Segment, err)
	case !created:
		return readCommit(ctx, w.bucket, key)
	}
	return c, nil
}

// stored returns the commit of the segment where it stands, and c as it is, without a file, where a sweep has taken the
// commit away since others stand for all its blocks. The commit is looked for first: a sweep raises the mark, then
// deletes.
func (w *Writer) stored(ctx context.Context, key string, c *Commit) (*Commit, error) {
	done, err := readCommit(ctx, w.bucket, key)
	if !errors.Is(err, bucket.ErrNotFound) {
		return done, err
	}
	m, err := readMark(ctx, w.bucket, w.name)
	if err != nil || m.Below <= c.Segment {
		return nil, err
	}
	return c, nil
}

// erasures takes up the tombstones that came since the last segment. An erased owner who comes again gets a pseudonym of
// his own.
func (w *Writer) erasures(ctx context.Context) (changed bool, err error) {
	changed, err = w.stones.refresh(ctx, w.bucket)
	if changed {
		w.aliases = newAliases(w.bucket)
	}
	return changed, err
}

// collect takes up the records that a class keeps and counts the others.
func (w *Writer) collect(records iter.Seq[*event.Record], c *Commit) *segment {
	s := &segment{scopes: make(map[event.Scope]bool), owners: make(map[string]bool)}
	for r := range records {
		c.Records++
		s.arrived = max(s.arrived, arrival(r))
		switch classes, wanted := w.classesOf(r); {
		case w.stones.drops(row{record: r}):
			c.Erased++
		case classes != 0:
			s.add(r, classes)
		case wanted:
			c.ExpiredOnArrival++
		default:
			c.Unclassed++
		}
	}
	c.Arrived = time.Unix(0, s.arrived).UTC()
	c.Newest = time.Unix(0, s.newest).UTC()
	return s
}

// classesOf returns the classes that will keep the record, and whether any known one wants it. The arrival, not the
// clock, decides what has ended, so that a segment done again decides the same.
func (w *Writer) classesOf(r *event.Record) (mask uint64, wanted bool) {
	arrived := time.Unix(0, arrival(r))
	for _, name := range r.Classes {
		i, ok := w.index[name]
		if !ok {
			continue
		}
		wanted = true
		if !w.views[i].class.ended(dayOf(r.Time), arrived) {
			mask |= 1 << i
		}
	}
	return mask, wanted
}

// prepare settles what the rows refer to: key epochs and the owners' pseudonyms.
func (w *Writer) prepare(ctx context.Context, s *segment, c *Commit) error {
	for _, scope := range sortedScopes(s.scopes) {
		if err := w.rings.admit(ctx, scope); err != nil {
			return err
		}
		if scope.Ring != "" {
			c.Rings = append(c.Rings, Epoch{scope.Ring, scope.Epoch, scope.Check})
		}
	}
	if slices.ContainsFunc(w.views, func(v *view) bool { return v.class.Owner == OwnerPseudonym }) {
		return w.aliases.prepare(ctx, s.owners)
	}
	return nil
}

// blocks writes everything the commit will make visible.
func (w *Writer) blocks(ctx context.Context, s *segment, c *Commit) error {
	if err := w.prepare(ctx, s, c); err != nil {
		return err
	}
	s.sort()
	for i, v := range w.views {
		days := s.byDay(1 << i)
		if len(days) == 0 {
			continue
		}
		if err := w.putClass(ctx, v.class); err != nil {
			return err
		}
		for _, d := range slices.Sorted(maps.Keys(days)) {
			f, err := w.block(ctx, s, v, d, days[d], c.Segment)
			if err != nil {
				return fmt.Errorf("class %s, day %s: %w", v.class.Name, d, err)
			}
			c.Files = append(c.Files, f)
		}
	}
	return nil
}

func sortedScopes(m map[event.Scope]bool) []event.Scope {
	return slices.SortedFunc(maps.Keys(m), func(a, b event.Scope) int {
		return strings.Compare(fmt.Sprint(a), fmt.Sprint(b))
	})
}

func (w *Writer) putClass(ctx context.Context, c Class) error {
	if w.wrote[c.Hash()] {
		return nil
	}
	doc := c.document()
	err := w.bucket.Put(ctx, classKey(c.Hash()), bytes.NewReader(doc), int64(len(doc)), bucket.PutOptions{IfAbsent: true})
	if err != nil && !errors.Is(err, bucket.ErrExists) {
		return err
	}
	w.wrote[c.Hash()] = true
	return nil
}

// block writes the rows of one class and one day as one file, proves it, and puts it.
func (w *Writer) block(ctx context.Context, s *segment, v *view, d eventDay, rows []segmentRow, seq uint64) (File, error) {
	data, samples, err := w.encode(ctx, s, v, rows)
	if err != nil {
		return File{}, err
	}
	sum := sha256.Sum256(data)
	f := File{
		Key: dataKey(v.class.Name, d, w.name, seq, sum), Class: v.class.Name, ClassHash: v.class.Hash(), Day: d.String(),
		Size: int64(len(data)), SHA256: hexSum(data),
	}
	s.describe(&f, rows)
	if err := inspect(&f, bytes.NewReader(data), samples); err != nil {
		return File{}, fmt.Errorf("written block does not read back: %w", err)
	}
	return f, w.putBlock(ctx, f, data, v.class)
}

// encode makes the file and keeps some of its rows to compare with what the file gives back.
func (w *Writer) encode(ctx context.Context, s *segment, v *view, rows []segmentRow) ([]byte, []sample, error) {
	var out bytes.Buffer
	e := newEncoder(&out, parquet.NewBufferPool(), s.hasValues(v, rows))
	var r event.Record
	var samples []sample
	for i, sr := range rows {
		if err := r.Decode(s.encoded(&s.entries[sr.entry])); err != nil {
			return nil, nil, err
		}
		if err := w.view(ctx, v, &r); err != nil {
			return nil, nil, err
		}
		if err := e.add(row{sr.fingerprint, sr.primary, &r}); err != nil {
			return nil, nil, err
		}
		if sampled(i, len(rows)) {
			samples = append(samples, sample{int64(i), sr.fingerprint, sr.primary, r.Clone()})
		}
	}
	err := e.finish()
	return out.Bytes(), samples, err
}

func (w *Writer) view(ctx context.Context, v *view, r *event.Record) error {
	alias := ""
	if v.class.Owner == OwnerPseudonym {
		var err error
		if alias, err = w.aliases.of(ctx, r.Attrs.Str(event.KeyOwnerID)); err != nil {
			return err
		}
	}
	v.apply(r, alias)
	return nil
}

// putBlock stores the file. One that stands already is of an earlier try of the same segment; it is proved by its hash,
// and put anew where it is damaged or so old that a sweep may soon take it for an orphan.
func (w *Writer) putBlock(ctx context.Context, f File, data []byte, class Class) error {
	lock := class.lockOf(0, 0, w.now())
	err := w.bucket.Put(ctx, f.Key, bytes.NewReader(data), f.Size, bucket.PutOptions{IfAbsent: true, Lock: lock})
	if !errors.Is(err, bucket.ErrExists) {
		return err
	}
	o, err := w.bucket.Head(ctx, f.Key)
	if err != nil {
		return err
	}
	stands, err := w.bucket.GetRange(ctx, f.Key, 0, -1)
	if err != nil {
		return err
	}
	if bytes.Equal(stands, data) && w.now().Sub(o.Modified) < orphanGrace/2 {
		return nil
	}
	return w.bucket.Put(ctx, f.Key, bytes.NewReader(data), f.Size, bucket.PutOptions{Lock: lock})
}
