package archive

import (
	"errors"
	"io"
	"iter"

	"github.com/parquet-go/parquet-go"
)

// cursor reads one leaf of a row group value by value, from any row on.
type cursor struct {
	pages  parquet.Pages
	page   parquet.Page
	values parquet.ValueReader
	buf    []parquet.Value
	at, n  int
	row    int64             // the row that the next value belongs to
	intern map[string]string // texts of a dictionary column, which repeat
}

const cursorValues = 128

func newCursor(chunk parquet.ColumnChunk, dictionary bool) *cursor {
	c := &cursor{pages: chunk.Pages(), buf: make([]parquet.Value, cursorValues), row: -1}
	if dictionary {
		c.intern = make(map[string]string)
	}
	return c
}

func (c *cursor) close() error {
	if c == nil {
		return nil
	}
	parquet.Release(c.page)
	return c.pages.Close()
}

// to moves to a row; right after the one that was read it stays where it is.
func (c *cursor) to(row int64) error {
	if c.row == row {
		c.row++
		return nil
	}
	parquet.Release(c.page)
	c.page, c.values, c.at, c.n = nil, nil, 0, 0
	c.row = row + 1
	return c.pages.SeekToRow(row)
}

// rows moves through the runs row by row.
func (c *cursor) rows(runs []run) iter.Seq2[int64, error] {
	return func(yield func(int64, error) bool) {
		for _, r := range runs {
			for at := r.from; at < r.to; at++ {
				if !yield(at, c.to(at)) {
					return
				}
			}
		}
	}
}

// peek returns the next value, whose bytes live until the value after it is asked for; io.EOF ends the column.
func (c *cursor) peek() (parquet.Value, error) {
	for c.at == c.n {
		if c.values == nil {
			page, err := c.pages.ReadPage()
			if err != nil {
				return parquet.Value{}, err
			}
			parquet.Release(c.page)
			c.page, c.values = page, page.Values()
		}
		n, err := c.values.ReadValues(c.buf)
		c.at, c.n = 0, n
		if errors.Is(err, io.EOF) {
			c.values = nil
		} else if err != nil {
			return parquet.Value{}, err
		}
	}
	return c.buf[c.at], nil
}

func (c *cursor) next() (parquet.Value, error) {
	v, err := c.peek()
	if err == nil {
		c.at++
	}
	return v, err
}

// text copies a value's bytes out of the page.
func (c *cursor) text(v parquet.Value) string {
	b := v.ByteArray()
	if c.intern == nil {
		return string(b)
	}
	s, ok := c.intern[string(b)]
	if !ok {
		s = string(b)
		c.intern[s] = s
	}
	return s
}
