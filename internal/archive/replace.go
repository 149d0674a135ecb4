package archive

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/keytrail/keytrail/internal/archive/bucket"
)

// ErrSuperseded says that a block which was to be replaced is not live any more: somebody else replaced it. Who reads
// the live blocks again and starts over finds the rows.
var ErrSuperseded = errors.New("block was replaced by somebody else")

// ReplaceOptions say which blocks to rewrite and how.
type ReplaceOptions struct {
	Inputs []File // live blocks of one class and day
	// Keep reports whether a row stays, and may change its attributes, but for its event id. Nil keeps all.
	Keep    func(*Hit) bool
	Reason  string           // goes into the commit
	Staging string           // directory for blocks in the making; empty is that of the system
	Now     func() time.Time // nil is the clock
}

// ReplaceReport counts what a rewrite did.
type ReplaceReport struct {
	Inputs     int
	Outputs    int
	RowsIn     int64
	RowsOut    int64
	Duplicates int64 // rows of one event that stood twice under one fingerprint
	Dropped    int64 // rows that Keep refused or an erasure forbids
	BytesIn    int64
	BytesOut   int64
}

func (r *ReplaceReport) add(o ReplaceReport) {
	r.Inputs += o.Inputs
	r.Outputs += o.Outputs
	r.RowsIn += o.RowsIn
	r.RowsOut += o.RowsOut
	r.Duplicates += o.Duplicates
	r.Dropped += o.Dropped
	r.BytesIn += o.BytesIn
	r.BytesOut += o.BytesOut
}

