package secret

import (
	"strings"
	"unicode/utf8"
)

// maxLayers is how many layers of escaping are taken off a text: a URL in a query in a JSON string in a log line has
// four. What is escaped more often than that no server of the path reads as a credential.
const maxLayers = 4

// layer is a text with one or more layers of escaping taken off, and where each of its bytes stood in the original.
type layer struct {
	text string
	at   []int32 // at[i] is the offset of text[i] in the original, at[len(text)] its length; nil where they agree
}

// original maps a span of the layer to the original text.
func (l *layer) original(start, end int) (int, int) {
	if l.at == nil {
		return start, end
	}
	return int(l.at[start]), int(l.at[end])
}

// unescape reads one escape at s[i] and returns what it stands for and its length; 0 where there is none.
// Percent-encoding, JSON's backslashes and the \x of access logs are read alike, because logs nest them freely.
func unescape(s string, i int) (r rune, isByte bool, size int) {
	switch s[i] {
	case '%':
		if i+2 < len(s) {
			if hi, lo := unhex(s[i+1]), unhex(s[i+2]); hi >= 0 && lo >= 0 {
				return rune(hi<<4 | lo), true, 3
			}
		}
	case '\\':
		return unescapeBackslash(s, i)
	}
	return 0, false, 0
}

func unescapeBackslash(s string, i int) (r rune, isByte bool, size int) {
	if i+1 >= len(s) {
		return 0, false, 0
	}
	switch s[i+1] {
	case '"', '\\', '/':
		return rune(s[i+1]), true, 2
	case 'n':
		return '\n', true, 2
	case 'r':
		return '\r', true, 2
	case 't':
		return '\t', true, 2
	case 'x':
		if i+3 < len(s) {
			if hi, lo := unhex(s[i+2]), unhex(s[i+3]); hi >= 0 && lo >= 0 {
				return rune(hi<<4 | lo), true, 4
			}
		}
	case 'u':
		if i+5 < len(s) {
			var v rune
			for _, c := range []byte(s[i+2 : i+6]) {
				d := unhex(c)
				if d < 0 {
					return 0, false, 0
				}
				v = v<<4 | rune(d)
			}
			return v, false, 6
		}
	}
	return 0, false, 0
}

// firstEscape returns the index of the first escape in s, or -1.
func firstEscape(s string) int {
	for i := 0; i < len(s); {
		j := strings.IndexAny(s[i:], `%\`)
		if j < 0 {
			return -1
		}
		if _, _, size := unescape(s, i+j); size > 0 {
			return i + j
		}
		i += j + 1
	}
	return -1
}

// decodeText takes one layer of escaping off; ok is false where there is none.
func decodeText(s string) (string, bool) {
	first := firstEscape(s)
	if first < 0 {
		return s, false
	}
	b := make([]byte, 0, len(s))
	b = append(b, s[:first]...)
	for i := first; i < len(s); {
		r, isByte, size := unescape(s, i)
		switch {
		case size == 0:
			b = append(b, s[i])
			size = 1
		case isByte:
			b = append(b, byte(r))
		default:
			b = utf8.AppendRune(b, r)
		}
		i += size
	}
	return string(b), true
}

// decodeOnce is decodeText for a caller that takes the text as it is where nothing is escaped.
func decodeOnce(s string) string {
	s, _ = decodeText(s)
	return s
}

// peel takes one more layer off l. The offsets are written to at, which is grown as needed.
func (l *layer) peel(at []int32) (layer, []int32, bool) {
	if firstEscape(l.text) < 0 {
		return layer{}, at, false
	}
	s := l.text
	at = at[:0]
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); {
		from := int32(i)
		if l.at != nil {
			from = l.at[i]
		}
		r, isByte, size := unescape(s, i)
		before := len(b)
		switch {
		case size == 0:
			b = append(b, s[i])
			size = 1
		case isByte:
			b = append(b, byte(r))
		default:
			b = utf8.AppendRune(b, r)
		}
		for range len(b) - before {
			at = append(at, from)
		}
		i += size
	}
	end := int32(len(s))
	if l.at != nil {
		end = l.at[len(s)]
	}
	at = append(at, end)
	return layer{text: string(b), at: at}, at, true
}
