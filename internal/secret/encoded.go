package secret

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
)

const (
	// maxNested is how many layers of base64 or hexadecimal are taken off.
	maxNested = 2
	// shortestRun is the shortest run of base64 or hexadecimal letters that is decoded on suspicion: 16 letters of
	// base64 hold "user:password" and little that is shorter.
	shortestRun = 16
	// maxStarts bounds at how many slashes inside one run decoding is tried: a path before base64 shifts its start.
	maxStarts = 8
)

// needles are the exact values in the forms that cannot be decoded without knowing where they begin.
type needles struct {
	list  []string
	count int // values already turned into needles
	short int // no needle is shorter
}

// shortestEncoded is how few letters of base64 can show a value of n bytes, or the least so far; hexadecimal takes
// more.
func shortestEncoded(n, least int) int {
	short := n*8/6 - 2
	if least == 0 {
		return short
	}
	return min(short, least)
}

// reset forgets the needles, not how short they may be.
func (n *needles) reset() {
	clear(n.list)
	*n = needles{list: n.list[:0], short: n.short}
}

// prepare makes the encoded forms of values: hexadecimal in both cases, and base64 in both alphabets at the three
// offsets at which a text can stand inside a longer one.
func (n *needles) prepare(values []raw) {
	for _, v := range values[n.count:] {
		text := []byte(v.reveal())
		lowerHex := hex.EncodeToString(text)
		n.add(lowerHex)
		if upperHex := strings.ToUpper(lowerHex); upperHex != lowerHex {
			n.add(upperHex)
		}
		for shift := range 3 {
			std := inner64(base64.RawStdEncoding, text, shift)
			n.add(std)
			if strings.ContainsAny(std, "+/") {
				n.add(inner64(base64.RawURLEncoding, text, shift))
			}
		}
	}
	n.count = len(values)
}

func (n *needles) add(s string) {
	n.list = append(n.list, s)
}

// inner64 encodes text behind shift other bytes and keeps the letters that depend on text alone.
func inner64(enc *base64.Encoding, text []byte, shift int) string {
	padded := append(make([]byte, shift, shift+len(text)), text...)
	full := enc.EncodeToString(padded)
	from := (shift*8 + 5) / 6
	to := len(padded) * 8 / 6
	return full[from:to]
}

// findEncoded marks runs of base64 or hexadecimal letters that hold a credential: one of the values, or anything
// that the other finders know once the run is decoded.
func (p *Pass) findEncoded(l *layer, nested int, exact bool) {
	s := l.text
	least := shortestRun
	if exact {
		least = min(least, p.encoded.short)
	}
	for i := 0; i < len(s); {
		// A run of the length wanted has a letter at every multiple of that length: most of the text is not read.
		if class[s[i]]&isRun == 0 {
			i += least
			continue
		}
		start := i
		for start > 0 && class[s[start-1]]&isRun != 0 && i-start < least {
			start--
		}
		end := i + 1
		for end < len(s) && class[s[end]]&isRun != 0 {
			end++
		}
		if end-start >= least {
			p.findInRun(l, start, end, nested, exact)
		}
		i = end + 1
	}
}

func (p *Pass) findInRun(l *layer, start, end, nested int, exact bool) {
	run := l.text[start:end]
	if exact && len(run) >= p.encoded.short {
		p.encoded.prepare(p.values)
		for _, needle := range p.encoded.list {
			if strings.Contains(run, needle) {
				p.finder.markText(l, start, end, "encoded")
				return
			}
		}
	}
	if nested >= maxNested || len(run) < shortestRun {
		return
	}
	for tries := 0; tries < maxStarts; tries++ {
		if text, ok := decodeRun(run); ok && p.holdsCredential(text, nested+1, exact) {
			p.finder.markText(l, end-len(run), end, "encoded")
			return
		}
		slash := strings.IndexByte(run, '/')
		if slash < 0 || len(run)-slash-1 < shortestRun {
			return
		}
		run = run[slash+1:]
	}
}

// decodeRun decodes a run that looks like text; the first letters tell, so a digest or an id costs next to nothing.
func decodeRun(run string) (string, bool) {
	if text, ok := decodeHex(run); ok {
		return text, true
	}
	// The first of four letters is the top of a byte, and text has none with the highest bit set.
	if !textLead[run[0]] || !textLead[run[4]] || !textLead[run[8]] {
		return "", false
	}
	enc := base64.RawStdEncoding
	if strings.ContainsAny(run, "-_") {
		enc = base64.RawURLEncoding
	}
	var head [9]byte
	if n, err := enc.Decode(head[:], []byte(run[:12])); err != nil || !mostlyText(head[:n]) {
		return "", false
	}
	run = run[:len(run)-(len(run)&3)%4]
	b, err := enc.DecodeString(run)
	if err != nil || !mostlyText(b) {
		return "", false
	}
	return string(b), true
}

// textLead holds the letters with which base64 begins a byte of text.
var textLead = func() (t [256]bool) {
	for _, c := range []byte("CDIJKLMNOPQRSTUVWXYZabcdef") {
		t[c] = true
	}
	return t
}()

// hexLead holds the first digits of a byte of text.
func hexLead(c byte) bool { return c == '0' || '2' <= c && c <= '7' }

func decodeHex(run string) (string, bool) {
	if len(run)%2 != 0 || !hexLead(run[0]) || !hexLead(run[2]) || !hexLead(run[4]) || !hexLead(run[6]) {
		return "", false
	}
	var head [4]byte
	if _, err := hex.Decode(head[:], []byte(run[:8])); err != nil || !mostlyText(head[:]) {
		return "", false
	}
	b, err := hex.DecodeString(run)
	if err != nil || !mostlyText(b) {
		return "", false
	}
	return string(b), true
}

// mostlyText reports whether b reads as text: no byte outside ASCII but the usual white space.
func mostlyText(b []byte) bool {
	for _, c := range b {
		if c >= 0x7f || c < 0x20 && c != '\n' && c != '\r' && c != '\t' {
			return false
		}
	}
	return true
}

// holdsCredential runs the finders on a decoded text without keeping their spans.
func (p *Pass) holdsCredential(text string, nested int, exact bool) bool {
	before := len(p.finder.spans)
	l := layer{text: text}
	p.findLayers(&l, layerOptions{exact: exact, nested: nested})
	found := len(p.finder.spans) > before
	p.finder.spans = p.finder.spans[:before]
	return found
}
