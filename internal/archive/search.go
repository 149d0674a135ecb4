package archive

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
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
	Pages      int64    // of them, those of the pages that hold what was looked for; the rest is indexes and gaps
	Requests   int64    // requests for them
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
	return newScans(q).run(files)
}

// files lists the live blocks of the period, oldest day first, those of one class and day together.
func (q *search) files() ([]*File, error) {
	cat, err := q.reader.catalog(q.ctx)
	if err != nil {
		return nil, err
	}
	q.report.Unreadable = append(q.report.Unreadable, cat.failed...)
	q.report.Commits = len(cat.counting())
	files := slices.DeleteFunc(cat.live(), func(f *File) bool { return !q.sel.overlaps(f) })
	sortFiles(files)
	return files, nil
}

func sortFiles(files []*File) {
	slices.SortStableFunc(files, func(a, b *File) int {
		return cmp.Or(strings.Compare(a.Day, b.Day), strings.Compare(a.Class, b.Class), a.MinTime.Compare(b.MinTime))
	})
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
