package owner

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// fieldNames is what an error lists where a column or a key is unknown.
var fieldNames = strings.Join(slices.Sorted(maps.Keys(fields)), ", ")

// parseCSV reads a header line with field names and a row a line. An unknown column is refused: a misspelt
// `revoked_at` would otherwise make every dead token look alive.
func parseCSV(data []byte, c *collector) error {
	rd := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")))) // Excel writes the mark
	rd.ReuseRecord = true
	rd.Comment = '#'
	head, err := rd.Read()
	if errors.Is(err, io.EOF) {
		return nil // an empty file is an empty directory
	}
	if err != nil {
		return csvSyntax(err)
	}
	columns, err := readHead(head)
	if err != nil {
		return err
	}
	for {
		cells, err := rd.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return csvSyntax(err)
		}
		line, _ := rd.FieldPos(0)
		r := &Row{Line: line}
		if err := c.add(r, r.fromCSV(columns, cells)); err != nil {
			return err
		}
	}
}

func readHead(cells []string) ([]string, error) {
	columns := make([]string, len(cells))
	for i, cell := range cells {
		name := strings.ToLower(strings.TrimSpace(cell))
		if _, known := fields[name]; !known { // the cell is not repeated: a file without a header begins with a row
			return nil, fmt.Errorf("line 1: column %d is not one of %s", i+1, fieldNames)
		}
		if slices.Contains(columns[:i], name) {
			return nil, fmt.Errorf("line 1: column `%s` stands twice", name)
		}
		columns[i] = name
	}
	return columns, nil
}

func (r *Row) fromCSV(columns, cells []string) error {
	for i, cell := range cells {
		if err := r.set(columns[i], cell); err != nil {
			return err
		}
	}
	return nil
}

func csvSyntax(err error) error {
	var perr *csv.ParseError
	if errors.As(err, &perr) {
		return fmt.Errorf("line %d: %w", perr.Line, perr.Err) // Err is one of the package's fixed texts
	}
	return errors.New("file is not CSV")
}
