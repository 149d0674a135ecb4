package apilogreceiver

import (
	"context"
	"slices"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/secret"
	"github.com/keytrail/keytrail/receiver/apilogreceiver/internal/metadata"
)

// labelOther stands for a value outside the closed set of a label.
const (
	labelOther = "other"
	labelNone  = "none"
)

// schemes is the closed set of the scheme label: a caller may invent a scheme, but not a series.
var schemes = []string{
	"bearer", "basic", "api_key", "token", "digest", "sigv4", "mtls", "cookie", "gateway", labelNone, labelOther,
}

// tally counts one body. It reaches the counters once the next consumer took the events, so that a body that is
// sent again because it was refused is counted once.
type tally struct {
	report      report
	reasons     map[string]int64
	formats     map[string]int64
	schemes     map[string]int64
	redacted    int64
	dropped     int64
	failed      int64
	outOfBounds int64
	oversized   int64
	skipped     int64
}

func (t *tally) reset() {
	clear(t.reasons)
	clear(t.formats)
	clear(t.schemes)
	*t = tally{reasons: t.reasons, formats: t.formats, schemes: t.schemes}
}

func (t *tally) reject(index int, reason string) {
	t.report.Rejected++
	if len(t.report.Errors) < maxReported {
		t.report.Errors = append(t.report.Errors, rejection{index, reason})
	}
	count(&t.reasons, reason)
}

func (t *tally) accept(r *event.Record, out secret.Outcome) {
	t.report.Accepted++
	t.redacted += int64(out.Redacted)
	t.dropped += int64(out.Dropped)
	if out.Failed {
		t.failed++
	}
	count(&t.formats, r.Attrs.Str(event.KeyFormat))
	scheme := r.Attrs.Str(event.KeyTokenScheme)
	switch {
	case scheme == "":
		scheme = labelNone
	case !slices.Contains(schemes, scheme):
		scheme = labelOther
	}
	count(&t.schemes, scheme)
}

func count(m *map[string]int64, key string) {
	if *m == nil {
		*m = make(map[string]int64)
	}
	(*m)[key]++
}

// meters are the counters of the receiver.
type meters struct {
	tb *metadata.TelemetryBuilder
}

// limit counts one bite of a limit.
func (m *meters) limit(name string) {
	m.tb.ReceiverAPILogLimitHits.Add(context.Background(), 1,
		metric.WithAttributeSet(attribute.NewSet(attribute.String("limit", name))))
}

// body counts what a tally holds.
func (m *meters) body(ctx context.Context, l labels, t *tally) {
	for reason, n := range t.reasons {
		m.tb.ReceiverAPILogRejectedRecords.Add(ctx, n, l.reason(reason))
	}
	for format, n := range t.formats {
		set, ok := l.formats[format]
		if !ok {
			set = l.formats[labelOther]
		}
		m.tb.ReceiverAPILogAcceptedRecords.Add(ctx, n, set)
	}
	for scheme, n := range t.schemes {
		m.tb.ReceiverAPILogTokens.Add(ctx, n, l.schemes[scheme])
	}
	m.add(ctx, m.tb.ReceiverAPILogRedactedValues, t.redacted)
	m.add(ctx, m.tb.ReceiverAPILogTokensDropped, t.dropped)
	m.add(ctx, m.tb.ReceiverAPILogRedactionFailed, t.failed)
	m.add(ctx, m.tb.ReceiverAPILogTimeOutOfBounds, t.outOfBounds, l.alone)
	m.add(ctx, m.tb.ReceiverAPILogSkippedRecords, t.skipped, l.alone)
	m.add(ctx, m.tb.ReceiverAPILogLimitHits, t.oversized,
		metric.WithAttributeSet(attribute.NewSet(attribute.String("limit", limitRecord))))
}

func (*meters) add(ctx context.Context, c metric.Int64Counter, n int64, o ...metric.AddOption) {
	if n > 0 {
		c.Add(ctx, n, o...)
	}
}
