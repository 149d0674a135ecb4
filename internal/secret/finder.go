package secret

import (
	"slices"
	"strings"
)

// span is a part of the original text to be replaced.
type span struct {
	start, end int
	rule       string
	scalar     bool // an unquoted JSON value: becomes null, so that the text stays JSON
}

// finder collects the spans of one string. Its memory is used again for the next.
type finder struct {
	hits  []hit
	spans []span
	at    [maxLayers][]int32
	rules *rules // of the source
}

func (f *finder) reset() {
	clear(f.hits[:cap(f.hits)])
	f.hits = f.hits[:0]
	clear(f.spans[:cap(f.spans)])
	f.spans = f.spans[:0]
}

// markText marks l.text[start:end], unless a replacement stands there already.
func (f *finder) markText(l *layer, start, end int, rule string) {
	if start >= end || placeholder(l.text[start:end]) {
		return
	}
	a, b := l.original(start, end)
	f.spans = append(f.spans, span{start: a, end: b, rule: rule})
}

func (f *finder) markScalar(l *layer, start, end int, rule string) {
	a, b := l.original(start, end)
	f.spans = append(f.spans, span{start: a, end: b, rule: rule, scalar: true})
}

// ruleValue is the rule of what is only known because it was presented elsewhere in the request.
const ruleValue = "credential"

// findValues marks each exact value that was found in this request.
func (f *finder) findValues(l *layer, values []exactValue) {
	for n := range values {
		needle := values[n].reveal()
		if len(l.text) < len(needle) || strings.IndexByte(l.text, values[n].rare) < 0 {
			continue
		}
		for i := 0; len(l.text)-i >= len(needle); {
			j := strings.Index(l.text[i:], needle)
			if j < 0 {
				break
			}
			f.markText(l, i+j, i+j+len(needle), ruleValue)
			i += j + len(needle)
		}
	}
}

// apply replaces the spans. Where two overlap, the one that begins first names the rule for both.
func (f *finder) apply(s string) string {
	slices.SortFunc(f.spans, func(a, b span) int {
		if a.start != b.start {
			return a.start - b.start
		}
		if a.end != b.end {
			return b.end - a.end
		}
		return strings.Compare(a.rule, b.rule)
	})
	var b strings.Builder
	b.Grow(len(s) + 16*min(len(f.spans), 64))
	from := 0
	for i := 0; i < len(f.spans); {
		sp := f.spans[i]
		for i++; i < len(f.spans) && f.spans[i].start < sp.end; i++ {
			sp.end = max(sp.end, f.spans[i].end)
			sp.scalar = sp.scalar && f.spans[i].scalar
			if sp.rule == ruleValue {
				sp.rule = f.spans[i].rule // how it was found by itself says more
			}
		}
		b.WriteString(s[from:sp.start])
		if sp.scalar {
			b.WriteString("null")
		} else {
			b.WriteString(replacement(sp.rule))
		}
		from = sp.end
	}
	b.WriteString(s[from:])
	return b.String()
}