// Replace rewrites blocks one by one, each into one that keeps what Keep wants, and commits all of them at once. The
// old blocks stay until a sweep takes them or the caller deletes them. A block that loses nothing and changes nothing
// is rewritten all the same: the caller picks those that need it.
func Replace(ctx context.Context, b bucket.Bucket, o ReplaceOptions) (*Commit, ReplaceReport, error) {
	var report ReplaceReport
	if len(o.Inputs) == 0 {
		return nil, report, errors.New("replace needs at least one block")
	}
	u := unit{o.Inputs[0].Class, o.Inputs[0].Day}
	for i := range o.Inputs {
		if f := &o.Inputs[i]; f.Class != u.class || f.Day != u.day {
			return nil, report, fmt.Errorf("replace takes blocks of one class and day, found %s/%s and %s/%s", u.class, u.day, f.Class, f.Day)
		}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	cat, err := loadCatalog(ctx, b, nil, false)
	if err == nil {
		err = cat.err()
	}
	if err != nil {
		return nil, report, err
	}
	m := &merger{bucket: b, staging: o.Staging, now: o.Now, classes: &classDocuments{bucket: b}, keep: o.Keep}
	if m.stones, err = loadTombstones(ctx, b); err != nil {
		return nil, report, err
	}
	ch := change{unit: u, reason: o.Reason, now: o.Now}
	for i := range o.Inputs {
		f := &o.Inputs[i]
		out, one, err := m.merge(ctx, u, []*File{f}, max(f.Level, 1))
		if err != nil {
			return nil, report, err
		}
		report.add(one)
		ch.inputs = append(ch.inputs, f.Key)
		ch.outputs = append(ch.outputs, out...)
		if err := ch.end(ctx, m.classes, f.ClassHash); err != nil {
			return nil, report, err
		}
	}
	c, err := ch.publish(ctx, b, cat)
	return c, report, err
}

// change is what a new generation does to its unit.
type change struct {
	unit    unit
	inputs  []string // keys
	outputs []File
	reason  string
	ends    time.Time // of the inputs' class
	now     func() time.Time
}

// publish puts the next generation, built on the highest there is by now, as long as its inputs are still live. cat
// is what the inputs were chosen from.
func (ch *change) publish(ctx context.Context, b bucket.Bucket, cat *catalog) (*Commit, error) {
	named := cat.named()
	for {
		newest, err := highest(ctx, b, ch.unit)
		if err != nil {
			return nil, err
		}
		c, err := ch.next(newest, named)
		if err != nil {
			return nil, err
		}
		c.Rings = cat.rings(newest, ch.unit)
		created, err := putDocument(ctx, b, replaceKey(ch.unit, c.Generation), c)
		if err != nil || created {
			return c, err
		}
	}
}

// end takes up when the class keeps the day no more.
func (ch *change) end(ctx context.Context, classes *classDocuments, hash string) error {
	class, err := classes.get(ctx, hash)
	if err != nil {
		return err
	}
	over, err := ch.unit.end()
	if at := over.Add(class.Keep); at.After(ch.ends) {
		ch.ends = at
	}
	return err
}

// highest reads the highest generation of the unit as it is now.
func highest(ctx context.Context, b bucket.Bucket, u unit) (replaceState, error) {
	for {
		var g replaceState
		for o, err := range b.List(ctx, replacePrefix(u), "") {
			if err != nil {
				return replaceState{}, err
			}
			if of, n, ok := parseReplaceKey(o.Key); ok && of == u && n > g.number {
				g = replaceState{key: o.Key, number: n}
			}
		}
		if g.key == "" {
			return g, nil
		}
		c, err := readCommit(ctx, b, g.key)
		if errors.Is(err, bucket.ErrNotFound) {
			continue // swept, since a higher one stands
		}
		g.commit = c
		return g, err
	}
}

// next makes the commit that follows g.
func (ch *change) next(g replaceState, named map[string]bool) (*Commit, error) {
	c := &Commit{
		Version: replaceVersion, Class: ch.unit.class, Day: ch.unit.day, Generation: g.number + 1,
		Created: ch.now().UTC(), Reason: ch.reason, Ends: ch.ends,
	}
	if g.commit != nil && g.commit.Ends.After(c.Ends) {
		c.Ends = g.commit.Ends
	}
	inputs := make(map[string]bool, len(ch.inputs))
	for _, k := range ch.inputs {
		inputs[k] = true
	}
	replaced := make(map[string]bool)
	if g.commit != nil {
		for _, f := range g.commit.Files {
			if inputs[f.Key] {
				delete(inputs, f.Key)
				continue
			}
			c.Files = append(c.Files, f)
		}
		for _, k := range g.commit.Replaces {
			if inputs[k] {
				return nil, fmt.Errorf("%s: %w", k, ErrSuperseded)
			}
			replaced[k] = named[k]
		}
	}
	for k := range inputs { // what is left are blocks of segments
		if !named[k] {
			return nil, fmt.Errorf("%s: %w", k, ErrSuperseded)
		}
		replaced[k] = true
	}
	maps.DeleteFunc(replaced, func(_ string, stays bool) bool { return !stays })
	c.Replaces = slices.Sorted(maps.Keys(replaced))
	c.Files = append(c.Files, ch.outputs...)
	slices.SortFunc(c.Files, func(a, b File) int { return strings.Compare(a.Key, b.Key) })
	for i := range c.Files {
		if c.Files[i].MaxTime.After(c.Newest) {
			c.Newest = c.Files[i].MaxTime
		}
	}
	c.Arrived = c.Created
	return c, nil
}

// rings unites the key epochs of the commits whose blocks the unit is made of.
func (c *catalog) rings(g replaceState, u unit) []Epoch {
	epochs := make(map[Epoch]bool)
	if g.commit != nil {
		for _, e := range g.commit.Rings {
			epochs[e] = true
		}
	}
	for _, commit := range c.plain {
		if slices.ContainsFunc(commit.Files, func(f File) bool { return f.Class == u.class && f.Day == u.day }) {
			for _, e := range commit.Rings {
				epochs[e] = true
			}
		}
	}
	return slices.SortedFunc(maps.Keys(epochs), func(a, b Epoch) int {
		return cmp.Or(strings.Compare(a.Ring, b.Ring), cmp.Compare(a.Epoch, b.Epoch), strings.Compare(a.Check, b.Check))
	})
}
