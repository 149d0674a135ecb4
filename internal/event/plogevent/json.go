package plogevent

import (
	"math"
	"strings"
	"sync"

	"github.com/valyala/fastjson"
	"go.opentelemetry.io/collector/pdata/pcommon"
)

// parsers are pooled; one that a huge text has blown up is left to the collector.
var parsers sync.Pool

const maxPooledText = 64 << 10

// setJSON writes the value of a JSON text into dst: objects as maps, with their members in order, and whole numbers as
// integers. Text that is not JSON is kept as the text it is.
func setJSON(dst pcommon.Value, text string) {
	p, _ := parsers.Get().(*fastjson.Parser)
	if p == nil {
		p = new(fastjson.Parser)
	}
	if v, err := p.Parse(text); err != nil || !setParsed(dst, v) {
		dst.SetStr(text)
	}
	if len(text) <= maxPooledText {
		parsers.Put(p)
	}
}

// setParsed copies v, which shares its strings with the parser. It reports false for a number that is none.
func setParsed(dst pcommon.Value, v *fastjson.Value) bool {
	switch v.Type() {
	case fastjson.TypeObject:
		return setObject(dst.SetEmptyMap(), v.GetObject())
	case fastjson.TypeArray:
		list := v.GetArray()
		s := dst.SetEmptySlice()
		s.EnsureCapacity(len(list))
		for _, e := range list {
			if !setParsed(s.AppendEmpty(), e) {
				return false
			}
		}
	case fastjson.TypeString:
		dst.SetStr(owned(v.GetStringBytes()))
	case fastjson.TypeTrue, fastjson.TypeFalse:
		dst.SetBool(v.GetBool())
	case fastjson.TypeNumber:
		return setNumber(dst, v)
	}
	return true
}

func setObject(m pcommon.Map, o *fastjson.Object) bool {
	m.EnsureCapacity(o.Len())
	ok := true
	o.Visit(func(key []byte, v *fastjson.Value) {
		ok = ok && setParsed(m.PutEmpty(owned(key)), v)
	})
	return ok
}

func setNumber(dst pcommon.Value, v *fastjson.Value) bool {
	if i, err := v.Int64(); err == nil {
		dst.SetInt(i)
		return true
	}
	f, err := v.Float64()
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		return false
	}
	dst.SetDouble(f)
	return true
}

// owned also makes valid UTF-8 of what an escape of half a character leaves.
func owned(b []byte) string { return strings.ToValidUTF8(string(b), "\ufffd") }
