package secret

import (
	"slices"
	"strings"
)

// span is a part of the original text to be replaced.
type span struct {
	start, end int
	rule       string
	scalar     bool   // an unquoted JSON value: becomes null, so that the text stays JSON
	with       string // instead of [REDACTED:<rule>]
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

// apply replaces the spans, and counts them. Where two overlap, the one that begins first names the rule for both.
func (p *Pass) apply(s string, field FieldKind) string {
	f := &p.finder
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
			sp.join(&f.spans[i])
		}
		b.WriteString(s[from:sp.start])
		b.WriteString(sp.text())
		p.count(sp.rule, field, ResultRedacted)
		from = sp.end
	}
	b.WriteString(s[from:])
	return b.String()
}

// join makes sp cover next too, which begins inside it.
func (sp *span) join(next *span) {
	if sp.end < next.end {
		sp.with = "" // what stands for a part does not stand for the whole
	}
	sp.end = max(sp.end, next.end)
	sp.scalar = sp.scalar && next.scalar
	if sp.rule == ruleValue {
		sp.rule, sp.with = next.rule, "" // how it was found by itself says more
	}
}

// text is what is put in place of the span.
func (sp *span) text() string {
	switch {
	case sp.scalar:
		return "null"
	case sp.with != "":
		return sp.with
	}
	return replacement(sp.rule)
}
