package owner

import (
	"errors"
	"fmt"
	"time"
)

// Parse reads a directory from memory. One bad row refuses the whole file: a directory that silently lacks a row
// would say "unknown" of a token that somebody owns, or "active" of one that was revoked.
func Parse(format Format, data []byte, now time.Time) (*Directory, error) {
	b := newBuilder()
	t, err := b.finish(readRows(format, data, b.add))
	if err != nil {
		return nil, err
	}
	return (&Directory{source: "file"}).whole(t, now), nil
}

// readRows gives the rows of a file. Bad ones are passed over and told together at the end.
func readRows(format Format, data []byte, row func(*Row) error) error {
	s := sink{row: row}
	var err error
	switch format {
	case YAML:
		err = parseYAML(data, &s)
	case CSV:
		err = parseCSV(data, &s)
	case JSONL:
		err = parseJSONL(data, &s)
	default:
		return fmt.Errorf("unknown directory format %q", string(format))
	}
	if err != nil {
		return err
	}
	return s.bad.err()
}

// sink takes the rows of a file, and what is wrong with those that are none.
type sink struct {
	row func(*Row) error
	bad faults
	n   int
}

// take takes the row of a line or the error that it is. Its own error ends the reading.
func (s *sink) take(line int, r *Row, err error) error {
	s.n++
	if s.n > MaxRows {
		return errTooManyRows
	}
	if err != nil {
		s.bad.add(line, s.n, err)
		return nil
	}
	r.Line = line
	return s.row(r)
}

// maxRowErrors is how many bad rows one error names; the rest are only counted.
const maxRowErrors = 10

// faults are the errors of bad rows.
type faults struct {
	errs []error
	n    int
}

func (f *faults) add(line, ordinal int, err error) {
	f.n++
	if len(f.errs) >= maxRowErrors {
		return
	}
	if line > 0 {
		f.errs = append(f.errs, fmt.Errorf("line %d: %w", line, err))
	} else {
		f.errs = append(f.errs, fmt.Errorf("row %d: %w", ordinal, err))
	}
}

func (f *faults) err() error {
	if rest := f.n - len(f.errs); rest > 0 {
		return errors.Join(append(f.errs, fmt.Errorf("and %d more bad rows", rest))...)
	}
	return errors.Join(f.errs...)
}
