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

// findEncoded marks runs of base64 or hexadecimal letters that hold a credential: one of the values, or anything
// that the other finders know once the run is decoded.
func (p *Pass) findEncoded(l *layer, o within) {
	least := shortestRun
	if o.exact {
		least = min(least, p.encoded.short)
	}
	for i := 0; ; {
		start, end, ok := stretch(l.text, i, least, isRun)
		if !ok {
			return
		}
		p.findInRun(l, start, end, o)
		i = end
	}
}

// stretch returns the next run of at least so many bytes of a class. Such a run covers the last byte of every window of
// that length inside it: windows are judged from their end, so that most bytes of other text are not read.
func stretch(s string, from, least int, of byteClass) (start, end int, ok bool) {
	for start = from; start+least <= len(s); {
		i := start + least - 1
		for i >= start && class[s[i]]&of != 0 {
			i--
		}
		if i >= start {
			start = i + 1
			continue
		}
		for end = start + least; end < len(s) && class[s[end]]&of != 0; {
			end++
		}
		return start, end, true
	}
	return 0, 0, false
}

func (p *Pass) findInRun(l *layer, start, end int, o within) {
	run := l.text[start:end]
	if o.exact && p.encoded.in(run, p.values) {
		p.finder.markText(l, start, end, "encoded")
		return
	}
	if o.nested >= maxNested || len(run) < shortestRun {
		return
	}
	for tries := 0; tries < maxStarts; tries++ {
		if text, ok := decodeRun(run); ok && p.holdsCredential(text, o) {
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
	if strings.IndexByte(run, '-') >= 0 || strings.IndexByte(run, '_') >= 0 {
		enc = base64.RawURLEncoding
	}
	var head [9]byte
	if n, err := enc.Decode(head[:], []byte(run[:12])); err != nil || !mostlyText(head[:n]) {
		return "", false
	}
	if len(run)&3 == 1 {
		run = run[:len(run)-1]
	}
	b, err := enc.DecodeString(run)
	if whole := len(b) / 3 * 3; err == nil && !mostlyText(b[whole:]) {
		b = b[:whole] // letters of what follows
	}
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
func (p *Pass) holdsCredential(text string, o within) bool {
	before := len(p.finder.spans)
	l := layer{text: text}
	o.nested++
	p.findLayers(&l, layerOptions{within: o, search: o.ruled})
	found := len(p.finder.spans) > before
	p.finder.spans = p.finder.spans[:before]
	return found
}
