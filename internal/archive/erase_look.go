package archive

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/keytrail/keytrail/internal/event"
)

// blockMatch is what one block holds of the subject.
type blockMatch struct {
	file   *File
	rows   int64            // to erase
	locked int64            // in a locked class: they stay
	held   map[string]int64 // by hold: they stay
	until  time.Time        // when the class ends
	also   map[string]bool  // the fingerprints of the matching events
	beside map[string]bool  // ids of events whose primary credential is another than the erased one
}

// lookers read blocks side by side: most are ruled out by one small read, and an object store answers slowly.
const lookers = 8

// look finds the rows of the subject in every block. An event that carries an erased fingerprint has rows under its other
// fingerprints too, perhaps in other blocks of the same day: those are looked for in a second round.
func (e *erasure) look(ctx context.Context) ([]*blockMatch, error) {
	files, err := e.live(ctx)
	if err != nil {
		return nil, err
	}
	found, err := e.lookAt(ctx, files, func(f *File) []needle { return e.needles(f, nil) })
	if err != nil || e.subject.kind != SubjectFingerprint {
		return found, err
	}
	also := make(map[string][]string) // by class and day
	for _, m := range found {
		for fp := range m.also {
			if id := m.file.Class + "/" + m.file.Day; !slices.Contains(also[id], fp) {
				also[id] = append(also[id], fp)
			}
		}
	}
	if len(also) == 0 {
		return found, nil
	}
	return e.lookAt(ctx, files, func(f *File) []needle { return e.needles(f, also[f.Class+"/"+f.Day]) })
}

// live lists the blocks and reads their classes, which the lookers then share.
func (e *erasure) live(ctx context.Context) ([]*File, error) {
	cat, err := loadCatalog(ctx, e.bucket, nil, false)
	if err == nil {
		err = cat.err() // what an unreadable commit names would not be searched
	}
	if err != nil {
		return nil, err
	}
	files := cat.live()
	for _, f := range files {
		if _, err := e.classes.get(ctx, f.ClassHash); err != nil {
			return nil, fmt.Errorf("class of block %s: %w", f.Key, err)
		}
	}
	return files, nil
}

func (e *erasure) lookAt(ctx context.Context, files []*File, needles func(*File) []needle) ([]*blockMatch, error) {
	found := make([]*blockMatch, len(files))
	errs := make([]error, lookers)
	next := make(chan int)
	var wg sync.WaitGroup
	for w := range errs {
		wg.Go(func() {
			for i := range next {
				if errs[w] == nil {
					found[i], errs[w] = e.lookInto(ctx, files[i], needles(files[i]))
				}
			}
		})
	}
	for i := range files {
		next <- i
	}
	close(next)
	wg.Wait()
	return found, errors.Join(errs...)
}

// needles are the columns of a block that can name the subject; any one that does is enough.
func (e *erasure) needles(f *File, also []string) []needle {
	one := func(key string, values ...string) needle {
		return needle{column: columnName(key), key: key, exact: values}
	}
	v := e.subject.value
	switch e.subject.kind {
	case SubjectOwner:
		list := []needle{one(event.KeyOwnerID, v)}
		if e.alias != "" {
			list = append(list, one(event.KeyOwnerPseudonym, e.alias))
		}
		return list
	case SubjectPrincipal:
		var list []needle
		for _, key := range principalKeys {
			list = append(list, one(key, v))
		}
		return list
	default:
		list := []needle{{column: colFingerprint, key: event.KeyFingerprint, exact: append([]string{v}, also...)}}
		if laterEpoch(f.Heads, v) {
			list = append(list, one(event.KeyFingerprintPrev, v))
		}
		return list
	}
}

// laterEpoch reports whether a block holds fingerprints of an epoch after that of fp: only those name a previous one.
func laterEpoch(heads []string, fp string) bool {
	head, _, _ := strings.Cut(fp, "_")
	return slices.ContainsFunc(heads, func(h string) bool { return epochOf(h) > epochOf(head) })
}

