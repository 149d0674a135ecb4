package archive

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"

	"github.com/keytrail/keytrail/internal/event"
)

// decoder turns runs of rows of a block back into hits.
type decoder struct {
	block   *block
	columns []*column
	cursors []*cursor // as columns; nil where the file has no such column
	keys    *cursor   // the map, nil where no key of it is wanted
	values  *cursor
	wanted  map[string]bool // nil is all
}

// newDecoder reads the frame of every row and the wanted attributes; nil is all of them.
func newDecoder(b *block, wanted map[string]bool) *decoder {
	d := &decoder{block: b, wanted: wanted}
	inMap := wanted == nil
	for k := range wanted {
		inMap = inMap || !hasColumn(k)
	}
	for i := range columns {
		c := &columns[i]
		if wanted != nil && c.place != inFrame && !wanted[c.key] {
			continue
		}
		d.columns = append(d.columns, c)
		d.cursors = append(d.cursors, b.cursor(c))
	}
	// The map is read for the frame's sake too: a row under a further fingerprint has its primary one there.
	if inMap || wanted[event.KeyFingerprint] {
		d.keys = newCursor(b.chunks[attrsKeyLeaf], true)
		d.values = newCursor(b.chunks[attrsValueLeaf], false)
	}
	return d
}

func hasColumn(key string) bool {
	return key == event.KeyFingerprint || key == event.KeyEventID || attrColumns[key] != nil || resourceColumns[key] != nil
}

func (b *block) cursor(c *column) *cursor {
	chunk := b.chunks[c.leaf]
	if chunk == nil {
		return nil
	}
	return newCursor(chunk, c.layout == dict)
}

func (d *decoder) close() (err error) {
	for _, c := range d.cursors {
		err = errors.Join(err, c.close())
	}
	if d.keys != nil {
		err = errors.Join(err, d.keys.close(), d.values.close())
	}
	return err
}

// fetch brings what the decoder will read of the rows.
func (d *decoder) fetch(rows []run) error {
	var leaves []int
	for _, c := range d.columns {
		leaves = append(leaves, c.leaf)
	}
	if d.keys != nil {
		leaves = append(leaves, attrsKeyLeaf, attrsValueLeaf)
	}
	return d.block.fetch(leaves, rows)
}

// readSafely is read for bytes that may be damaged.
func (d *decoder) readSafely(rows []run) (hits []Hit, err error) {
	defer recoverDamage(&err)
	return d.read(rows)
}

// usualAttrs is what most events hold without growing.
const usualAttrs = 32

// read decodes the rows of the runs column by column.
func (d *decoder) read(rows []run) ([]Hit, error) {
	hits := make([]Hit, count(rows))
	if d.wanted == nil {
		for i := range hits {
			hits[i].Record.Attrs = make(event.Attrs, 0, usualAttrs)
		}
	}
	for i, c := range d.columns {
		cur := d.cursors[i]
		if cur == nil {
			continue // a file older than the column
		}
		r := 0
		for at, err := range cur.rows(rows) {
			if err != nil {
				return nil, fmt.Errorf("column %s, row %d: %w", c.name, at, err)
			}
			v, err := cur.next()
			if err != nil {
				return nil, fmt.Errorf("column %s, row %d: %w", c.name, at, err)
			}
			if !v.IsNull() {
				c.restore(&hits[r], cur, v)
			}
			r++
		}
	}
	if d.keys == nil {
		return hits, nil
	}
	return hits, d.maps(hits, rows)
}

func (d *decoder) maps(hits []Hit, rows []run) error {
	r := 0
	for at, err := range d.keys.rows(rows) {
		if err == nil {
			err = d.values.to(at)
		}
		if err == nil {
			err = d.mapRow(&hits[r])
		}
		if err != nil {
			return fmt.Errorf("column %s, row %d: %w", colAttrs, at, err)
		}
		r++
	}
	return nil
}

// mapRow reads the entries of one row: up to the next value that begins a row, or the end.
func (d *decoder) mapRow(h *Hit) error {
	for first := true; ; first = false {
		k, err := d.keys.peek()
		if !first && (errors.Is(err, io.EOF) || err == nil && k.RepetitionLevel() == 0) {
			return nil
		}
		if err != nil {
			return err
		}
		d.keys.at++
		v, err := d.values.next()
		if err != nil {
			return err
		}
		if k.IsNull() {
			continue
		}
		p, key := splitMapKey(d.keys.text(k))
		if d.wanted != nil && !d.wanted[key] {
			continue
		}
		attrsOf(h, p).Add(key, event.ParseJSON(string(v.ByteArray())))
	}
}

func attrsOf(h *Hit, p place) *event.Attrs {
	if p == inResource {
		return &h.Record.Resource
	}
	return &h.Record.Attrs
}

// restore puts a column's value back where it came from.
func (c *column) restore(h *Hit, cur *cursor, v parquet.Value) {
	switch {
	case c.place == inFrame:
		c.restoreFrame(h, cur, v)
	case c.kind == event.KindInt:
		attrsOf(h, c.place).Add(c.key, event.Int(v.Int64()))
	case c.kind == event.KindDouble:
		attrsOf(h, c.place).Add(c.key, event.Double(v.Double()))
	case c.kind == event.KindStrings:
		attrsOf(h, c.place).Add(c.key, event.Strings([]string{cur.text(v)}))
	default:
		attrsOf(h, c.place).Add(c.key, event.String(cur.text(v)))
	}
}

func (c *column) restoreFrame(h *Hit, cur *cursor, v parquet.Value) {
	r := &h.Record
	switch c.name {
	case colFingerprint:
		h.Fingerprint = cur.text(v)
	case colTime:
		r.Time += v.Int64() * 1000
	case colTimeNs:
		r.Time += int64(v.Int32())
	case colPrimary:
		if h.Primary = v.Boolean(); h.Primary && h.Fingerprint != "" {
			r.Attrs.Add(event.KeyFingerprint, event.String(h.Fingerprint))
		}
	case colEventID:
		if id := cur.text(v); id != "" {
			r.Attrs.Add(event.KeyEventID, event.String(id))
		}
	case colObserved:
		r.Observed += v.Int64() * 1000
	case colObservedNs:
		r.Observed += int64(v.Int32())
	case colName:
		r.Name = cur.text(v)
	case colSeverity:
		r.Severity = v.Int32()
	case colTraceID:
		_, _ = hex.Decode(r.TraceID[:], fixed(v.ByteArray(), 32))
	case colSpanID:
		_, _ = hex.Decode(r.SpanID[:], fixed(v.ByteArray(), 16))
	case colRing:
		r.Scope.Ring = cur.text(v)
	case colEpoch:
		r.Scope.Epoch = int(v.Int32())
	case colCheck:
		r.Scope.Check = cur.text(v)
	}
}

// fixed cuts what a damaged file could hold down to what fits; Decode stops at what is not hexadecimal.
func fixed(b []byte, n int) []byte { return b[:min(len(b), n)] }
