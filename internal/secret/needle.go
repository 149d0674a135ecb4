package secret

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
)

// needles are the exact values in the forms that cannot be decoded without knowing where they begin. They are made when
// the first text shows up that could hold one, which in most requests is never.
type needles struct {
	list  []string
	count int  // values already turned into needles
	short int  // no needle is shorter
	signs bool // a needle may hold other than letters and digits
}

// expect says that v will be a needle.
func (n *needles) expect(v string) {
	// The least letters of base64 that can show it; hexadecimal takes more.
	if short := len(v)*8/6 - 2; n.short == 0 || short < n.short {
		n.short = short
	}
	n.signs = n.signs || hasSigns(v)
}

// hasSigns reports whether base64 of v can hold a plus or a slash: only the last of three bytes gives one, and of ASCII
// only four bytes do.
func hasSigns(v string) bool {
	for i := 0; i < len(v); i++ {
		if class[v[i]]&isLast != 0 {
			return true
		}
	}
	return false
}

// fit reports whether a run is such that one of the needles may be in it.
func (n *needles) fit(run string) bool {
	if len(run) < n.short {
		return false
	}
	if n.signs {
		return true
	}
	_, _, ok := stretch(run, 0, n.short, isWord)
	return ok
}

// in reports whether one of the needles is in run.
func (n *needles) in(run string, values []exactValue) bool {
	if !n.fit(run) {
		return false
	}
	for _, v := range values[n.count:] {
		n.add(v.reveal())
	}
	n.count = len(values)
	for _, needle := range n.list {
		if strings.Contains(run, needle) {
			return true
		}
	}
	return false
}

// reset forgets the needles, not what they are like.
func (n *needles) reset() {
	clear(n.list)
	n.list, n.count = n.list[:0], 0
}

// add makes the encoded forms of a value: hexadecimal in both cases, and base64 in both alphabets at the three offsets
// at which a text can stand inside a longer one.
func (n *needles) add(value string) {
	text := []byte(value)
	lowerHex := hex.EncodeToString(text)
	n.list = append(n.list, lowerHex)
	if upperHex := strings.ToUpper(lowerHex); upperHex != lowerHex {
		n.list = append(n.list, upperHex)
	}
	for shift := range 3 {
		std := inner64(base64.RawStdEncoding, text, shift)
		n.list = append(n.list, std)
		if strings.ContainsAny(std, "+/") {
			n.list = append(n.list, inner64(base64.RawURLEncoding, text, shift))
		}
	}
}

// inner64 encodes text behind shift other bytes and keeps the letters that depend on text alone.
func inner64(enc *base64.Encoding, text []byte, shift int) string {
	padded := append(make([]byte, shift, shift+len(text)), text...)
	full := enc.EncodeToString(padded)
	from := (shift*8 + 5) / 6
	to := len(padded) * 8 / 6
	return full[from:to]
}
