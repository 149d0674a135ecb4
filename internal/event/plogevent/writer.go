package plogevent

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/keytrail/keytrail/internal/event"
)

// Writer writes many records, as Write does for one. pdata looks for an earlier value at every Put, which for the
// fifty attributes of an event costs more than their values; but the records of one source have mostly the same keys
// in the same order, and a map copied from one of these keys needs no look. The zero Writer is ready; it is for one
// goroutine.
type Writer struct {
	shapes map[uint64]pcommon.Map
}

const (
	// maxShapes is how many lists of keys a Writer remembers: a gateway's records differ by the headers that its
	// callers' programs send. A caller who invents header names makes it begin anew, which costs a copy of the keys.
	maxShapes = 32

	// maxShapeKeys keeps a record with hundreds of headers from being remembered.
	maxShapeKeys = 128

	// addedLater is how many attributes an event usually gets after it was written: its owner, the owner's source and
	// the token's state. Without room for them the first doubles the memory of all.
	addedLater = 8
)

// Write fills lr from r, as the function of that name.
func (w *Writer) Write(r *event.Record, lr plog.LogRecord) {
	writeFixed(r, lr)
	m := lr.Attributes()
	if !w.writeKeys(r.Attrs, m) {
		WriteAttrs(r.Attrs, m)
		return
	}
	i := 0
	for _, v := range m.All() {
		setValue(v, &r.Attrs[i].Value)
		i++
	}
}

// writeKeys fills m with the keys of attrs in their order. It reports false where that cannot be: one stands twice.
func (w *Writer) writeKeys(attrs event.Attrs, m pcommon.Map) bool {
	if len(attrs) == 0 || len(attrs) > maxShapeKeys {
		return false
	}
	sum := sumKeys(attrs)
	shape, known := w.shapes[sum]
	if !known || !hasKeys(shape, attrs) {
		shape = newShape(attrs)
		w.remember(sum, shape)
	}
	if shape.Len() != len(attrs) {
		return false
	}
	m.EnsureCapacity(len(attrs) + addedLater)
	shape.CopyTo(m)
	return true
}

func (w *Writer) remember(sum uint64, shape pcommon.Map) {
	if w.shapes == nil {
		w.shapes = make(map[uint64]pcommon.Map)
	}
	if len(w.shapes) >= maxShapes {
		clear(w.shapes)
	}
	w.shapes[sum] = shape
}

func newShape(attrs event.Attrs) pcommon.Map {
	m := pcommon.NewMap()
	m.EnsureCapacity(len(attrs))
	for i := range attrs {
		m.PutEmpty(attrs[i].Key)
	}
	return m
}

// sumKeys tells most lists of keys apart by the lengths and the ends of the keys: it need not be right, only cheap.
func sumKeys(attrs event.Attrs) uint64 {
	sum := uint64(len(attrs))
	for i := range attrs {
		k := attrs[i].Key
		sum = (sum ^ uint64(len(k))) * sumPrime
		if k != "" {
			sum ^= uint64(k[len(k)-1])
		}
	}
	return sum
}

// sumPrime is the multiplier of FNV-1a.
const sumPrime = 1099511628211

func hasKeys(shape pcommon.Map, attrs event.Attrs) bool {
	if shape.Len() != len(attrs) {
		return false
	}
	i := 0
	for k := range shape.All() {
		if k != attrs[i].Key {
			return false
		}
		i++
	}
	return true
}
