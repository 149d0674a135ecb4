package archive

import (
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"

	"github.com/keytrail/keytrail/internal/event"
)

const (
	// pageBytes is small: a search for one token reads a page or two of each column.
	pageBytes = 32 << 10
	// batchRows are given to a column at once. A page ends only between batches, so it is what a page can be too long by.
	batchRows = 64
	// boundBytes keeps a whole fingerprint or id in the page index; the library's default would cut it at 16.
	boundBytes = 64
)

// Attributes that share the map with the event's own: those of the resource get a prefix, and an attribute whose key
// begins like one of the prefixes gets the other, so that no key an event can carry is taken for something else.
const (
	resourcePrefix = "resource:"
	escapePrefix   = "attr:"
)

func mapKey(p place, key string) string {
	switch {
	case p == inResource:
		return resourcePrefix + key
	case strings.HasPrefix(key, resourcePrefix), strings.HasPrefix(key, escapePrefix):
		return escapePrefix + key
	}
	return key
}

func splitMapKey(k string) (place, string) {
	if rest, ok := strings.CutPrefix(k, resourcePrefix); ok {
		return inResource, rest
	}
	return inAttrs, strings.TrimPrefix(k, escapePrefix)
}

// encoder writes rows, given in sort order, as one Parquet file. Rows gather in batches, column by column; in a batch
// every value is null until a row sets it, so that a row costs what it holds and not what it might.
type encoder struct {
	writer  *parquet.GenericWriter[any]
	columns []*parquet.ColumnWriter // by leaf
	batch   [][]parquet.Value       // by leaf: one value a row, but for the map
	keys    []parquet.Value         // the batch's map
	values  []parquet.Value
	at      int    // the current row in the batch
	text    []byte // holds the bytes of the batch's values
}

// compression is shared by all files: its encoders have megabytes of tables, and are kept for the next file.
var compression = &zstd.Codec{Level: zstd.SpeedDefault}

// newEncoder starts a file that goes to out, by way of buffers of the pool. A bloom filter is made for the columns that
// have any value: an empty one would take the room of a full one.
func newEncoder(out io.Writer, pool parquet.BufferPool, has func(*column) bool) *encoder {
	e := &encoder{batch: make([][]parquet.Value, len(schema.Columns()))}
	for i := range columns {
		e.batch[columns[i].leaf] = make([]parquet.Value, batchRows)
	}
	e.clear()
	var blooms []parquet.BloomFilterColumn
	for i := range columns {
		if c := &columns[i]; c.bloom && has(c) {
			blooms = append(blooms, parquet.SplitBlockFilter(bloomBits, c.name))
		}
	}
	e.writer = parquet.NewGenericWriter[any](out, schema,
		parquet.Compression(compression),
		parquet.DataPageVersion(1), // with PLAIN text: what the oldest readers in use can open
		parquet.PageBufferSize(pageBytes),
		parquet.MaxRowsPerRowGroup(1<<40), // one row group: one probe and one index for each file
		parquet.ColumnIndexSizeLimit(func([]string) int { return boundBytes }),
		parquet.SkipPageBounds(colEventID), parquet.SkipPageBounds(colSpanID), // random: no page could be ruled out
		parquet.SkipPageBounds(columnName(event.KeyRequestKey)),
		parquet.SkipPageBounds(colAttrs, "key_value", "key"), parquet.SkipPageBounds(colAttrs, "key_value", "value"),
		parquet.SortingWriterConfig(parquet.SortingColumns(
			parquet.Ascending(colFingerprint), parquet.Ascending(colTime),
			parquet.Ascending(colTimeNs), parquet.Ascending(colEventID))),
		parquet.BloomFilters(blooms...),
		parquet.ColumnPageBuffers(pool),
		parquet.DeferBloomFiltersWithBuffers(pool), // beside the footer, for one read of all of them
		parquet.KeyValueMetadata("keytrail.sort", sortOrder),
		parquet.KeyValueMetadata("keytrail.version", "1"),
		parquet.CreatedBy("keytrail", "1", ""), // no version of ours: the same rows give the same bytes
	)
	e.columns = e.writer.ColumnWriters()
	return e
}

// row is one row to write: a record under one of its fingerprints.
type row struct {
	fingerprint string
	primary     bool
	record      *event.Record
}

func (e *encoder) add(r row) error {
	first := len(e.keys)
	e.frame(r)
	for i := range r.record.Resource {
		e.attr(inResource, resourceColumns, &r.record.Resource[i])
	}
	for i := range r.record.Attrs {
		if a := &r.record.Attrs[i]; !inRow(a, r) {
			e.attr(inAttrs, attrColumns, a)
		}
	}
	if len(e.keys) == first { // a map without an entry
		e.keys = append(e.keys, parquet.Value{}.Level(0, 0, attrsKeyLeaf))
		e.values = append(e.values, parquet.Value{}.Level(0, 0, attrsValueLeaf))
	}
	e.keys[first].SetRepetitionLevel(0) // what separates rows
	e.values[first].SetRepetitionLevel(0)
	if e.at++; e.at == batchRows {
		return e.flush()
	}
	return nil
}

