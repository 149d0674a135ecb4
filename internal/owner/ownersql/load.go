package ownersql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"

	"github.com/keytrail/keytrail/internal/owner"
)

// maxBadRows bounds how many bad rows an error describes; the load ends there.
const maxBadRows = 10

// Load gives all rows, or those changed since the mark where `updated_query` is set and the last full load is younger
// than FullEvery. One bad row refuses the load, as it refuses a file: a directory that silently lacks a row would call a
// revoked token active. Rows are given while the answer still comes in: they count only if Load ends well.
//
// Without `updated_query` the mark stands for the content: a load that ends with the mark it was given read the same
// rows, in any order.
func (db *DB) Load(ctx context.Context, since owner.Mark, row func(*owner.Row) error) (owner.Mark, bool, error) {
	p := db.plan
	if !p.query.set() {
		return since, false, errors.New("`query` is not set: this database only answers look-ups")
	}
	l := &load{db: db, row: row, window: window{overlap: p.Overlap, now: db.now()}}
	m, changes := readMark(since)
	changes = changes && p.updated.set() && l.window.now.Sub(m.full) < p.FullEvery && !m.full.After(l.window.now)
	if !changes {
		next, err := l.all(ctx)
		return next, true, err
	}
	next, err := l.changes(ctx, since, m)
	return next, false, err
}

// load is one load under way.
type load struct {
	db     *DB
	row    func(*owner.Row) error
	window window
	known  recent // rows not to be given again

	count, repeated int
	sum             uint64 // of all rows, whatever their order
	bad             []error
}

func (l *load) all(ctx context.Context) (owner.Mark, error) {
	p := l.db.plan
	if err := l.run(ctx, ask{key: "query", st: &p.query, timeout: p.Timeout}); err != nil {
		return "", err
	}
	if !p.updated.set() {
		l.done(recent{})
		return owner.Mark("sum:" + strconv.Itoa(l.count) + ":" + strconv.FormatUint(l.sum, 16)), nil
	}
	if !l.window.any { // nothing to count changes from
		l.done(recent{})
		return "", nil
	}
	next := owner.Mark(mark{l.window.now, l.window.high}.String())
	l.done(l.window.recent(next))
	return next, nil
}

func (l *load) changes(ctx context.Context, since owner.Mark, m mark) (owner.Mark, error) {
	p := l.db.plan
	from := m.high.before(p.Overlap)
	a := ask{key: "updated_query", st: &p.updated, timeout: p.Timeout}
	for range p.updated.params {
		if from.isTime {
			a.args = append(a.args, p.dialect.since(from.time()))
		} else {
			a.args = append(a.args, from.n)
		}
	}
	l.db.mu.Lock()
	if l.db.last.mark == since { // another mark: the caller did not take what was given last
		l.known = l.db.last
	}
	l.db.mu.Unlock()
	l.window.high, l.window.any = m.high, true
	if err := l.run(ctx, a); err != nil {
		return since, err
	}
	next := owner.Mark(mark{m.full, l.window.high}.String())
	l.done(l.window.recent(next))
	return next, nil
}

func (l *load) done(r recent) {
	l.db.mu.Lock()
	l.db.last = r
	l.db.mu.Unlock()
	l.db.stats.loads.Add(1)
	l.db.stats.rows.Add(int64(l.count))
	l.db.stats.repeated.Add(int64(l.repeated))
}

func (l *load) run(ctx context.Context, a ask) error {
	err := l.db.read(ctx, a, func(rows *sql.Rows) error {
		t, err := newTable(&a, rows, l.db.plan.updated.set())
		if err != nil {
			return err
		}
		for rows.Next() {
			if t.line >= l.db.plan.MaxRows {
				return a.errorf(TooMany, "must return at most %d rows (`max_rows`)", l.db.plan.MaxRows)
			}
			if err := l.take(t); err != nil {
				return err
			}
			if len(l.bad) == maxBadRows {
				return l.refuse(&a)
			}
		}
		return nil
	})
	if err == nil && len(l.bad) > 0 {
		err = l.refuse(&a)
	}
	return err
}

// take reads one row and gives it to the caller, whose error it returns; a bad row is only noted.
func (l *load) take(t *table) error {
	values, updated, err := t.next()
	var at stamp
	var stamped bool
	if err == nil && l.db.plan.updated.set() {
		at, stamped, err = stampOf(updated)
	}
	if err != nil {
		l.note(t, err)
		return nil
	}
	hash := sum(values, at)
	l.sum += hash
	if stamped {
		l.window.add(hash, at)
		if l.known.has(hash) {
			l.repeated++
			return nil
		}
	}
	r, err := t.row(values)
	if err != nil {
		l.note(t, err)
		return nil
	}
	if len(l.bad) > 0 {
		return nil
	}
	l.count++
	return l.row(r)
}

func (l *load) note(t *table, err error) {
	l.bad = append(l.bad, fmt.Errorf("row %d: %w", t.line, err))
}

func (l *load) refuse(a *ask) error {
	return a.errorf(BadRow, "returns bad rows: %s", errors.Join(l.bad...))
}
