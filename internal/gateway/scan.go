package gateway

import "bytes"

// scan returns the end of the value that begins at i. It follows brackets and strings only, and gives up where the
// text cannot be JSON: a line break in a string, a bracket that closes another, an object where a name must stand,
// nesting beyond MaxDepth, a value beyond MaxRecordBytes. Giving up early is what keeps a broken record from
// swallowing those after it, and the two limits bound how often a byte is scanned.
func scan(b []byte, i int) (end int, ok bool) {
	var stack [MaxDepth + 1]byte
	depth, last := 0, byte(0) // last is the last byte that is neither blank nor within a string
	stop := min(len(b), i+MaxRecordBytes+1)
	for ; i < stop; i++ {
		c := b[i]
		switch class[c] {
		case plain:
			last = c
		case blank:
		case quote:
			if i, ok = skipString(b, i, stop); !ok {
				return i, false
			}
			last = c
		case opening:
			if depth == MaxDepth || depth > 0 && !mayOpen(last, stack[depth]) {
				return i, false
			}
			depth++
			stack[depth] = c + 2 // the closing bracket
			last = c
		case closing:
			if depth == 0 || stack[depth] != c {
				return i, false
			}
			last = c
			if depth--; depth == 0 {
				return i + 1, true
			}
		}
		if depth == 0 {
			return i, false
		}
	}
	return stop, false
}

// mayOpen reports whether a value can begin behind last, in the object or array that closing will close.
func mayOpen(last, closing byte) bool {
	return last == ':' || closing == ']' && (last == '[' || last == ',')
}

const (
	plain = iota
	blank
	quote
	opening
	closing
)

var class = [256]byte{' ': blank, '\t': blank, '\r': blank, '\n': blank, '"': quote, '{': opening, '[': opening,
	'}': closing, ']': closing}

// skipString returns the index of the closing quote.
func skipString(b []byte, i, stop int) (int, bool) {
	for i++; i < stop; i++ {
		c := b[i]
		if c > '\\' || c != '"' && c != '\\' && c != '\n' {
			continue
		}
		switch c {
		case '"':
			return i, true
		case '\n':
			return i, false
		}
		if i++; i < stop && b[i] == '\n' { // a backslash escapes the next byte, but never the end of a line
			return i, false
		}
	}
	return stop, false
}

// resume returns where, at or after i, the next element of an array can be told to begin: behind a comma or on a
// new line, an opening brace with a name behind it. Without one it is the array's end, or the
// body's.
func resume(b []byte, i int) int {
	for i < len(b) {
		n := bytes.IndexByte(b[i:], '{')
		if n < 0 {
			break
		}
		at := i + n
		if name := skipBlank(b, at+1); name < len(b) && b[name] == '"' && separates(b, at) {
			return at
		}
		i = at + 1
	}
	if end := bytes.LastIndexByte(b, ']'); end >= i && skipBlank(b, end+1) == len(b) {
		return end
	}
	return len(b)
}

// separates reports whether what stands before an opening brace parts two elements.
func separates(b []byte, at int) bool {
	comma := false
	for at--; at >= 0; at-- {
		switch b[at] {
		case ' ', '\t', '\r':
		case '\n':
			return true
		case ',':
			if comma {
				return false
			}
			comma = true
		default:
			return comma
		}
	}
	return false
}