// inRow reports whether the frame already says what the attribute says.
func inRow(a *event.Attr, r row) bool {
	switch a.Key {
	case event.KeyFingerprint:
		return r.primary && r.fingerprint != "" && a.Value.Equal(event.String(r.fingerprint))
	case event.KeyEventID:
		id := stringAttr(r.record, event.KeyEventID)
		return id != "" && a.Value.Equal(event.String(id))
	}
	return false
}

// stringAttr is the attribute under key if it is a string; JSON text of another kind of value is not.
func stringAttr(r *event.Record, key string) string {
	if v, ok := r.Attrs.Get(key); ok && v.Kind() == event.KindString {
		return v.Str()
	}
	return ""
}

func (e *encoder) frame(r row) {
	rec := r.record
	micros := floorDiv(rec.Time, 1000)
	observed := floorDiv(rec.Observed, 1000)
	e.set(frames.fingerprint, e.str(r.fingerprint))
	e.set(frames.time, parquet.Int64Value(micros))
	e.set(frames.timeNs, parquet.Int32Value(int32(rec.Time-micros*1000)))
	e.set(frames.primary, parquet.BooleanValue(r.primary))
	e.set(frames.eventID, e.str(stringAttr(rec, event.KeyEventID)))
	e.set(frames.observed, parquet.Int64Value(observed))
	e.set(frames.observedNs, parquet.Int32Value(int32(rec.Observed-observed*1000)))
	e.set(frames.name, e.str(rec.Name))
	e.set(frames.severity, parquet.Int32Value(rec.Severity))
	if rec.TraceID != [16]byte{} {
		e.set(frames.traceID, e.hex(rec.TraceID[:]))
	}
	if rec.SpanID != [8]byte{} {
		e.set(frames.spanID, e.hex(rec.SpanID[:]))
	}
	if rec.Scope != (event.Scope{}) {
		e.set(frames.ring, e.str(rec.Scope.Ring))
		e.set(frames.epoch, parquet.Int32Value(int32(rec.Scope.Epoch)))
		e.set(frames.check, e.str(rec.Scope.Check))
	}
}

func (e *encoder) set(c *column, v parquet.Value) {
	e.batch[c.leaf][e.at] = v.Level(0, c.definition, c.leaf)
}

// attr puts an attribute into its column when it has one of its kind that is still free, else into the map.
func (e *encoder) attr(p place, cols map[string]*column, a *event.Attr) {
	if c := cols[a.Key]; c != nil && e.batch[c.leaf][e.at].IsNull() {
		if v, ok := e.value(c, a.Value); ok {
			e.set(c, v)
			return
		}
	}
	n := len(e.text)
	e.text = append(e.text, mapKey(p, a.Key)...)
	e.keys = append(e.keys, e.since(n).Level(1, 1, attrsKeyLeaf))
	n = len(e.text)
	e.text = a.Value.AppendJSON(e.text)
	e.values = append(e.values, e.since(n).Level(1, 1, attrsValueLeaf))
}

func (e *encoder) value(c *column, v event.Value) (parquet.Value, bool) {
	if v.Kind() != c.kind {
		return parquet.Value{}, false
	}
	switch c.kind {
	case event.KindInt:
		return parquet.Int64Value(v.Int()), true
	case event.KindDouble:
		return parquet.DoubleValue(v.Double()), true
	case event.KindString:
		return e.str(v.Str()), true
	case event.KindStrings:
		if l := v.Strings(); len(l) == 1 {
			return e.str(l[0]), true
		}
	}
	return parquet.Value{}, false
}

// str copies s into the batch's text. Text that grows moves; what was given out before keeps the old array.
func (e *encoder) str(s string) parquet.Value {
	n := len(e.text)
	e.text = append(e.text, s...)
	return e.since(n)
}

func (e *encoder) hex(b []byte) parquet.Value {
	n := len(e.text)
	e.text = hex.AppendEncode(e.text, b)
	return e.since(n)
}

func (e *encoder) since(n int) parquet.Value {
	return parquet.ByteArrayValue(e.text[n:len(e.text):len(e.text)])
}

func (e *encoder) flush() error {
	if e.at == 0 {
		return nil
	}
	for leaf, c := range e.columns {
		values := e.keys
		switch leaf {
		case attrsKeyLeaf:
		case attrsValueLeaf:
			values = e.values
		default:
			values = e.batch[leaf][:e.at]
		}
		if _, err := c.WriteRowValues(values); err != nil {
			return fmt.Errorf("block column %d: %w", leaf, err)
		}
	}
	e.clear()
	return nil
}

// clear begins a batch: every value null.
func (e *encoder) clear() {
	for i := range columns {
		copy(e.batch[columns[i].leaf], columns[i].nulls)
	}
	e.keys, e.values, e.text, e.at = e.keys[:0], e.values[:0], e.text[:0], 0
}

// finish completes the file.
func (e *encoder) finish() error {
	if err := e.flush(); err != nil {
		return err
	}
	if err := e.writer.Close(); err != nil {
		return fmt.Errorf("closing block: %w", err)
	}
	return nil
}
