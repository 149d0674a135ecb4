package tokentrailexporter

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/keytrail/keytrail/internal/journal"
)

// Between attempts to deliver a segment: soon enough that a short fault is not noticed, seldom enough to leave a sick
// disk or store alone.
const (
	minBackoff = 500 * time.Millisecond
	maxBackoff = 30 * time.Second
)

// delivery takes the journal's closed segments to one destination, in order and without end: a segment that cannot be
// delivered stays, and is tried again. Each destination has its own, so that none waits for another.
type delivery struct {
	t    *trail
	name string

	// write delivers a segment and moves the journal's cursor. All of it can be repeated.
	write func(context.Context, *journal.Segment) error
	// fill delivers from the blocks what the destination was taken past; nil for one that the journal never sheds.
	fill func(context.Context, journal.Gap) error
	// cause says of a closed set of reasons why an attempt failed, and how long at least the next one waits.
	cause func(error) (reason string, after time.Duration)
}

func (d *delivery) run(ctx context.Context) {
	for {
		if gap, any := d.t.journal.Gap(d.name); any && d.fill != nil {
			if !d.repeat(ctx, func() error { return d.fill(ctx, gap) }) {
				return
			}
			continue
		}
		seg, err := d.t.journal.Next(ctx, d.name)
		if err != nil {
			if ctx.Err() == nil && !errors.Is(err, journal.ErrClosed) {
				d.t.log.Error("journal cannot be read", zap.String("destination", d.name), zap.Error(err))
			}
			return
		}
		if !d.repeat(ctx, func() error { return d.deliver(ctx, seg) }) {
			return
		}
	}
}

// deliver writes the segment, unless the journal has taken the destination past it meanwhile.
func (d *delivery) deliver(ctx context.Context, seg *journal.Segment) error {
	if gap, any := d.t.journal.Gap(d.name); any && gap.To >= seg.Seq() {
		return nil
	}
	return d.write(ctx, seg)
}

// repeat tries until it works, and reports whether it did: at shutdown there is one more attempt.
func (d *delivery) repeat(ctx context.Context, try func() error) bool {
	backoff, last := minBackoff, false
	for {
		err := try()
		if err == nil {
			d.t.status.solved(problemOf[d.name])
			return true
		}
		if last || ctx.Err() != nil {
			return false
		}
		after := d.failed(ctx, err)
		select {
		case <-d.t.after(max(after, backoff/2+rand.N(backoff/2))):
		case <-d.t.draining:
			last = true
		case <-ctx.Done():
			return false
		}
		backoff = min(2*backoff, maxBackoff)
	}
}

func (d *delivery) failed(ctx context.Context, err error) (after time.Duration) {
	reason, after := d.cause(err)
	d.t.tel.ExporterTokenTrailDeliveryFailures.Add(ctx, 1, metric.WithAttributeSet(outcomeSet(d.name, reason)))
	p := problemOf[d.name]
	if !d.t.status.has(p) { // once for each outage
		d.t.log.Error("destination cannot be written, what it has not got stays in the journal and is tried again",
			zap.String("destination", d.name), zap.String("reason", reason), zap.Error(err))
	}
	d.t.status.problem(p, fmt.Errorf("destination %s: %w", d.name, err))
	return after
}
