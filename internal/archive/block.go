package archive

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// BlockError says that a block could not be read. Its events are missing from the answer.
type BlockError struct {
	Key string
	Err error
}

func (e *BlockError) Error() string { return fmt.Sprintf("block %s: %v", e.Key, e.Err) }

func (e *BlockError) Unwrap() error { return e.Err }

// block is an open Parquet file of the archive with its page indexes.
type block struct {
	src     *source
	meta    *format.RowGroup
	rows    int64
	chunks  []parquet.ColumnChunk    // by our leaf; nil where the file has no such column
	columns []*format.ColumnMetaData // as chunks
}

// openBlock reads the indexes at the end of the file, or all of a small file, in one request.
func openBlock(src *source, f *File) (*block, error) {
	from := f.IndexOffset
	if f.Size <= wholeFile {
		from = 0
	}
	if f.IndexOffset < 0 || f.IndexOffset >= f.Size {
		return nil, fmt.Errorf("index offset %d lies outside the file's %d bytes", f.IndexOffset, f.Size)
	}
	if err := src.fetch([]extent{{from, f.Size}}); err != nil {
		return nil, err
	}
	// The indexes say how much memory to ask for: they are proved before they are believed.
	want := f.IndexSHA256
	if from == 0 {
		want = f.SHA256
	}
	if sum := hexSum(src.held(from, f.Size-from)); sum != want {
		return nil, fmt.Errorf("bytes from %d on have hash %s, the commit says %s", from, sum, want)
	}
	return openSource(src)
}

func hexSum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// openSource opens the file behind src. The library trusts what a file says of itself more than we do, so a panic in
// it is a damaged file, not the end of the process.
func openSource(src *source) (b *block, err error) {
	defer recoverDamage(&err)
	file, err := parquet.OpenFile(src, src.size,
		parquet.SkipMagicBytes(true), parquet.SkipBloomFilters(true), parquet.ReadBufferSize(readAhead))
	if err != nil {
		return nil, err
	}
	if n := len(file.RowGroups()); n != 1 {
		return nil, fmt.Errorf("want one row group, found %d", n)
	}
	b = &block{src: src, meta: &file.Metadata().RowGroups[0], rows: file.NumRows()}
	return b, b.mapColumns(file)
}

// mapColumns finds our columns in the file. One that the file lacks is younger than the file and empty; one that we do
// not know is of a younger Keytrail, and leaving out what it holds would be a silent loss.
func (b *block) mapColumns(file *parquet.File) error {
	b.chunks = make([]parquet.ColumnChunk, len(schema.Columns()))
	b.columns = make([]*format.ColumnMetaData, len(b.chunks))
	chunks := file.RowGroups()[0].ColumnChunks()
	for i, path := range file.Schema().Columns() {
		want, ok := schema.Lookup(path...)
		if !ok {
			return fmt.Errorf("column %q is not known to this version", strings.Join(path, "."))
		}
		got, _ := file.Schema().Lookup(path...)
		if got.Node.Type().Kind() != want.Node.Type().Kind() || got.MaxDefinitionLevel != want.MaxDefinitionLevel {
			return fmt.Errorf("column %q has another type than this version writes", strings.Join(path, "."))
		}
		md := &b.meta.Columns[i].MetaData
		if len(path) == 1 && want.MaxDefinitionLevel == 1 && md.Statistics.NullCount == b.rows {
			continue // no row has a value: as if the column were not there, and not a byte is read of it
		}
		b.chunks[want.ColumnIndex], b.columns[want.ColumnIndex] = chunks[i], md
	}
	for i := range columns {
		if c := &columns[i]; c.required() && b.chunks[c.leaf] == nil {
			return fmt.Errorf("column %q is missing", c.name)
		}
	}
	if b.chunks[attrsKeyLeaf] == nil || b.chunks[attrsValueLeaf] == nil {
		return fmt.Errorf("column %q is missing", colAttrs)
	}
	return nil
}

func recoverDamage(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("damaged file: %v", p)
	}
}

// fetch brings the pages of the given leaves that hold the rows, and their dictionaries, in few requests.
func (b *block) fetch(leaves []int, rows []run) error {
	var want []extent
	for _, leaf := range leaves {
		if b.chunks[leaf] == nil {
			continue
		}
		md := b.columns[leaf]
		if md.DictionaryPageOffset > 0 {
			want = append(want, b.src.page(md.DictionaryPageOffset, md.DataPageOffset-md.DictionaryPageOffset))
		}
		oi, err := b.chunks[leaf].OffsetIndex()
		if err != nil {
			return err
		}
		for p := range oi.NumPages() {
			if first, end := b.pageRows(oi, p); overlap(rows, first, end) {
				want = append(want, b.src.page(oi.Offset(p), oi.CompressedPageSize(p)))
			}
		}
	}
	return b.src.fetch(want)
}

// pageRows returns the rows [first, end) of page p.
func (b *block) pageRows(oi parquet.OffsetIndex, p int) (first, end int64) {
	end = b.rows
	if p+1 < oi.NumPages() {
		end = oi.FirstRowIndex(p + 1)
	}
	return oi.FirstRowIndex(p), end
}

// condition is what a column's value must be for a row to match.
type condition struct {
	column string
	match  func(parquet.Value) bool
	within func(lo, hi parquet.Value) bool // whether a page with these bounds can hold a match
}

// narrow returns the part of rows that meets c, reading only pages whose bounds allow it.
func (b *block) narrow(rows []run, c condition) (out []run, err error) {
	leaf := columnNames[c.column].leaf
	if b.chunks[leaf] == nil {
		return nil, nil
	}
	candidates, err := b.candidates(rows, leaf, c)
	if err != nil || len(candidates) == 0 {
		return nil, err
	}
	if err := b.fetch([]int{leaf}, candidates); err != nil {
		return nil, err
	}
	cur := newCursor(b.chunks[leaf], false)
	defer func() { err = errors.Join(err, cur.close()) }()
	for at, err := range cur.rows(candidates) {
		if err != nil {
			return nil, err
		}
		v, err := cur.next()
		if err != nil {
			return nil, fmt.Errorf("column %s, row %d: %w", c.column, at, err)
		}
		if c.match(v) {
			out = appendRow(out, at)
		}
	}
	return out, nil
}

// candidates cuts rows down to the pages that can hold a match.
func (b *block) candidates(rows []run, leaf int, c condition) ([]run, error) {
	ci, err := b.chunks[leaf].ColumnIndex()
	if err != nil {
		return nil, err
	}
	oi, err := b.chunks[leaf].OffsetIndex()
	if err != nil {
		return nil, err
	}
	var out []run
	for p := range ci.NumPages() {
		if ci.NullPage(p) || !c.within(ci.MinValue(p), ci.MaxValue(p)) {
			continue
		}
		first, end := b.pageRows(oi, p)
		out = appendOverlap(out, rows, first, end)
	}
	return out, nil
}
