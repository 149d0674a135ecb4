package owner

import (
	"fmt"
	"slices"
	"strings"
)

// Decoder makes rows out of values in columns, under the same names, rules and errors for every kind of source.
type Decoder struct {
	columns []string
}

// NewDecoder makes the decoder of rows with these columns. An unknown column is refused: a misspelt `revoked_at`
// would otherwise make every dead token look alive. Errors name columns by number: a source without a header begins
// with a row.
func NewDecoder(columns []string) (*Decoder, error) {
	d := &Decoder{columns: make([]string, len(columns))}
	for i, column := range columns {
		name := strings.ToLower(strings.TrimSpace(column))
		if _, known := fields[name]; !known {
			return nil, fmt.Errorf("column %d is not one of %s", i+1, fieldNames)
		}
		if slices.Contains(d.columns[:i], name) {
			return nil, fmt.Errorf("column `%s` stands twice", name)
		}
		d.columns[i] = name
	}
	return d, nil
}

// Row makes the row of values, one for each column; an empty value leaves its field unset. The row is complete and
// follows every rule.
func (d *Decoder) Row(values []string) (*Row, error) {
	if len(values) != len(d.columns) {
		return nil, fmt.Errorf("must hold %d values, found %d", len(d.columns), len(values))
	}
	r := &Row{}
	for i, value := range values {
		if err := r.set(d.columns[i], value); err != nil {
			return nil, err
		}
	}
	if err := r.check(); err != nil {
		return nil, err
	}
	return r, nil
}

// member makes a row of named values, of a format in which each row names its own.
type member struct {
	row  Row
	seen map[string]bool
}

func newMember(n int) *member { return &member{seen: make(map[string]bool, n)} }

// name takes the name of the next value. An error names it by number: it may be a token in the wrong place.
func (m *member) name(name string) error {
	if _, known := fields[name]; !known {
		return fmt.Errorf("key %d is not one of %s", len(m.seen)+1, fieldNames)
	}
	if m.seen[name] {
		return fmt.Errorf("`%s` stands twice", name)
	}
	m.seen[name] = true
	return nil
}

func (m *member) finish() (*Row, error) {
	if err := m.row.check(); err != nil {
		return nil, err
	}
	return &m.row, nil
}