func epochOf(head string) int {
	n, _ := strconv.Atoi(head[min(2, len(head)):])
	return n
}

// lookInto counts the rows of the subject in one block.
func (e *erasure) lookInto(ctx context.Context, f *File, needles []needle) (*blockMatch, error) {
	m := &blockMatch{file: f}
	class := e.classes.known[f.ClassHash]
	d, err := f.day()
	if err != nil {
		return nil, err
	}
	m.until = d.start().Add(day + class.Keep)
	src := &source{ctx: ctx, bucket: e.bucket, key: f.Key, size: f.Size}
	needles, err = possible(f, src, needles)
	if err != nil || len(needles) == 0 || f.MinTime.After(e.stone.Until) {
		return m, wrapBlock(f, err)
	}
	b, err := openBlock(src, f)
	if err != nil {
		return nil, wrapBlock(f, err)
	}
	rows, err := b.findAny(needles)
	if err == nil {
		err = e.judge(b, rows, class, m)
	}
	return m, wrapBlock(f, err)
}

func wrapBlock(f *File, err error) error {
	if err == nil {
		return nil
	}
	return &BlockError{f.Key, err}
}

// possible leaves out needles that the commit or a bloom filter rules out. A column without a filter in the schema is
// looked at through its page bounds.
func possible(f *File, src *source, needles []needle) ([]needle, error) {
	var out []needle
	for i := range needles {
		n := &needles[i]
		may := true
		if columnNames[n.column].bloom {
			var err error
			if may, err = n.mayMatch(f, src); err != nil {
				return nil, err
			}
		}
		if may {
			out = append(out, *n)
		}
	}
	return out, nil
}

// findAny returns the rows that meet one of the needles.
func (b *block) findAny(needles []needle) ([]run, error) {
	hit := make(map[int64]bool)
	for i := range needles {
		rows, err := b.find(nil, needles[i:i+1])
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			for at := r.from; at < r.to; at++ {
				hit[at] = true
			}
		}
	}
	at := make([]int64, 0, len(hit))
	for r := range hit {
		at = append(at, r)
	}
	slices.Sort(at)
	var out []run
	for _, r := range at {
		out = appendRow(out, r)
	}
	return out, nil
}

// judge decodes the rows and sorts them by what becomes of them.
func (e *erasure) judge(b *block, rows []run, class Class, m *blockMatch) (err error) {
	if len(rows) == 0 {
		return nil
	}
	d := newDecoder(b, nil)
	defer func() { err = errors.Join(err, d.close()) }()
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
			e.count(row{hits[i].Fingerprint, hits[i].Primary, &hits[i].Record}, class, m)
		}
	}
	return nil
}

func (e *erasure) count(r row, class Class, m *blockMatch) {
	if !e.covers(r) {
		return
	}
	for fp := range fingerprints(r.record) {
		if fp != "" {
			m.also = add(m.also, fp)
		}
	}
	if id := r.record.Attrs.Str(event.KeyEventID); id != "" && e.beside(r.record) {
		m.beside = add(m.beside, id)
	}
	switch hold := e.holds.keeping(r, e.owners); {
	case class.Lock != LockNone:
		m.locked++
	case hold != "":
		if m.held == nil {
			m.held = make(map[string]int64)
		}
		m.held[hold]++
	default:
		m.rows++
	}
}

func add(set map[string]bool, v string) map[string]bool {
	if set == nil {
		set = make(map[string]bool)
	}
	set[v] = true
	return set
}

// beside reports whether the record carries the erased token and another one as its primary.
func (e *erasure) beside(r *event.Record) bool {
	v := e.subject.value
	return e.subject.kind == SubjectFingerprint && r.Attrs.Str(event.KeyFingerprint) != v && r.Attrs.Str(event.KeyFingerprintPrev) != v
}
