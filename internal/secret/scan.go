package secret

import "strings"

// byteClass is what a byte may be a sign of; the classes of a whole string tell which finders must run on it.
type byteClass uint16

const (
	isControl byteClass = 1 << iota // C0 and DEL
	isHigh                          // not ASCII
	isName                          // may stand in a name
	isPercent
	isBackslash
	isEqual
	isColon
	isQuote
	isAt
	isQuestion
	isRun // base64, base64url or hexadecimal
)

// encodedHints are the classes that make it worth taking a layer off.
const encodedHints = isPercent | isBackslash

var class = func() (t [256]byteClass) {
	for c := range 256 {
		b := byte(c)
		switch {
		case b < 0x20 || b == 0x7f:
			t[c] = isControl
		case b >= 0x80:
			t[c] = isHigh
		case alnum(b):
			t[c] = isName | isRun
		}
	}
	for _, c := range []byte("_-.[]") {
		t[c] |= isName
	}
	for _, c := range []byte("_-+/") {
		t[c] |= isRun
	}
	t['%'] |= isPercent
	t['\\'] |= isBackslash
	t['='] |= isEqual
	t[':'] |= isColon
	t['"'] |= isQuote
	t['@'] |= isAt
	t['?'] |= isQuestion
	return t
}()

// Triggers are the first three letters of every format. Sixteen groups of them are tested with three table look-ups,
// so that ordinary text seldom reaches a matcher.
var lead1, lead2, lead3 = leads()

// wordTriggers begin what the table of formats does not hold; either case.
var wordTriggers = []string{"bea", "bas", "bot", "eyj", "eya", "ewo", "---", "/se", "/we", "/wo", "/tr", "/in", "/ho", "/wi", "/ap"}

func leads() (one, two, three *[256]uint16) {
	one, two, three = new([256]uint16), new([256]uint16), new([256]uint16)
	mark := func(p string, group uint16) {
		for len(p) < 3 {
			for c := range 256 { // a prefix of two letters: anything may follow
				three[c] |= group
			}
			p += "\x00"
		}
		one[p[0]] |= group
		two[p[1]] |= group
		three[p[2]] |= group
	}
	for i := range formats {
		p := formats[i].prefix
		mark(p, groupOf(p[0]))
	}
	for i, w := range wordTriggers {
		g := uint16(1) << (13 + i%3)
		mark(w, g)
		upper := []byte(w)
		for j := range upper {
			if 'a' <= upper[j] && upper[j] <= 'z' {
				upper[j] -= 'a' - 'A'
			}
		}
		mark(string(upper), g)
	}
	return one, two, three
}

// groupOf spreads first letters over the thirteen groups of the table.
func groupOf(first byte) uint16 { return 1 << (uint(first) * 7 % 13) }

// hit is one match by shape: s[start:end] is the secret.
type hit struct {
	start, end int
	rule       string
	format     *tokenFormat // nil for formats with a matcher of their own
	weak       bool         // a word in prose rather than a token format: removed, not fingerprinted
}

// scan goes once over s, appends what it matches by shape to hits and returns the classes of all bytes.
func scan(s string, hits []hit) (byteClass, []hit) {
	var seen byteClass
	n := len(s)
	noJWT := 0 // no JWT begins before this index: the run of letters there was read to its end once
	for i := 0; i < n; i++ {
		c := s[i]
		seen |= class[c]
		if lead1[c] == 0 || i+2 >= n {
			continue
		}
		if g := lead1[c] & lead2[s[i+1]]; g == 0 || g&lead3[s[i+2]] == 0 {
			continue
		}
		if c == 'e' && i < noJWT && !strings.HasPrefix(s[i:], jwtAlgorithm) {
			continue
		}
		h, ok := match(s, i)
		if !ok {
			if h.rule == formatJWT {
				noJWT = h.end
			}
			continue
		}
		hits = append(hits, h)
		if !h.weak {
			i = h.end - 1 // nothing inside a token can begin another finding
		}
	}
	return seen, hits
}

// match tries every shape that can begin at s[i].
func match(s string, i int) (hit, bool) {
	if f, end := matchTable(s, i); f != nil {
		return hit{start: i, end: end, rule: f.name, format: f}, true
	}
	switch s[i] {
	case 'e':
		return matchJWT(s, i)
	case '-':
		return matchPEM(s, i)
	case 'b', 'B':
		if h, ok := matchTelegram(s, i); ok {
			return h, true
		}
		return matchScheme(s, i)
	case '/':
		return matchWebhook(s, i)
	}
	return hit{}, false
}

// firstFormat returns the first token format in s.
func firstFormat(s string) (start, end int, found bool) {
	var buf [4]hit
	_, hits := scan(s, buf[:0])
	for _, h := range hits {
		if !h.weak {
			return h.start, h.end, true
		}
	}
	return 0, 0, false
}
