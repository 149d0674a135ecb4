package tokenownerprocessor

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/keytrail/keytrail/internal/gateway"
	"github.com/keytrail/keytrail/processor/tokenownerprocessor/internal/metadata"
)

// outcome is what was done with a record or span.
type outcome uint8

const (
	outcomeSealed outcome = iota
	outcomeTrusted
	outcomeFailed
	outcomes
)

var outcomeNames = [outcomes]string{"sealed", "trusted", "failed"}

// place is a field of a record or span, as the counter of redactions tells them apart.
type place uint8

const (
	placeAttribute place = iota
	placeKey
	placeBody
	placeBytes
	placeName
	placeStatus
	placeEvent
	placeLink
	placeTraceState
	placeResource
	placeScope
	places
)

var placeNames = [places]string{
	"attribute", "key", "body", "bytes", "name", "status", "event", "link", "trace_state", "resource", "scope",
}

// cutReason is why a record lost all but its skeleton.
type cutReason uint8

const (
	cutRedaction cutReason = iota // a rule could not be applied within its bounds
	cutTooLarge                   // more values than the walk takes
	cutPanic                      // a bug of ours; the record is not let through half done
	cutReasons
)

var cutNames = [cutReasons]string{"redaction", "too_large", "panic"}

// tally gathers the counts of one call, which are added to the instruments once at its end: a counter costs more
// than all the other work on a clean record.
type tally struct {
	outcomes [outcomes]int64
	redacted [places]int64
	cuts     [cutReasons]int64
	unparsed map[gateway.Reason]int64
	answers  [kinds][answers]int64

	parsed, events, removed, stripped, dropped, retimed, hits, misses int64
}

func (t *tally) reject(r gateway.Reason) {
	if t.unparsed == nil {
		t.unparsed = make(map[gateway.Reason]int64)
	}
	t.unparsed[r]++
}

// reporter holds the instruments with their attribute sets made once.
type reporter struct {
	tb       *metadata.TelemetryBuilder
	signal   metric.MeasurementOption
	outcomes [outcomes]metric.MeasurementOption
	places   [places]metric.MeasurementOption
	cuts     [cutReasons]metric.MeasurementOption
	reasons  map[gateway.Reason]metric.MeasurementOption
	hit      metric.MeasurementOption
	miss     metric.MeasurementOption
	answers  [kinds][answers]metric.MeasurementOption
}

func newReporter(set component.TelemetrySettings, signal string) (*reporter, error) {
	tb, err := metadata.NewTelemetryBuilder(set)
	if err != nil {
		return nil, err
	}
	r := &reporter{
		tb:      tb,
		signal:  labels("signal", signal),
		reasons: make(map[gateway.Reason]metric.MeasurementOption),
		hit:     labels("result", "hit"),
		miss:    labels("result", "miss"),
	}
	for i, name := range outcomeNames {
		r.outcomes[i] = labels("signal", signal, "outcome", name)
	}
	for i, name := range placeNames {
		r.places[i] = labels("place", name)
	}
	for i, name := range cutNames {
		r.cuts[i] = labels("signal", signal, "reason", name)
	}
	for _, reason := range gateway.Reasons() {
		r.reasons[reason] = labels("reason", string(reason))
	}
	for o, name := range kindNames {
		for i, said := range answerNames {
			r.answers[o][i] = labels("source", name, "answer", said)
		}
	}
	return r, nil
}

func labels(pairs ...string) metric.MeasurementOption {
	kvs := make([]attribute.KeyValue, 0, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		kvs = append(kvs, attribute.String(pairs[i], pairs[i+1]))
	}
	return metric.WithAttributeSet(attribute.NewSet(kvs...))
}

// flush adds what a call counted.
func (r *reporter) flush(ctx context.Context, t *tally) {
	add := func(c metric.Int64Counter, n int64, opts ...metric.AddOption) {
		if n > 0 {
			c.Add(ctx, n, opts...)
		}
	}
	for i, n := range t.outcomes {
		add(r.tb.ProcessorTokenOwnerRecords, n, r.outcomes[i])
	}
	for i, n := range t.redacted {
		add(r.tb.ProcessorTokenOwnerRedactedFields, n, r.places[i])
	}
	for i, n := range t.cuts {
		add(r.tb.ProcessorTokenOwnerSkeletonCuts, n, r.cuts[i])
	}
	for reason, n := range t.unparsed {
		add(r.tb.ProcessorTokenOwnerParseFailures, n, r.reasons[reason])
	}
	add(r.tb.ProcessorTokenOwnerLinesParsed, t.parsed)
	add(r.tb.ProcessorTokenOwnerEvents, t.events, r.signal)
	add(r.tb.ProcessorTokenOwnerRemovedFields, t.removed)
	add(r.tb.ProcessorTokenOwnerStrippedKeys, t.stripped)
	add(r.tb.ProcessorTokenOwnerCredentialsDropped, t.dropped)
	add(r.tb.ProcessorTokenOwnerTimesReplaced, t.retimed)
	add(r.tb.ProcessorTokenOwnerLookups, t.hits, r.hit)
	add(r.tb.ProcessorTokenOwnerLookups, t.misses, r.miss)
	for o := range t.answers {
		for i, n := range t.answers[o] {
			add(r.tb.ProcessorTokenOwnerSourceAnswers, n, r.answers[o][i])
		}
	}
}

func (r *reporter) reload(ctx context.Context, input string, ok bool) {
	result := "ok"
	if !ok {
		result = "failed"
	}
	r.tb.ProcessorTokenOwnerReloads.Add(ctx, 1, labels("input", input, "result", result))
}

func (r *reporter) rows(ctx context.Context, o kind, n int) {
	r.tb.ProcessorTokenOwnerDirectoryRows.Record(ctx, int64(n), labels("source", kindNames[o]))
}
