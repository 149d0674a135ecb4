package event

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Kind is the type of a Value. The numbers are part of the journal's encoding: append, never reorder.
type Kind uint8

// The kinds of values an event can hold.
const (
	KindEmpty Kind = iota
	KindString
	KindInt
	KindDouble
	KindBool
	KindStrings
	KindJSON // a nested map, list or byte string of another producer, kept as its JSON text
)

// Value is one attribute value. The zero Value is empty.
type Value struct {
	kind Kind
	num  uint64
	str  string
	list []string
}

// String makes a string value.
func String(s string) Value { return Value{kind: KindString, str: s} }

// Int makes an integer value.
func Int(i int64) Value { return Value{kind: KindInt, num: uint64(i)} }

// Double makes a floating-point value.
func Double(f float64) Value { return Value{kind: KindDouble, num: math.Float64bits(f)} }

// Bool makes a boolean value.
func Bool(b bool) Value {
	if b {
		return Value{kind: KindBool, num: 1}
	}
	return Value{kind: KindBool}
}

// Strings makes a list of strings; the list is not copied.
func Strings(list []string) Value { return Value{kind: KindStrings, list: list} }

// JSON makes a value from JSON text that no other kind can hold.
func JSON(text string) Value { return Value{kind: KindJSON, str: text} }

// Kind says which of the kinds v is.
func (v Value) Kind() Kind { return v.kind }

// Str returns the text of a string or JSON value, else "".
func (v Value) Str() string { return v.str }

// Int returns an integer value, or a double cut to one, else 0.
func (v Value) Int() int64 {
	switch v.kind {
	case KindInt:
		return int64(v.num)
	case KindDouble:
		return int64(math.Float64frombits(v.num))
	}
	return 0
}

// Double returns a numeric value as a double, else 0.
func (v Value) Double() float64 {
	switch v.kind {
	case KindInt:
		return float64(int64(v.num))
	case KindDouble:
		return math.Float64frombits(v.num)
	}
	return 0
}

// Bool returns a boolean value, else false.
func (v Value) Bool() bool { return v.kind == KindBool && v.num == 1 }

// Strings returns a list value; a string is a list of one.
func (v Value) Strings() []string {
	if v.kind == KindString {
		return []string{v.str}
	}
	return v.list
}

// Equal compares kind and content.
func (v Value) Equal(w Value) bool {
	return v.kind == w.kind && v.num == w.num && v.str == w.str && slices.Equal(v.list, w.list)
}

// Text renders v for people: a string as it is, a list joined with ", ", anything else as its JSON.
func (v Value) Text() string {
	switch v.kind {
	case KindString, KindJSON:
		return v.str
	case KindStrings:
		return strings.Join(v.list, ", ")
	}
	return string(v.AppendJSON(nil))
}

// AppendJSON appends v as JSON. A double keeps a fraction or an exponent, so that ParseJSON gives its kind back.
func (v Value) AppendJSON(b []byte) []byte {
	switch v.kind {
	case KindString:
		return appendJSONString(b, v.str)
	case KindInt:
		return strconv.AppendInt(b, int64(v.num), 10)
	case KindDouble:
		return appendJSONDouble(b, math.Float64frombits(v.num))
	case KindBool:
		return strconv.AppendBool(b, v.num == 1)
	case KindStrings:
		b = append(b, '[')
		for i, s := range v.list {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSONString(b, s)
		}
		return append(b, ']')
	case KindJSON:
		return append(b, v.str...)
	}
	return append(b, "null"...)
}

// ParseJSON is the inverse of AppendJSON: every kind comes back as it was. Text that is not JSON becomes a string.
func ParseJSON(s string) Value {
	if s == "" || s == "null" {
		return Value{}
	}
	switch s[0] {
	case '"':
		var t string
		if json.Unmarshal([]byte(s), &t) == nil {
			return String(t)
		}
	case 't', 'f':
		if b, err := strconv.ParseBool(s); err == nil {
			return Bool(b)
		}
	case '[':
		var l []string
		if json.Unmarshal([]byte(s), &l) == nil {
			return Strings(l)
		}
		return JSON(s)
	case '{':
		return JSON(s)
	default:
		if i, err := strconv.ParseInt(s, 10, 64); err == nil {
			return Int(i)
		}
		if f, err := strconv.ParseFloat(s, 64); err == nil {
			return Double(f)
		}
	}
	return String(s)
}

func appendJSONString(b []byte, s string) []byte {
	plain := true
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < 0x20 || c >= 0x7f || c == '"' || c == '\\' {
			plain = false
			break
		}
	}
	if plain {
		b = append(b, '"')
		b = append(b, s...)
		return append(b, '"')
	}
	var sb strings.Builder
	enc := json.NewEncoder(&sb)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string always encodes
	return append(b, strings.TrimSuffix(sb.String(), "\n")...)
}

func appendJSONDouble(b []byte, f float64) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return appendJSONString(b, strconv.FormatFloat(f, 'g', -1, 64))
	}
	n := len(b)
	b = strconv.AppendFloat(b, f, 'g', -1, 64)
	if !strings.ContainsAny(string(b[n:]), ".e") {
		b = append(b, ".0"...)
	}
	return b
}
