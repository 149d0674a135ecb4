package query

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
)

// Field is a column of a list.
type Field struct {
	Key   string // its name in JSON and CSV; in a table it is the head, in capitals
	Limit int    // the widest cell of a table, 0 for any
}

// PrintRecords renders a list of records, each with a value for each field: text, a number, a time or a list of text.
func PrintRecords(w io.Writer, o Output, fields []Field, records [][]any) error {
	if o == JSON {
		return printObjects(w, fields, records)
	}
	rows := make([][]string, len(records))
	for i, r := range records {
		for _, v := range r {
			rows[i] = append(rows[i], plainText(v))
		}
	}
	if o == CSV {
		head := make([]string, len(fields))
		for i, f := range fields {
			head[i] = f.Key
		}
		return writeCSV(w, head, rows)
	}
	cols := make([]column, len(fields))
	for i, f := range fields {
		cols[i] = column{name: strings.ToUpper(strings.ReplaceAll(f.Key, "_", " ")), limit: f.Limit, right: isNumber(records, i)}
	}
	return writeTable(w, cols, rows)
}

func isNumber(records [][]any, i int) bool {
	if len(records) == 0 {
		return false
	}
	switch records[0][i].(type) {
	case int, int64:
		return true
	}
	return false
}

func plainText(v any) string {
	switch v := v.(type) {
	case time.Time:
		return stamp(v)
	case []string:
		return strings.Join(v, " ")
	}
	return fmt.Sprint(v)
}

// printObjects writes an object a line, its members in the order of the fields; what is empty is left out.
func printObjects(w io.Writer, fields []Field, records [][]any) error {
	for _, r := range records {
		var line bytes.Buffer
		for i, f := range fields {
			v := r[i]
			if t, ok := v.(time.Time); ok {
				v = stamp(t)
			}
			if v == "" {
				continue
			}
			text, err := json.Marshal(v)
			if err != nil {
				return err
			}
			fmt.Fprintf(&line, `,%q:%s`, f.Key, text)
		}
		if line.Len() > 0 {
			line.Next(1)
		}
		if _, err := fmt.Fprintf(w, "{%s}\n", line.Bytes()); err != nil {
			return err
		}
	}
	return nil
}
