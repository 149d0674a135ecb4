package query

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Output is how an answer is rendered.
type Output string

// The outputs.
const (
	Table Output = "table"
	JSON  Output = "json"
	CSV   Output = "csv"
)

// Set reads the value of --output.
func (o *Output) Set(s string) error {
	switch Output(s) {
	case Table, JSON, CSV:
		*o = Output(s)
		return nil
	}
	return fmt.Errorf("output must be table, json or csv, found %q", s)
}

// String returns the value of --output.
func (o *Output) String() string { return string(*o) }

// Type names the flag's type.
func (*Output) Type() string { return "table|json|csv" }

// column is one column of a table; the widest cell is cut to limit where limit is not 0.
type column struct {
	name  string
	limit int
	right bool
}

// writeTable writes aligned columns. Every cell is made visible and cut here, so no attacker's text reaches the
// terminal by another way.
func writeTable(w io.Writer, cols []column, rows [][]string) error {
	if len(rows) == 0 {
		return nil // an empty answer prints nothing, not even a head
	}
	widths := make([]int, len(cols))
	for i, c := range cols {
		widths[i] = utf8.RuneCountInString(c.name)
	}
	for _, row := range rows {
		for i := range row {
			row[i] = cut(Visible(row[i]), cols[i].limit)
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
		}
	}
	b := bufio.NewWriter(w)
	head := make([]string, len(cols))
	for i, c := range cols {
		head[i] = c.name
	}
	for _, row := range append([][]string{head}, rows...) {
		writeRow(b, cols, widths, row)
	}
	return b.Flush()
}

func writeRow(b *bufio.Writer, cols []column, widths []int, row []string) {
	var line strings.Builder
	for i, s := range row {
		pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(s))
		if cols[i].right {
			line.WriteString(pad + s)
		} else {
			line.WriteString(s + pad)
		}
		line.WriteString("  ")
	}
	b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
}

func cut(s string, limit int) string {
	if limit == 0 || utf8.RuneCountInString(s) <= limit {
		return s
	}
	r := []rune(s)
	return string(r[:limit-1]) + "…"
}

// writeCSV writes a head and rows: made visible as in a table, for a CSV is looked at in a terminal too.
func writeCSV(w io.Writer, head []string, rows [][]string) error {
	if len(rows) == 0 {
		return nil
	}
	c := csv.NewWriter(w)
	if err := c.Write(head); err != nil {
		return err
	}
	for _, row := range rows {
		for i := range row {
			row[i] = cell(Visible(row[i]))
		}
		if err := c.Write(row); err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}
