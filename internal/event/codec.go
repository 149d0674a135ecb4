package event

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// encodingVersion is the first byte of every encoded record. Journals outlive a process: a reader refuses a
// version it does not know, and a change of layout takes a new number.
const encodingVersion = 1

// Bounds of what Decode allocates for; a record that passed the receiver is far below them.
const (
	maxDecodedAttrs = 1 << 14
	maxDecodedList  = 1 << 16
)

var errCorrupt = errors.New("event: corrupt encoding")

// Append appends the versioned byte form of r to b.
//
//	version u8 | time i64 | observed i64 | name str | severity varint | trace 16 | span 8 |
//	ring str, epoch varint, check str | classes list | resource attrs | attrs
//
// where str = uvarint length + bytes, list = uvarint count + str…, attrs = uvarint count + (key str, kind u8, value)….
func (r *Record) Append(b []byte) []byte {
	b = append(b, encodingVersion)
	b = binary.BigEndian.AppendUint64(b, uint64(r.Time))
	b = binary.BigEndian.AppendUint64(b, uint64(r.Observed))
	b = appendStr(b, r.Name)
	b = binary.AppendVarint(b, int64(r.Severity))
	b = append(b, r.TraceID[:]...)
	b = append(b, r.SpanID[:]...)
	b = appendStr(b, r.Scope.Ring)
	b = binary.AppendVarint(b, int64(r.Scope.Epoch))
	b = appendStr(b, r.Scope.Check)
	b = appendList(b, r.Classes)
	b = appendAttrs(b, r.Resource)
	return appendAttrs(b, r.Attrs)
}

// Decode reads one record written by Append into r, replacing what it held. Strings are copied out of b.
func (r *Record) Decode(b []byte) error {
	r.Reset()
	d := decoder{b: b}
	if v := d.byte(); v != encodingVersion {
		if d.failed {
			return errCorrupt
		}
		return fmt.Errorf("event: encoding version %d is not known, want %d", v, encodingVersion)
	}
	r.Time = int64(d.uint64())
	r.Observed = int64(d.uint64())
	r.Name = d.str()
	r.Severity = int32(d.varint())
	copy(r.TraceID[:], d.take(16))
	copy(r.SpanID[:], d.take(8))
	r.Scope.Ring = d.str()
	r.Scope.Epoch = int(d.varint())
	r.Scope.Check = d.str()
	r.Classes = d.list(r.Classes)
	r.Resource = d.attrs(r.Resource)
	r.Attrs = d.attrs(r.Attrs)
	if d.failed || len(d.b) != 0 {
		return errCorrupt
	}
	return nil
}

func appendStr(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

func appendList(b []byte, l []string) []byte {
	b = binary.AppendUvarint(b, uint64(len(l)))
	for _, s := range l {
		b = appendStr(b, s)
	}
	return b
}

func appendAttrs(b []byte, a Attrs) []byte {
	b = binary.AppendUvarint(b, uint64(len(a)))
	for i := range a {
		b = appendStr(b, a[i].Key)
		b = a[i].Value.append(b)
	}
	return b
}

// append appends v's kind and content.
func (v *Value) append(b []byte) []byte {
	b = append(b, byte(v.kind))
	switch v.kind {
	case KindString, KindJSON:
		b = appendStr(b, v.str)
	case KindInt, KindDouble, KindBool:
		b = binary.BigEndian.AppendUint64(b, v.num)
	case KindStrings:
		b = appendList(b, v.list)
	}
	return b
}

type decoder struct {
	b      []byte
	failed bool
}

func (d *decoder) take(n int) []byte {
	if n < 0 || n > len(d.b) {
		d.failed, d.b = true, nil
		return make([]byte, min(max(n, 0), 16))
	}
	t := d.b[:n]
	d.b = d.b[n:]
	return t
}

func (d *decoder) byte() byte {
	return d.take(1)[0]
}

func (d *decoder) uint64() uint64 { return binary.BigEndian.Uint64(d.take(8)) }

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.b)
	d.skip(n)
	return v
}

func (d *decoder) uvarint(limit int) int {
	v, n := binary.Uvarint(d.b)
	d.skip(n)
	if v > uint64(limit) {
		d.failed, d.b = true, nil
		return 0
	}
	return int(v)
}

func (d *decoder) skip(n int) {
	if n <= 0 {
		d.failed, d.b = true, nil
		return
	}
	d.b = d.b[n:]
}

func (d *decoder) bytes() []byte {
	n := d.uvarint(len(d.b))
	if d.failed {
		return nil
	}
	return d.take(n)
}

func (d *decoder) str() string { return string(d.bytes()) }

// key avoids a copy for the names that almost every event carries.
func (d *decoder) key() string {
	b := d.bytes()
	if s, ok := known[string(b)]; ok {
		return s
	}
	return string(b)
}

func (d *decoder) list(into []string) []string {
	n := d.uvarint(maxDecodedList)
	for i := 0; i < n && !d.failed; i++ {
		into = append(into, d.str())
	}
	return into
}

func (d *decoder) attrs(into Attrs) Attrs {
	n := d.uvarint(maxDecodedAttrs)
	for i := 0; i < n && !d.failed; i++ {
		k := d.key()
		into = append(into, Attr{k, d.value()})
	}
	return into
}

func (d *decoder) value() Value {
	v := Value{kind: Kind(d.byte())}
	switch v.kind {
	case KindEmpty:
	case KindString, KindJSON:
		v.str = d.str()
	case KindInt, KindDouble, KindBool:
		v.num = d.uint64()
	case KindStrings:
		v.list = d.list(nil)
	default:
		d.failed = true
	}
	return v
}
