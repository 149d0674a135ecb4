package archive

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"

	"github.com/keytrail/keytrail/internal/archive/bucket"
)

const (
	// scanAhead is how many blocks a search reads at once: on an object store it waits, on a disk it decodes.
	scanAhead = 16
	// scanWindows of a block lie decoded before the search comes to it.
	scanWindows = 2
	// rememberRows of one class and day are remembered, at about 30 bytes: more than any answer that people read. A scan
	// beyond that which meets a block that was replaced under it reports the block as unreadable.
	rememberRows = 1 << 20
)

// scan is the search of one block.
type scan struct {
	query   *search
	ctx     context.Context
	file    *File
	view    *view
	needles []needle
	windows chan []Hit // closed at the end; what follows is read after that
	report  Report
	err     error
	gone    bool // the block itself was not there
}

// scans runs the search of many blocks side by side and hands out their rows in the order of the blocks.
type scans struct {
	query   *search
	ctx     context.Context
	cancel  context.CancelFunc
	ahead   []*scan
	files   []*File
	known   map[string]bool     // blocks that are searched, or were
	unit    unit                // of the rows that are handed out
	yielded map[uint64]struct{} // rows of the unit that were handed out
	seed    maphash.Seed
	again   bool // the live blocks were read again: rows of yielded come a second time
}

func newScans(q *search) *scans {
	s := &scans{query: q, known: make(map[string]bool), seed: maphash.MakeSeed()}
	s.ctx, s.cancel = context.WithCancel(q.ctx)
	return s
}

func (s *scans) run(files []*File) (err error) {
	defer s.stop()
	s.files = files
	for _, f := range files {
		s.known[f.Key] = true
	}
	for {
		for len(s.ahead) < scanAhead && len(s.files) > 0 {
			s.ahead = append(s.ahead, s.start(s.files[0])...)
			s.files = s.files[1:]
		}
		if len(s.ahead) == 0 {
			return s.query.ctx.Err()
		}
		if err := s.take(s.ahead[0]); err != nil {
			return err
		}
		s.ahead = s.ahead[1:]
	}
}

// stop ends the scans that nobody waits for any more.
func (s *scans) stop() {
	s.cancel()
	for _, sc := range s.ahead {
		for range sc.windows { // until it is closed
		}
	}
}

// start begins the scan of a block; there is none where the commit already rules the block out. Such a block costs no
// request, and may not take the place of one that does: a day has ten blocks, and a token's rows are in one.
func (s *scans) start(f *File) []*scan {
	sc := &scan{query: s.query, ctx: s.ctx, file: f, windows: make(chan []Hit, scanWindows)}
	needed, err := sc.prepare()
	if !needed {
		s.query.report.add(&sc.report)
		return nil
	}
	go func() {
		defer close(sc.windows)
		if sc.err = err; err == nil {
			sc.err = sc.block()
			sc.gone = errors.Is(sc.err, bucket.ErrNotFound)
		}
	}()
	return []*scan{sc}
}

// take hands out the rows of one block and adds its report. What is wrong with the block goes to the report; only the
// caller's stop and a cancelled context end the search.
func (s *scans) take(sc *scan) error {
	if u := (unit{sc.file.Class, sc.file.Day}); u != s.unit {
		s.unit, s.yielded, s.again = u, nil, false
	}
	for window := range sc.windows {
		for i := range window {
			if s.twice(&window[i]) {
				continue
			}
			if err := s.query.hand(&window[i]); err != nil {
				return err
			}
		}
	}
	s.query.report.add(&sc.report)
	switch {
	case s.query.ctx.Err() != nil:
		return s.query.ctx.Err()
	case sc.err == nil:
		return nil
	case sc.gone:
		if found, err := s.replaced(sc.file); found || err != nil {
			return err
		}
	}
	s.query.report.Unreadable = append(s.query.report.Unreadable, &BlockError{sc.file.Key, sc.err})
	return nil
}

// twice remembers a row of a unit that has more blocks to come, and tells whether a block that stands for others has
// it from one that was read.
func (s *scans) twice(h *Hit) bool {
	key := maphash.Comparable(s.seed, rowIdentity{h.Fingerprint, h.Record.Time, h.eventID()})
	if _, seen := s.yielded[key]; seen && s.again {
		return true
	}
	if s.yielded == nil {
		s.yielded = make(map[uint64]struct{})
	}
	if len(s.yielded) < rememberRows {
		s.yielded[key] = struct{}{}
	}
	return false
}

