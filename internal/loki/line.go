package loki

import (
	"cmp"
	"strings"
	"time"
	"unicode"

	"github.com/keytrail/keytrail/internal/event"
)

// maxLineBytes keeps the line one that a person reads; Loki would take 256 KiB.
const maxLineBytes = 1 << 10

// Line is the sentence people read: `GET /v1/orders/{id} 403 12ms`, or of an alert what it explains.
func Line(r *event.Record) string {
	if r.Name == event.NameAnomaly {
		return line("alert", r.Attrs.Str(event.KeyAlertDetector), r.Attrs.Str(event.KeyAlertSeverity), r.Attrs.Str(event.KeyAlertState),
			r.Attrs.Str(event.KeyAlertExplanation))
	}
	status, took := "-", ""
	if v, ok := r.Attrs.Get(event.KeyStatus); ok {
		status = v.Text()
	}
	if v, ok := r.Attrs.Get(event.KeyDuration); ok {
		took = duration(v.Double())
	}
	route := cmp.Or(r.Attrs.Str(event.KeyRoute), r.Attrs.Str(event.KeyTemplate), r.Attrs.Str(event.KeyPath), "-")
	return line(cmp.Or(r.Attrs.Str(event.KeyMethod), "-"), route, status, took)
}

// line joins words, one space between them. Text was made visible when it entered; a control character that came
// another way becomes a question mark, so that a line stays one line.
func line(words ...string) string {
	var b strings.Builder
	for _, w := range words {
		if w == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(w)
	}
	s := strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029' {
			return '?'
		}
		return r
	}, b.String())
	if len(s) > maxLineBytes {
		s = strings.ToValidUTF8(s[:maxLineBytes], "") + "…"
	}
	return s
}

// duration shows three figures at most: 12ms, 1.24s, 380µs.
func duration(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	switch {
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d >= time.Millisecond:
		return d.Round(time.Millisecond).String()
	}
	return d.Round(time.Microsecond).String()
}
