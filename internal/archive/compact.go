package archive

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/keytrail/keytrail/internal/archive/bucket"
)

// lastLevel is that of the blocks of a day that is over.
const lastLevel = 2

const (
	// lateness is how long after midnight a day is taken to be over: what comes later is merged beside it.
	lateness = 2 * time.Hour
	// smallBlocks of one level are worth a merge, and so is a block of a segment that waits for longer than smallWait.
	smallBlocks = 16
	smallWait   = time.Hour
	// mergeInputs bounds the blocks that are open at once: about 3 MB of pages each.
	mergeInputs = 32
	// lateShare: late rows are merged into the day's blocks when they are an eighth of them, so that a day is never
	// rewritten for a handful.
	lateShare = 8
	// lateWait is how long late rows of a locked class wait to become blocks of their own, whose lock is the full one:
	// less than shortLock, by much.
	lateWait = 24 * time.Hour
)

// CompactOptions configure Compact.
type CompactOptions struct {
	Holder  string           // who compacts, one name for each process; empty makes one
	Staging string           // directory for blocks in the making; empty is that of the system
	Now     func() time.Time // nil is the clock
}

// CompactReport counts what a compaction did.
type CompactReport struct {
	Busy       bool // another compactor holds the lease: nothing was done
	Commits    int
	Superseded int // merges given up since another one was quicker
	Failed     int // merges that failed; the error names them
	ReplaceReport
}

// Compact merges the small blocks of each class and day: those of a day under way into larger ones of that hour, those
// of a day that is over into blocks parted by ranges of fingerprints, so that a token stands in one block of each class
// and day. It drops rows that stand twice and rows of the erased. Any number of processes may call it on one archive:
// one at a time does the work, and two who both think it is their turn do no harm. A merge that fails does not keep
// the others from being done.
func Compact(ctx context.Context, b bucket.Bucket, o CompactOptions) (report CompactReport, err error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Holder == "" {
		var id [8]byte
		_, _ = rand.Read(id[:]) // never fails
		o.Holder = hex.EncodeToString(id[:])
	}
	mine, err := takeLease(ctx, b, o.Holder, o.Now())
	if err != nil || !mine {
		report.Busy = err == nil
		return report, err
	}
	defer func() { err = errors.Join(err, giveLease(context.WithoutCancel(ctx), b, o.Holder, o.Now())) }()
	c := compactor{bucket: b, options: o, report: &report, classes: &classDocuments{bucket: b}}
	return report, c.run(ctx)
}

type compactor struct {
	bucket  bucket.Bucket
	options CompactOptions
	report  *CompactReport
	classes *classDocuments
	stones  *tombstones
	skip    map[string]bool // blocks whose merge failed: not tried again in this run
}

// run does one merge after the other until there is none left to do. The catalog is read again after each: a merge takes
// long, and the next one should not plan on what is gone.
func (c *compactor) run(ctx context.Context) error {
	var failed []error
	know := make(map[string]*Commit)
	c.skip = make(map[string]bool)
	for {
		cat, err := loadCatalog(ctx, c.bucket, know, false)
		if err == nil {
			err = cat.err()
		}
		if err != nil {
			return errors.Join(append(failed, err)...)
		}
		know = cat.known()
		job, err := c.plan(ctx, cat)
		if err != nil || job == nil {
			return errors.Join(append(failed, err)...)
		}
		mine, err := takeLease(ctx, c.bucket, c.options.Holder, c.options.Now())
		if err != nil || !mine {
			return errors.Join(append(failed, err)...)
		}
		if err := c.do(ctx, cat, job); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			failed = append(failed, err)
			c.giveUp(job)
		}
	}
}

func (c *compactor) giveUp(j *job) {
	c.report.Failed++
	for _, f := range j.inputs {
		c.skip[f.Key] = true
	}
}

// job is one merge.
type job struct {
	unit   unit
	inputs []*File
	level  int
}

func (c *compactor) do(ctx context.Context, cat *catalog, j *job) error {
	err := c.merge(ctx, cat, j)
	if errors.Is(err, ErrSuperseded) || errors.Is(err, bucket.ErrNotFound) {
		c.report.Superseded++
		for _, f := range j.inputs { // the next catalog lacks them, unless the block is missing for another reason
			c.skip[f.Key] = true
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("compaction of class %s, day %s: %w", j.unit.class, j.unit.day, err)
	}
	c.report.Commits++
	return nil
}

func (c *compactor) merge(ctx context.Context, cat *catalog, j *job) (err error) {
	// Read for each merge: an erasure writes its tombstone before it looks for blocks, so that a merge which began
	// without it ends in a block that the erasure finds, or fails since the erasure replaced an input.
	if c.stones, err = loadTombstones(ctx, c.bucket); err != nil {
		return err
	}
	m := &merger{bucket: c.bucket, staging: c.options.Staging, now: c.options.Now, classes: c.classes, stones: c.stones}
	out, report, err := m.merge(ctx, j.unit, j.inputs, j.level)
	if err != nil {
		return err
	}
	ch := change{unit: j.unit, outputs: out, reason: "compaction", now: c.options.Now}
	for _, f := range j.inputs {
		ch.inputs = append(ch.inputs, f.Key)
	}
	if err := ch.end(ctx, c.classes, j.inputs[0].ClassHash); err != nil {
		return err
	}
	if _, err := ch.publish(ctx, c.bucket, cat); err != nil {
		return err
	}
	c.report.add(report)
	return nil
}

// plan returns the next merge, the oldest day first, nil when there is none.
func (c *compactor) plan(ctx context.Context, cat *catalog) (*job, error) {
	type group struct {
		unit unit
		hash string
	}
	groups := make(map[group][]*File)
	for _, f := range cat.live() {
		if !c.skip[f.Key] {
			g := group{unit{f.Class, f.Day}, f.ClassHash}
			groups[g] = append(groups[g], f)
		}
	}
	order := make([]group, 0, len(groups))
	for g := range groups {
		order = append(order, g)
	}
	slices.SortFunc(order, func(a, b group) int {
		return cmp.Or(strings.Compare(a.unit.day, b.unit.day), strings.Compare(a.unit.class, b.unit.class), strings.Compare(a.hash, b.hash))
	})
	arrived := cat.arrived()
	for _, g := range order {
		class, err := c.classes.get(ctx, g.hash)
		if err != nil {
			return nil, fmt.Errorf("class of block %s: %w", groups[g][0].Key, err)
		}
		p := planner{unit: g.unit, class: class, now: c.options.Now(), arrived: arrived, files: groups[g]}
		j, err := p.next()
		if j != nil || err != nil {
			return j, err
		}
	}
	return nil, nil
}
