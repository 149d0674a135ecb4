package secret

import "strings"

// byteClass is what a byte may be a sign of; the classes of a whole string tell which finders must run on it.
type byteClass uint16

const (
	isControl byteClass = 1 << iota // C0 and DEL
	isHigh                          // not ASCII
	isEscape                        // begins an escape: percent, backslash
	isEqual
	isColon
	isQuote
	begins // of two bytes: a shape may begin with them
	goesOn // of two bytes: they may be the second and third of a shape
	isName // may stand in a name
	isRun  // base64, base64url or hexadecimal
	isWord // letter or digit
	isVeil // may be part of a sign that something was left out, as ***, ..., xxx and sha256: are
	isLast // as the last of three bytes, gives a plus or a slash in base64

	// inText are the classes that scan finds.
	inText = begins - 1
)

var class = func() (t [256]byteClass) {
	for c := range 256 {
		b := byte(c)
		switch {
		case b < 0x20 || b == 0x7f:
			t[c] = isControl
		case b >= 0x80:
			t[c] = isHigh | isVeil | isLast
		case alnum(b):
			t[c] = isName | isRun | isWord
		}
	}
	for set, c := range map[string]byteClass{
		"_-.[]": isName, "_-+/": isRun, `%\`: isEscape, "=": isEqual, ":": isColon, `"`: isQuote,
		"*.:[xX": isVeil, ">?~\x7f": isLast,
	} {
		for i := range len(set) {
			t[set[i]] |= c
		}
	}
	return t
}()

// pairs holds what two bytes in a row say: the classes of both, and whether they can be the first two letters of a
// shape, or its second and third. A text is read two bytes at a time, so that of a shape either the one pair is met or
// the other.
var pairs = func() (t [1 << 16]uint8) {
	for first := range 256 {
		for second := range 256 {
			t[pair(byte(first), byte(second))] = uint8((class[first] | class[second]) & inText)
		}
	}
	for _, s := range shapeBegins() {
		t[pair(s[0], s[1])] |= uint8(begins)
		t[pair(s[1], s[2])] |= uint8(goesOn)
	}
	return t
}()

func pair(first, second byte) uint16 { return uint16(first) | uint16(second)<<8 }

// triples holds the first three letters of every shape by their low five bits, which tells all letters apart.
var triples = func() (t [1 << 15 / 64]uint64) {
	for _, s := range shapeBegins() {
		n := triple(s[0], s[1], s[2])
		t[n/64] |= 1 << (n % 64)
	}
	return t
}()

func triple(a, b, c byte) uint { return uint(a&31)<<10 | uint(b&31)<<5 | uint(c&31) }

// shapeBegins are the first three letters of every shape.
func shapeBegins() []string {
	list := []string{"eyJ", "eyA", "ewo", "---", "bot"}
	for i := range formats {
		prefix := formats[i].prefix
		if len(prefix) > 2 {
			list = append(list, prefix)
			continue
		}
		for c := range 256 { // a prefix of two letters: anything may follow
			list = append(list, prefix+string([]byte{byte(c)}))
		}
	}
	for i := range webhooks {
		list = append(list, webhooks[i].lead)
	}
	for _, word := range []string{"bea", "bas"} { // of Bearer and Basic, which are found in either case
		for upper := range 1 << len(word) {
			spelled := []byte(word)
			for i := range spelled {
				if upper>>i&1 == 1 {
					spelled[i] -= 'a' - 'A'
				}
			}
			list = append(list, string(spelled))
		}
	}
	return list
}

// hit is one match by shape: s[start:end] is the secret.
type hit struct {
	start, end int
	rule       string
	format     *tokenFormat // nil for formats with a matcher of their own
	weak       bool         // a word in prose rather than a token format: removed, not fingerprinted
}

// scan goes once over s, appends what it matches by shape to hits and returns the classes of all bytes.
func scan(s string, hits []hit) (byteClass, []hit) {
	i, seen := skip(s, 0)
	for i < len(s)-1 {
		v := pairs[pair(s[i], s[i+1])]
		if v&uint8(begins|goesOn) != 0 && shapeNear(s, i, v) {
			return match(s, i, seen, hits)
		}
		n, more := skip(s, i+2)
		i, seen = n, seen|v|more
	}
	if i < len(s) {
		seen |= uint8(class[s[i]] & inText)
	}
	return byteClass(seen) & inText, hits
}

// skip goes from s[i] over what is no shape's beginning, which is most of most texts, and returns the classes of that.
func skip(s string, i int) (next int, seen uint8) {
	for i = max(i, 0); i < len(s)-3; i += 4 {
		v := pairs[pair(s[i], s[i+1])] | pairs[pair(s[i+2], s[i+3])]
		if v&uint8(begins|goesOn) != 0 {
			break
		}
		seen |= v
	}
	return i, seen
}

// shapeNear reports whether the pair at s[i] belongs to the first three letters of a shape, v being what pairs says.
func shapeNear(s string, i int, v uint8) bool {
	return v&uint8(goesOn) != 0 && i > 0 && shapeAt(s, i-1) || v&uint8(begins) != 0 && shapeAt(s, i)
}

func shapeAt(s string, i int) bool {
	if i < 0 || i >= len(s)-2 {
		return false
	}
	n := triple(s[i], s[i+1], s[i+2])
	return triples[n/64]>>(n%64)&1 != 0
}

// match is scan from where a shape may begin.
func match(s string, i int, seen uint8, hits []hit) (byteClass, []hit) {
	var m matcher
	m.s, m.hits = s, hits
	for i < len(s)-1 {
		v := pairs[pair(s[i], s[i+1])]
		seen |= v
		if v&uint8(begins|goesOn) != 0 && shapeNear(s, i, v) && (m.try(i-1) || m.try(i)) {
			i = m.free
		} else {
			i += 2
		}
		n, more := skip(s, i)
		i, seen = n, seen|more
	}
	if i < len(s) {
		seen |= uint8(class[s[i]] & inText)
	}
	return byteClass(seen) & inText, m.hits
}

// matcher is the slow part of match.
type matcher struct {
	s     string
	hits  []hit
	free  int // nothing inside a token can begin another finding: the last one ends here
	noJWT int // no JWT begins before this index: the run of letters there was read to its end once
}

// try looks for a shape at s[i], and reports whether it found a token, so that the text goes on behind it.
func (m *matcher) try(i int) bool {
	if i < m.free || !shapeAt(m.s, i) {
		return false
	}
	if m.s[i] == 'e' && i < m.noJWT && !strings.HasPrefix(m.s[i:], jwtAlgorithm) {
		return false
	}
	h, ok := matchShape(m.s, i)
	if !ok {
		if h.rule == formatJWT {
			m.noJWT = h.end
		}
		return false
	}
	m.hits = append(m.hits, h)
	if h.weak {
		return false
	}
	m.free = h.end
	return true
}

// matchShape tries every shape that can begin at s[i].
func matchShape(s string, i int) (hit, bool) {
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
