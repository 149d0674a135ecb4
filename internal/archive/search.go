package archive

import (
	"context"
	"errors"
	"iter"
	"slices"
	"time"

	"github.com/keytrail/keytrail/internal/event"
)

// Hit is one row that a search found.
type Hit struct {
	Record      event.Record // Classes holds the one class the row was read from
	Fingerprint string       // the fingerprint this row stands under, empty without a token
	Primary     bool
	Rank        int // how much of an event the row's class keeps: the highest of several copies is the richest
}

// Report says what a search saw and, above all, what it could not see.
type Report struct {
	Commits    int
	Files      int      // blocks in the period
	Skipped    int      // of them, those that the commit or a bloom filter ruled out
	Rows       int64    // rows yielded
	Bytes      int64    // bytes read of blocks
	Unreadable []error  // commits (*CommitError) and blocks (*BlockError) that could not be read
	Blind      []string // classes in the period that do not keep what was selected by
}

// windowRows are decoded at once: enough to make a column's pages worth opening, little enough to hold.
const windowRows = 512

// Search yields the rows that match s, block by block, oldest event day first. The report is complete when the
// iteration has ended; an error that is yielded ended it early, while a block that could not be read is in the report
// and the rest is still searched.
func (r *Reader) Search(ctx context.Context, s Selection) (iter.Seq2[Hit, error], *Report) {
	report := &Report{}
	return func(yield func(Hit, error) bool) {
		q := search{ctx: ctx, reader: r, sel: s, report: report, yield: yield}
		if err := q.run(); err != nil && !errors.Is(err, errStopped) {
			yield(Hit{}, err)
		}
	}, report
}

// errStopped says that the caller wants no more.
var errStopped = errors.New("stopped")

type search struct {
	ctx        context.Context
	reader     *Reader
	sel        Selection
	report     *Report
	yield      func(Hit, error) bool
	pseudonyms []string          // of the selected owners
	owners     map[string]string // by pseudonym, read when a row first needs it
}

func (q *search) run() error {
	if err := q.sel.validate(); err != nil {
		return err
	}
	if q.sel.Now.IsZero() {
		q.sel.Now = time.Now()
	}
	for _, o := range q.sel.Owner {
		p, err := pseudonym(q.ctx, q.reader.bucket, o)
		if err != nil {
			return err
		}
		if p != "" {
			q.pseudonyms = append(q.pseudonyms, p)
		}
	}
	files, err := q.files()
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := q.ctx.Err(); err != nil {
			return err
		}
		if err := q.file(f); err != nil {
			return err
		}
	}
	return nil
}

// files lists the blocks of the period, oldest day first.
func (q *search) files() ([]*File, error) {
	commits, err := q.reader.Commits(q.ctx)
	if err != nil && commits == nil {
		return nil, err
	}
	if err != nil {
		q.report.Unreadable = append(q.report.Unreadable, unjoin(err)...)
	}
	q.report.Commits = len(commits)
	var files []*File
	for _, c := range commits {
		for i := range c.Files {
			if f := &c.Files[i]; q.sel.overlaps(f) {
				files = append(files, f)
			}
		}
	}
	slices.SortStableFunc(files, func(a, b *File) int { return a.MinTime.Compare(b.MinTime) })
	return files, nil
}

func unjoin(err error) []error {
	if j, ok := err.(interface{ Unwrap() []error }); ok {
		return j.Unwrap()
	}
	return []error{err}
}

// file searches one block. What is wrong with the block goes to the report; only the caller's stop and a cancelled
// context end the search.
func (q *search) file(f *File) error {
	class, err := q.reader.class(q.ctx, f.ClassHash)
	if err == nil {
		var d eventDay
		if d, err = f.day(); err == nil && class.ended(d, q.sel.Now) {
			return nil // kept no longer, swept or not
		}
	}
	q.report.Files++
	if err == nil {
		err = q.block(f, newView(class))
	}
	if err == nil || errors.Is(err, errStopped) || q.ctx.Err() != nil {
		return err
	}
	q.report.Unreadable = append(q.report.Unreadable, &BlockError{f.Key, err})
	return nil
}

func (q *search) block(f *File, v *view) (err error) {
	needles := q.sel.needles(f, v, q.pseudonyms)
	for i := range needles {
		if !v.keeps(needles[i].key) {
			q.blind(f.Class)
			return nil
		}
	}
	src := &source{ctx: q.ctx, bucket: q.reader.bucket, key: f.Key, size: f.Size}
	defer func() { q.report.Bytes += src.bytes }()
	for i := range needles {
		if ok, err := needles[i].mayMatch(f, src); !ok {
			q.report.Skipped++
			return err
		}
	}
	b, err := openBlock(src, f)
	if err != nil {
		return err
	}
	rows, err := b.find(q.sel.conditions(f), needles)
	if err != nil || len(rows) == 0 {
		return err
	}
	return q.emit(b, v, rows)
}

func (q *search) blind(class string) {
	q.report.Skipped++
	if !slices.Contains(q.report.Blind, class) {
		q.report.Blind = append(q.report.Blind, class)
	}
}

// find returns the rows that meet every needle and condition.
func (b *block) find(conditions []condition, needles []needle) (rows []run, err error) {
	defer recoverDamage(&err)
	rows = []run{{0, b.rows}}
	all := make([]condition, 0, len(needles)+len(conditions))
	for i := range needles {
		all = append(all, needles[i].condition())
	}
	for _, c := range append(all, conditions...) {
		if rows, err = b.narrow(rows, c); err != nil || len(rows) == 0 {
			return nil, err
		}
	}
	return rows, nil
}

// emit decodes the rows window by window and hands them out.
func (q *search) emit(b *block, v *view, rows []run) (err error) {
	d := newDecoder(b, q.sel.wanted())
	defer func() { err = errors.Join(err, d.close()) }()
	if err := d.fetch(rows); err != nil {
		return err
	}
	rank := v.class.rank()
	for len(rows) > 0 {
		var window []run
		window, rows = take(rows, windowRows)
		hits, err := d.readSafely(window)
		if err != nil {
			return err
		}
		for i := range hits {
			h := &hits[i]
			if !q.sel.contains(h.Record.Time) {
				continue
			}
			h.Rank, h.Record.Classes = rank, []string{v.class.Name}
			if err := q.resolveOwner(&h.Record); err != nil {
				return err
			}
			q.report.Rows++
			if !q.yield(*h, nil) {
				return errStopped
			}
		}
	}
	return nil
}

// resolveOwner gives a row that keeps only a pseudonym its owner back, as long as the deletable map knows it.
func (q *search) resolveOwner(r *event.Record) error {
	p := r.Attrs.Str(event.KeyOwnerPseudonym)
	if p == "" || r.Attrs.Str(event.KeyOwnerID) != "" {
		return nil
	}
	if q.owners == nil {
		owners, err := q.reader.aliases.load(q.ctx, q.reader.bucket)
		if err != nil {
			return err
		}
		q.owners = owners
	}
	if o, ok := q.owners[p]; ok {
		r.Attrs.Add(event.KeyOwnerID, event.String(o))
	}
	return nil
}
