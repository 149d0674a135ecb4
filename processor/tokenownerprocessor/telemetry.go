package tokenownerprocessor

import (
	"context"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/keytrail/keytrail/internal/gateway"
	"github.com/keytrail/keytrail/internal/privacy"
	"github.com/keytrail/keytrail/internal/secret"
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
	cutPrivacy                    // what tells of persons could not be treated to the end
	cutReasons
)

var cutNames = [cutReasons]string{"redaction", "too_large", "panic", "privacy"}

// scrubbed reports that the texts of a record that is cut have been through the pass.
func (r cutReason) scrubbed() bool { return r == cutRedaction || r == cutPrivacy }

// tally gathers the counts of one call, which are added to the instruments once at its end: a counter costs more
// than all the other work on a clean record.
type tally struct {
	outcomes [outcomes]int64
	redacted [places]int64
	cuts     [cutReasons]int64
	unparsed map[gateway.Reason]int64
	answers  [kinds][answers]int64
	removals map[removal]int64
	personal [privacy.Changes]int64

	parsed, events, removed, stripped, dropped, printed, retimed, hits, misses, bound, forgotten int64
}

// removal is what is counted apart of what the rules removed: nothing of the text itself.
type removal struct {
	rule   string
	field  secret.FieldKind
	result secret.Result
}

// found takes over what a pass removed.
func (t *tally) found(p *secret.Pass) {
	for _, f := range p.Findings() {
		if t.removals == nil {
			t.removals = make(map[removal]int64)
		}
		t.removals[removal{f.Rule, f.Field, f.Result}] += int64(f.Count)
	}
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
	personal [privacy.Changes]metric.MeasurementOption
	removals removalLabels
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
	for i, name := range privacy.ChangeNames {
		r.personal[i] = labels("treatment", name)
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
	for f, n := range t.removals {
		add(r.tb.ProcessorTokenOwnerRedactions, n, r.removals.of(f))
	}
	for i, n := range t.personal {
		add(r.tb.ProcessorTokenOwnerPrivacyChanges, n, r.personal[i])
	}
	add(r.tb.ProcessorTokenOwnerFingerprints, t.printed)
	add(r.tb.ProcessorTokenOwnerBindingsApplied, t.bound)
	add(r.tb.ProcessorTokenOwnerBindingsForgotten, t.forgotten)
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

func (r *reporter) rules(ctx context.Context, n int) {
	r.tb.ProcessorTokenOwnerRules.Record(ctx, int64(n))
}

// maxRemovalLabels bounds the attribute sets of the counter by rule: every default rule and 512 of the user in the
// two or three fields in which a rule is ever found. What is beyond them is counted without its rule.
const maxRemovalLabels = 4096

// removalLabels are the attribute sets of the removals so far, each made once.
type removalLabels struct {
	mu   sync.RWMutex
	sets map[removal]metric.MeasurementOption
}

func (l *removalLabels) of(f removal) metric.MeasurementOption {
	l.mu.RLock()
	set, ok := l.sets[f]
	full := len(l.sets) >= maxRemovalLabels
	l.mu.RUnlock()
	if ok {
		return set
	}
	if full {
		return labels("rule", "other", "field", string(f.field), "result", string(f.result))
	}
	set = labels("rule", f.rule, "field", string(f.field), "result", string(f.result))
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sets == nil {
		l.sets = make(map[removal]metric.MeasurementOption)
	}
	l.sets[f] = set
	return set
}

func (r *reporter) canary(ctx context.Context, result canaryResult) {
	r.tb.ProcessorTokenOwnerCanaries.Add(ctx, 1, labels("result", string(result)))
}

func (r *reporter) rotations(ctx context.Context, result rotationResult, n int) {
	if n > 0 {
		r.tb.ProcessorTokenOwnerRotations.Add(ctx, int64(n), labels("result", string(result)))
	}
}
