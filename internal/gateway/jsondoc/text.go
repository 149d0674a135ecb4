package jsondoc

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// stops marks the bytes that end a run of plain ones within a string.
var stops = [256]bool{'"': true, '\\': true, '\n': true}

// str reads a string whose opening quote is next. Without an escape it is a part of the source; with one it is
// decoded into the document's second buffer. A line break within a string means that its closing quote is missing;
// other control bytes are taken as they are, and whoever stores the string makes them visible.
func (d *Doc) str() (string, error) {
	d.pos++
	start, i := d.pos, d.pos
	for i < len(d.src) && !stops[d.src[i]] {
		i++
	}
	if i < len(d.src) && d.src[i] == '"' {
		d.pos = i + 1
		return d.src[start:i], nil
	}
	return d.escaped(start, i)
}

// escaped reads the rest of a string whose plain beginning ends at i.
func (d *Doc) escaped(start, i int) (string, error) {
	if d.decoded.Cap() == 0 {
		d.decoded.Grow(len(d.src))
	}
	from := d.decoded.Len()
	for i < len(d.src) && d.src[i] != '\n' {
		d.decoded.WriteString(d.src[start:i])
		if d.src[i] == '"' {
			d.pos = i + 1
			return d.decoded.String()[from:], nil
		}
		n := d.escape(d.src[i+1:])
		if n == 0 {
			break
		}
		start = i + 1 + n
		for i = start; i < len(d.src) && !stops[d.src[i]]; {
			i++
		}
	}
	return "", ErrMalformed
}

var single = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// escape decodes the escape that follows a backslash and returns its length, 0 at the end of the text.
func (d *Doc) escape(s string) int {
	if s == "" {
		return 0
	}
	if c := single[s[0]]; c != 0 {
		d.decoded.WriteByte(c)
		return 1
	}
	switch s[0] {
	case 'u':
		if r, n := unicodeEscape(s); n > 0 {
			d.decoded.WriteRune(r)
			return n
		}
	case 'x': // nginx with escape=default
		if b, ok := hex(s, 1, 2); ok {
			d.repaired = true
			d.decoded.WriteByte(byte(b))
			return 3
		}
	}
	// Not an escape at all: keep the backslash, the character follows as it is.
	d.repaired = true
	d.decoded.WriteByte('\\')
	d.decoded.WriteByte(s[0])
	return 1
}

// unicodeEscape decodes uXXXX, and two of them where they are a surrogate pair.
func unicodeEscape(s string) (rune, int) {
	v, ok := hex(s, 1, 4)
	if !ok {
		return 0, 0
	}
	r := rune(v)
	if !utf16.IsSurrogate(r) {
		return r, 5
	}
	if len(s) >= 11 && s[5] == '\\' && s[6] == 'u' {
		if low, ok := hex(s, 7, 4); ok {
			if pair := utf16.DecodeRune(r, rune(low)); pair != utf8.RuneError {
				return pair, 11
			}
		}
	}
	return utf8.RuneError, 5
}

func hex(s string, from, n int) (uint64, bool) {
	if len(s) < from+n {
		return 0, false
	}
	v, err := strconv.ParseUint(s[from:from+n], 16, 32)
	return v, err == nil
}

// Unescape decodes the escapes of JSON and of nginx's log lines in a text without its quotes. What is no escape
// stays as it is.
func Unescape(s string) string {
	var d Doc
	for s != "" {
		i := strings.IndexByte(s, '\\')
		if i < 0 {
			i = len(s)
		}
		d.decoded.WriteString(s[:i])
		if s = s[i:]; s == "" {
			break
		}
		n := d.escape(s[1:])
		if n == 0 { // a backslash at the end
			d.decoded.WriteByte('\\')
		}
		s = s[1+n:]
	}
	return d.decoded.String()
}
