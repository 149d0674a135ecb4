package owner

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
)

// parseCSV reads a header line with field names and a row a line.
func parseCSV(data []byte, s *sink) error {
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
	decoder, err := NewDecoder(head)
	if err != nil {
		return fmt.Errorf("line 1: %w", err)
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
		r, bad := decoder.Row(cells)
		if err := s.take(line, r, bad); err != nil {
			return err
		}
	}
}

func csvSyntax(err error) error {
	var perr *csv.ParseError
	if errors.As(err, &perr) {
		return fmt.Errorf("line %d: %w", perr.Line, perr.Err) // Err is one of the package's fixed texts
	}
	return errors.New("file is not CSV")
}