type rowIdentity struct {
	fingerprint string
	time        int64
	id          string
}

// replaced looks for the blocks that stand for one that is gone: a search that takes longer than readGrace, or that an
// erasure overtakes, meets such a block. It reports false where the block is live and simply missing.
func (s *scans) replaced(gone *File) (bool, error) {
	if len(s.yielded) >= rememberRows {
		return false, nil
	}
	cat, err := s.query.reader.catalog(s.query.ctx)
	if err != nil {
		return false, err
	}
	var fresh []*File
	for _, f := range cat.live() {
		if f.Key == gone.Key {
			return false, nil
		}
		if f.Class == gone.Class && f.Day == gone.Day && !s.known[f.Key] && s.query.sel.overlaps(f) {
			fresh = append(fresh, f)
			s.known[f.Key] = true
		}
	}
	s.again = true
	sortFiles(fresh)
	// Next in line, behind those of the unit that are under way.
	last := 0
	for i, sc := range s.ahead {
		if (unit{sc.file.Class, sc.file.Day}) == s.unit {
			last = i + 1
		}
	}
	var started []*scan
	for _, f := range fresh {
		started = append(started, s.start(f)...)
	}
	s.ahead = slices.Insert(s.ahead, last, started...)
	return true, nil
}

func (r *Report) add(o *Report) {
	r.Files += o.Files
	r.Skipped += o.Skipped
	r.Bytes += o.Bytes
	r.Pages += o.Pages
	r.Requests += o.Requests
	for _, class := range o.Blind {
		if !slices.Contains(r.Blind, class) {
			r.Blind = append(r.Blind, class)
		}
	}
}

// prepare reports whether the block needs to be read, as far as its commit and its class say.
func (sc *scan) prepare() (needed bool, err error) {
	f, sel := sc.file, &sc.query.sel
	class, err := sc.query.reader.class(sc.ctx, f.ClassHash)
	if err == nil {
		var d eventDay
		if d, err = f.day(); err == nil && class.ended(d, sel.Now) {
			return false, nil // kept no longer, swept or not
		}
	}
	sc.report.Files++
	if err != nil {
		return true, fmt.Errorf("class: %w", err)
	}
	sc.view = newView(class)
	sc.needles = sel.needles(f, sc.view, sc.query.pseudonyms)
	for i := range sc.needles {
		if !sc.view.keeps(sc.needles[i].key) {
			sc.report.Skipped++
			sc.report.Blind = append(sc.report.Blind, f.Class)
			return false, nil
		}
	}
	for i := range sc.needles {
		if sc.needles[i].ruledOut(f) {
			sc.report.Skipped++
			return false, nil
		}
	}
	return true, nil
}

func (sc *scan) block() (err error) {
	f := sc.file
	src := &source{ctx: sc.ctx, bucket: sc.query.reader.bucket, key: f.Key, size: f.Size}
	defer func() {
		sc.report.Bytes += src.bytes
		sc.report.Pages += src.needed()
		sc.report.Requests += src.gets
	}()
	for i := range sc.needles {
		if ok, err := sc.needles[i].mayMatch(f, src); !ok {
			sc.report.Skipped++
			return err
		}
	}
	b, err := openBlock(src, f)
	if err != nil {
		return err
	}
	rows, err := b.find(sc.query.sel.conditions(f), sc.needles)
	if err != nil || len(rows) == 0 {
		return err
	}
	return sc.emit(b, rows)
}

// emit decodes the rows window by window.
func (sc *scan) emit(b *block, rows []run) (err error) {
	d := newDecoder(b, sc.query.sel.wanted())
	defer func() { err = errors.Join(err, d.close()) }()
	if err := d.fetch(rows); err != nil {
		return err
	}
	class := &sc.view.class
	rank := class.rank()
	for len(rows) > 0 {
		var window []run
		window, rows = take(rows, windowRows)
		hits, err := d.readSafely(window)
		if err != nil {
			return err
		}
		for i := range hits {
			hits[i].Rank, hits[i].Record.Classes = rank, []string{class.Name}
		}
		select {
		case sc.windows <- hits:
		case <-sc.ctx.Done():
			return sc.ctx.Err()
		}
	}
	return nil
}

// hand gives a row to the caller.
func (q *search) hand(h *Hit) error {
	if !q.sel.contains(h.Record.Time) {
		return nil
	}
	if err := q.resolveOwner(&h.Record); err != nil {
		return err
	}
	q.report.Rows++
	if !q.yield(*h, nil) {
		return errStopped
	}
	return nil
}
