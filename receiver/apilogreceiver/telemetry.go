package apilogreceiver

import (
	"cmp"
	"context"
	"slices"
	"time"

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
	"bearer", "basic", "api_key", "token", "digest", "dpop", "sigv4", "goog4", "shared_key", "http_signature", "ssws", "mtls",
	"cookie", "gateway", labelNone, labelOther,
}

// visibilities is the closed set of the visibility label.
var visibilities = []string{
	event.VisibilityVisible, event.VisibilityMasked, event.VisibilityTruncated, event.VisibilityID, event.VisibilityNone,
}

// tally counts one body. It reaches the counters once the next consumer took the events, so that a body that is
// sent again because it was refused is counted once.
type tally struct {
	report      report
	reasons     counts[string]
	kinds       counts[kind]
	schemes     counts[string]
	redacted    int64
	dropped     int64
	failed      int64
	outOfBounds int64
	oversized   int64
	skipped     int64

	arrival int64
	timing  timing
	seen    []recordSeen
}

// kind is what a record is counted under when it is accepted.
type kind struct{ format, visibility string }

func (t *tally) reset() {
	seen := t.seen[:0]
	if cap(seen) > keepEntries {
		seen = nil
	}
	*t = tally{reasons: t.reasons[:0], kinds: t.kinds[:0], schemes: t.schemes[:0], seen: seen}
}

func (t *tally) reject(index int, reason string) {
	t.report.Rejected++
	if len(t.report.Errors) < maxReported {
		t.report.Errors = append(t.report.Errors, rejection{index, reason})
	}
	t.reasons.add(reason)
}

func (t *tally) accept(r *event.Record, out secret.Outcome, s *said) {
	t.report.Accepted++
	t.redacted += int64(out.Redacted)
	t.dropped += int64(out.Dropped)
	if out.Failed {
		t.failed++
	}
	t.schemes.add(schemeLabel(s.scheme))
	t.kinds.add(kind{s.format, cmp.Or(out.Visibility, event.VisibilityNone)})
	t.look(r, s.eventID, s.duration, s.claimed)
}

func schemeLabel(scheme string) string {
	switch {
	case scheme == "":
		return labelNone
	case !slices.Contains(schemes, scheme):
		return labelOther
	}
	return scheme
}

// counts says how often each of a few values came: one body holds one or two of a closed set, for which a list is
// quicker than a map.
type counts[K comparable] []count[K]

type count[K comparable] struct {
	of K
	n  int64
}

func (c *counts[K]) add(of K) {
	for i := range *c {
		if (*c)[i].of == of {
			(*c)[i].n++
			return
		}
	}
	*c = append(*c, count[K]{of, 1})
}

// meters are the counters of the receiver.
type meters struct {
	tb   *metadata.TelemetryBuilder
	seen *seenIDs
}

func newMeters(tb *metadata.TelemetryBuilder) *meters { return &meters{tb, newSeenIDs(time.Now())} }

// limit counts one bite of a limit.
func (m *meters) limit(name string) { m.limits(context.Background(), name, 1) }

func (m *meters) limits(ctx context.Context, name string, n int64) {
	if n > 0 {
		m.tb.ReceiverAPILogLimitHits.Add(ctx, n,
			metric.WithAttributeSet(attribute.NewSet(attribute.String("limit", name))))
	}
}

// body counts what a tally holds of a body that was delivered.
func (m *meters) body(ctx context.Context, src *source, t *tally) {
	l := &src.labels
	for _, c := range t.reasons {
		m.tb.ReceiverAPILogRejectedRecords.Add(ctx, c.n, l.reason(c.of))
	}
	for _, c := range t.kinds {
		k := c.of
		accepted, ok := l.formats[k.format]
		if !ok {
			k.format = labelOther
			accepted = l.formats[labelOther]
		}
		m.tb.ReceiverAPILogAcceptedRecords.Add(ctx, c.n, accepted)
		m.tb.ReceiverAPILogVisibleTokens.Add(ctx, c.n, l.kinds[k])
	}
	for _, c := range t.schemes {
		m.tb.ReceiverAPILogTokens.Add(ctx, c.n, l.schemes[c.of])
	}
	m.add(ctx, m.tb.ReceiverAPILogRedactedValues, t.redacted)
	m.add(ctx, m.tb.ReceiverAPILogTokensDropped, t.dropped)
	m.add(ctx, m.tb.ReceiverAPILogRedactionFailed, t.failed)
	m.add(ctx, m.tb.ReceiverAPILogTimeOutOfBounds, t.outOfBounds, l.alone)
	m.add(ctx, m.tb.ReceiverAPILogSkippedRecords, t.skipped, l.alone)
	m.limits(ctx, limitRecord, t.oversized)
	if len(t.seen) == 0 {
		return
	}
	m.limits(ctx, limitSeen, m.seen.mark(t.seen, t.arrival))
	bitten := src.watch.take(t)
	m.limits(ctx, limitCounters, bitten.counters)
	m.limits(ctx, limitHoles, bitten.holes)
	if t.timing.known {
		m.tb.ReceiverAPILogDeliveryDelay.Record(ctx, max(0, t.timing.longest.Seconds()), l.alone)
	}
}

func (*meters) add(ctx context.Context, c metric.Int64Counter, n int64, o ...metric.AddOption) {
	if n > 0 {
		c.Add(ctx, n, o...)
	}
}
