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
	reasons     map[string]int64
	kinds       map[kind]int64
	schemes     map[string]int64
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
	clear(t.reasons)
	clear(t.kinds)
	clear(t.schemes)
	seen := t.seen[:0]
	if cap(seen) > keepEntries {
		seen = nil
	}
	*t = tally{reasons: t.reasons, kinds: t.kinds, schemes: t.schemes, seen: seen}
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
	var k kind
	var scheme, id, claimed string
	var duration float64
	for i := range r.Attrs { // once: there are dozens
		switch v := r.Attrs[i].Value; r.Attrs[i].Key {
		case event.KeyFormat:
			k.format = v.Str()
		case event.KeyTokenScheme:
			scheme = v.Str()
		case event.KeyEventID:
			id = v.Str()
		case event.KeyTimeClaimed:
			claimed = v.Str()
		case event.KeyDuration:
			duration = v.Double()
		}
	}
	switch {
	case scheme == "":
		scheme = labelNone
	case !slices.Contains(schemes, scheme):
		scheme = labelOther
	}
	count(&t.schemes, scheme)
	k.visibility = cmp.Or(out.Visibility, event.VisibilityNone)
	count(&t.kinds, k)
	t.look(r, id, duration, claimed)
}

func count[K comparable](m *map[K]int64, key K) {
	if *m == nil {
		*m = make(map[K]int64)
	}
	(*m)[key]++
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
	for reason, n := range t.reasons {
		m.tb.ReceiverAPILogRejectedRecords.Add(ctx, n, l.reason(reason))
	}
	for k, n := range t.kinds {
		accepted, ok := l.formats[k.format]
		if !ok {
			k.format = labelOther
			accepted = l.formats[labelOther]
		}
		m.tb.ReceiverAPILogAcceptedRecords.Add(ctx, n, accepted)
		m.tb.ReceiverAPILogVisibleTokens.Add(ctx, n, l.kinds[k])
	}
	for scheme, n := range t.schemes {
		m.tb.ReceiverAPILogTokens.Add(ctx, n, l.schemes[scheme])
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
