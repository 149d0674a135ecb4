package apilogreceiver

import (
	"context"
	"iter"
	"math"
	"strconv"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/keytrail/keytrail/internal/event"
)

// A log can be whole, late, doubled or full of holes, and the events alone do not say which. What tells the operator is
// gathered here, for each source: what of a body's records the tally noted goes under one lock a body, and most of it
// is read only when the metrics are.

// recordSeen is what telling doubles and gaps needs of one accepted record.
type recordSeen struct {
	id       uint64 // of the event id, which is a hash already
	repeated bool
	number   uint64 // the gateway's counter, 0 without one
	host     string // whose counter it is, as far as the record says
}

// timing is how long the records of one body were on their way, by the sender's clock and ours.
type timing struct {
	known             bool
	shortest, longest time.Duration
}

func (t *timing) add(d time.Duration) {
	if !t.known {
		*t = timing{true, d, d}
		return
	}
	t.shortest, t.longest = min(t.shortest, d), max(t.longest, d)
}

// hostKeys name the process that counted a record's number, the most telling first.
var hostKeys = [...]string{"service.instance.id", "k8s.pod.uid", "k8s.pod.name", "container.id", "host.name"}

// look notes what later tells doubles, gaps and clocks.
func (t *tally) look(r *event.Record, eventID string, duration float64, claimed string) {
	id, _ := strconv.ParseUint(eventID[:min(len(eventID), 16)], 16, 64)
	seen := recordSeen{id: id, number: r.Sequence}
	if r.Sequence != 0 {
		seen.host = hostOf(r.Resource)
	}
	t.seen = append(t.seen, seen)
	t.arrival = r.Observed
	if began, ok := claimedTime(r, claimed); ok {
		t.timing.add(time.Duration(r.Observed - began - int64(boundSeconds(duration))))
	}
}

func hostOf(resource event.Attrs) string {
	for _, k := range hostKeys {
		if host := resource.Str(k); host != "" {
			return host
		}
	}
	return ""
}

// claimedTime is when the request began by the sender's clock. A claim out of bounds is the one that matters most.
func claimedTime(r *event.Record, claimed string) (int64, bool) {
	if claimed == "" {
		return r.Time, r.Time != r.Observed // without a claim, the arrival stands in its place
	}
	t, err := time.Parse(time.RFC3339Nano, claimed)
	if err != nil || t.Year() < 1970 || t.Year() > 2261 {
		return 0, false
	}
	return t.UnixNano(), true
}

// longestRequest is the longest duration that is taken for one.
const longestRequest = 24 * time.Hour

func boundSeconds(s float64) time.Duration {
	if s > 0 && s < longestRequest.Seconds() {
		return time.Duration(s * float64(time.Second))
	}
	return 0
}

// watch is what is known of one source's deliveries.
type watch struct {
	declared bool
	labels   watchLabels

	mu         sync.Mutex
	last       int64 // when a record last came; the start where none has
	any        bool
	duplicates int64
	skew       lowest
	counters   counters
}

// watchLabels are the attribute sets of a source's observed metrics, made once.
type watchLabels struct{ alone, followed, missing, unclear metric.MeasurementOption }

func newWatch(name string) *watch {
	src := attribute.String("source", name)
	verdict := func(v string) metric.MeasurementOption {
		return metric.WithAttributeSet(attribute.NewSet(src, attribute.String("verdict", v)))
	}
	return &watch{
		declared: name != event.SourceOther,
		last:     time.Now().UnixNano(),
		labels: watchLabels{
			metric.WithAttributeSet(attribute.NewSet(src)), verdict("followed"), verdict("missing"), verdict("unclear"),
		},
	}
}

// take learns from one delivered body.
func (w *watch) take(t *tally) (bitten limitsBitten) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last, w.any = max(w.last, t.arrival), true
	if t.timing.known {
		w.skew.add(t.timing.shortest, t.arrival)
	}
	for i := range t.seen {
		s := &t.seen[i]
		if s.repeated {
			w.duplicates++
		} else if s.number != 0 {
			w.counters.take(s, t.arrival, &bitten)
		}
	}
	return bitten
}

// lowest is the least of a measure over the last one to two spans.
type lowest struct {
	since       int64
	now, before time.Duration
}

// skewSpan is long enough for one record that was not delayed, and short enough to see a clock being set.
const skewSpan = 5 * time.Minute

// none stands for a span without a measure.
const none = time.Duration(math.MaxInt64)

func (l *lowest) add(v time.Duration, at int64) {
	l.roll(at)
	l.now = min(l.now, v)
}

func (l *lowest) roll(at int64) {
	switch age := at - l.since; {
	case l.since == 0 || age >= 2*int64(skewSpan):
		l.since, l.now, l.before = at, none, none
	case age >= int64(skewSpan):
		l.since, l.now, l.before = at, none, l.now
	}
}

func (l *lowest) value(at int64) (time.Duration, bool) {
	l.roll(at)
	v := min(l.now, l.before)
	return v, v != none
}

// all yields each source once.
func (ss *sources) all() iter.Seq[*source] {
	return func(yield func(*source) bool) {
		if !yield(ss.other) {
			return
		}
		for _, rt := range ss.routes {
			if rt.source != nil && !yield(rt.source) {
				return
			}
		}
		for _, s := range ss.bySender {
			if !yield(s) {
				return
			}
		}
	}
}

// observe lets the metrics read the watches of the sources.
func (m *meters) observe(ss *sources) error {
	each := func(read func(w *watch, now int64)) {
		now := time.Now().UnixNano()
		for s := range ss.all() {
			s.watch.mu.Lock()
			read(s.watch, now)
			s.watch.mu.Unlock()
		}
	}
	for _, register := range []func() error{
		func() error {
			return m.tb.RegisterReceiverAPILogDuplicateRecordsCallback(func(_ context.Context, o metric.Int64Observer) error {
				each(func(w *watch, _ int64) { o.Observe(w.duplicates, w.labels.alone) })
				return nil
			})
		},
		func() error {
			return m.tb.RegisterReceiverAPILogSequenceNumbersCallback(func(_ context.Context, o metric.Int64Observer) error {
				each(func(w *watch, now int64) { w.observeNumbers(o, now) })
				return nil
			})
		},
		func() error {
			return m.tb.RegisterReceiverAPILogClockSkewCallback(func(_ context.Context, o metric.Float64Observer) error {
				each(func(w *watch, now int64) {
					if v, ok := w.skew.value(now); ok {
						o.Observe(v.Seconds(), w.labels.alone)
					}
				})
				return nil
			})
		},
		func() error {
			return m.tb.RegisterReceiverAPILogLastRecordAgeCallback(func(_ context.Context, o metric.Float64Observer) error {
				each(func(w *watch, now int64) {
					if w.declared || w.any {
						o.Observe(max(0, time.Duration(now-w.last).Seconds()), w.labels.alone)
					}
				})
				return nil
			})
		},
	} {
		if err := register(); err != nil {
			return err
		}
	}
	return nil
}

// observeNumbers is silent for a source whose records bear no numbers: no gap is then no news.
func (w *watch) observeNumbers(o metric.Int64Observer, now int64) {
	w.counters.expire(now)
	v := w.counters.verdicts
	if v == (verdicts{}) {
		return
	}
	o.Observe(v.followed, w.labels.followed)
	o.Observe(v.missing, w.labels.missing)
	o.Observe(v.unclear, w.labels.unclear)
}
