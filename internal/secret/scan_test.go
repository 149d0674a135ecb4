package secret

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestShapesAreFoundAtEveryOffset: a text is read two bytes at a time, and four where nothing begins. Where a token
// stands in it, and what stands before, must not matter.
func TestShapesAreFoundAtEveryOffset(t *testing.T) {
	d := newDice(60)
	for _, smp := range append(plantedTokens(d), sample{"webhook", "/services/T1234567/B1234567/" + d.base62(24)}) {
		_, alone := scan(smp.token, nil)
		if len(alone) == 0 {
			continue // of no shape
		}
		for _, lead := range []string{" ", "bea ", "/se ", "gh ", "é "} {
			for n := range 9 {
				before := strings.Repeat(".", n) + lead
				_, hits := scan(before+smp.token, nil)
				if assert.NotEmpty(t, hits, "%s behind %q", smp.name, before) {
					assert.Equal(t, alone[0].start+len(before), hits[0].start, smp.name)
					assert.Equal(t, alone[0].rule, hits[0].rule)
				}
			}
		}
	}
}

// TestEveryByteIsSeen: the class of each byte counts, wherever it stands.
func TestEveryByteIsSeen(t *testing.T) {
	for _, c := range []byte("\x00\x7f\x80%\\=:\"") {
		for length := range 12 {
			for at := range length {
				text := []byte(strings.Repeat("a", length))
				text[at] = c
				seen, hits := scan(string(text), nil)
				assert.Equal(t, class[c]&inText, seen, "%q", text)
				assert.Empty(t, hits)
			}
		}
	}
}

// TestStretch compares with the plain way to find runs.
func TestStretch(t *testing.T) {
	plain := func(s string, from, least int) (int, int, bool) {
		for start := from; start < len(s); start++ {
			end := start
			for end < len(s) && class[s[end]]&isRun != 0 {
				end++
			}
			if end-start >= least {
				return start, end, true
			}
			start = end
		}
		return 0, 0, false
	}
	d := newDice(61)
	for range 20_000 {
		text, least := d.letters("aaaaaaaaaaaaaa..", d.IntN(60)), 1+d.IntN(20)
		for from := 0; ; {
			wantStart, wantEnd, want := plain(text, from, least)
			start, end, ok := stretch(text, from, least, isRun)
			if !assert.Equal(t, []any{wantStart, wantEnd, want}, []any{start, end, ok}, "%q from %d, %d", text, from, least) {
				return
			}
			if !ok {
				break
			}
			from = end
		}
	}
}

// TestSignsOfBase64 pins why most runs need no needle: what hasSigns says no of is letters and digits in base64, at
// every offset.
func TestSignsOfBase64(t *testing.T) {
	for a := range 256 {
		for b := range 256 {
			text := []byte{byte(a), byte(b), byte(a)}
			if hasSigns(string(text)) {
				continue
			}
			for shift := range 3 {
				inner := inner64(base64.RawStdEncoding, text, shift)
				if strings.ContainsAny(inner, "+/") {
					t.Fatalf("%q shifted by %d gives %s", text, shift, inner)
				}
			}
		}
	}
	assert.True(t, hasSigns("a>"))
	assert.False(t, hasSigns("Canary_-.+/=:"))
}
