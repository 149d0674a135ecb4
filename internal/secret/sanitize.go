package secret

import (
	"strings"
	"unicode/utf8"

	"github.com/keytrail/keytrail/internal/secret/search"
)

const hexDigits = "0123456789abcdef"

// clean makes control characters, direction marks and invalid bytes visible, and cuts what is too long.
func (p *Pass) clean(s string) (string, bool) {
	first := firstUnclean(s)
	if first < 0 && len(s) <= maxText {
		return s, false
	}
	p.sanitized = true
	if first >= 0 {
		s = visible(s, first)
	}
	return cutText(s, maxText), true
}

// firstUnclean returns the index of the first byte that must not be stored as it is, or -1.
func firstUnclean(s string) int {
	for i := 0; i < len(s); i++ {
		switch c := class[s[i]]; {
		case c&isControl != 0:
			return i
		case c&isHigh != 0:
			return firstUncleanRune(s, i)
		}
	}
	return -1
}

func firstUncleanRune(s string, i int) int {
	for i < len(s) {
		r, size := utf8.DecodeRuneInString(s[i:])
		if size == 1 && (r == utf8.RuneError || class[s[i]]&isControl != 0) || hidden(r) {
			return i
		}
		i += size
	}
	return -1
}

// hidden reports whether r changes how other text is shown: C1 controls, direction marks, line separators.
func hidden(r rune) bool {
	switch {
	case r < 0x80:
		return false
	case r <= 0x9f, r == 0x061c, r == 0x200e, r == 0x200f, r == 0x2028, r == 0x2029:
		return true
	}
	return 0x202a <= r && r <= 0x202e || 0x2066 <= r && r <= 0x2069
}

func visible(s string, first int) string {
	var b strings.Builder
	b.Grow(len(s) + 32)
	b.WriteString(s[:first])
	for i := first; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case size == 1 && (r == utf8.RuneError || class[s[i]]&isControl != 0):
			b.WriteString(`\x`)
			b.WriteByte(hexDigits[s[i]>>4])
			b.WriteByte(hexDigits[s[i]&15])
		case hidden(r):
			b.WriteString(`\u{`)
			writeHex(&b, r)
			b.WriteByte('}')
		default:
			b.WriteString(s[i : i+size])
		}
		i += size
	}
	return b.String()
}

func writeHex(b *strings.Builder, r rune) {
	started := false
	for shift := 20; shift >= 0; shift -= 4 {
		d := r >> shift & 15
		if d != 0 || started || shift == 0 {
			b.WriteByte(hexDigits[d])
			started = true
		}
	}
}

// cutText cuts s to at most limit bytes, at a whole rune and never inside a replacement.
func cutText(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	if at := strings.LastIndex(s[:limit], placeholderPrefix); at >= 0 && limit-at < len(placeholderPrefix)+search.LongestRule+2 {
		if end := strings.IndexByte(s[at:], ']'); end >= 0 && at+end >= limit {
			limit = at
		}
	}
	return s[:limit]
}
