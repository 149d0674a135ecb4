package ownersql

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/keytrail/keytrail/internal/owner"
)

// columnUpdated is the column that is not a field of the directory: what the mark is taken from.
const columnUpdated = "updated_at"

// table reads the rows of one answer.
type table struct {
	ask     *ask
	rows    *sql.Rows
	names   []string // of the columns, in the order of the answer
	arrays  []bool
	cells   []any
	scan    []any // pointers to cells
	updated int   // index of updated_at; -1 without it
	extra   []string

	decoder *owner.Decoder
	values  []string // of the fields, then of extra
	line    int
}

// newTable reads the names of the columns. extra are fields that the caller gives for each row.
func newTable(a *ask, rows *sql.Rows, wantUpdated bool) (*table, error) {
	types, err := rows.ColumnTypes()
	if err != nil { // closed already, as where the time ran out
		return nil, a.errorf(Lost, "ended before its first row")
	}
	t := &table{ask: a, rows: rows, updated: -1, cells: make([]any, len(types)), scan: make([]any, len(types))}
	for i, ct := range types {
		name := strings.ToLower(strings.TrimSpace(ct.Name()))
		if name == columnUpdated && t.updated < 0 {
			t.updated = i
		}
		t.names = append(t.names, name)
		t.arrays = append(t.arrays, strings.HasPrefix(ct.DatabaseTypeName(), "_")) // PostgreSQL's name of an array type
		t.scan[i] = &t.cells[i]
	}
	if wantUpdated && t.updated < 0 {
		return nil, a.errorf(BadColumn, "must return the column `updated_at`, since `updated_query` is set")
	}
	return t, t.decode(nil)
}

// decode makes the decoder of the columns and of extra fields that the caller will add to each row.
func (t *table) decode(extra []string) error {
	fields := slices.Clone(t.names)
	if t.updated >= 0 {
		fields = slices.Delete(fields, t.updated, t.updated+1)
	}
	d, err := owner.NewDecoder(append(fields, extra...))
	if err != nil {
		return t.ask.errorf(BadColumn, "returns rows whose, `updated_at` aside, %s", err)
	}
	t.decoder, t.extra = d, extra
	return nil
}

// next reads the values of the next row, and its updated_at.
func (t *table) next() (values []string, updated any, err error) {
	t.line++
	if err := t.rows.Scan(t.scan...); err != nil {
		return nil, nil, errors.New("holds a value that cannot be read")
	}
	t.values = t.values[:0]
	for i, cell := range t.cells {
		if i == t.updated {
			updated = cell
			continue
		}
		s, err := text(t.names[i], cell, t.arrays[i])
		if err != nil {
			return nil, nil, fmt.Errorf("`%s` %w", t.names[i], err)
		}
		t.values = append(t.values, s)
	}
	return t.values, updated, nil
}

// row makes the directory's row of values.
func (t *table) row(values []string) (*owner.Row, error) {
	r, err := t.decoder.Row(values)
	if err != nil {
		return nil, err
	}
	r.Line = t.line
	return r, nil
}
