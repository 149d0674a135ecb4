package tokentrailexporter

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/otel/metric"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/journal"
)

const (
	// maxEventBytes bounds one stored event. A gateway's header limits keep an honest one below 100 KB.
	maxEventBytes = 1 << 20

	// maxTrimmedField is the longest field that an event above that bound keeps, and maxTrimmedFields how many:
	// together they fit.
	maxTrimmedField  = 1 << 10
	maxTrimmedFields = 512

	// maxPooledBytes keeps one huge batch from staying in memory for good.
	maxPooledBytes = 4 << 20
)

// batch is the records of one call on their way to the journal.
type batch struct {
	t   *trail
	ctx context.Context

	record     event.Record // scratch
	buf        []byte       // the encoded records, one behind the other
	ends       []int
	payloads   [][]byte
	unredacted int
	epochs     int // records whose epoch the archive holds with another key
	epochErr   error
}

var batches = sync.Pool{New: func() any { return new(batch) }}

func (t *trail) newBatch(ctx context.Context) *batch {
	b := batches.Get().(*batch)
	b.t, b.ctx = t, ctx
	return b
}

func (b *batch) free() {
	if cap(b.buf) > maxPooledBytes {
		b.buf = nil
	}
	clear(b.payloads)
	b.record.Reset()
	*b = batch{record: b.record, buf: b.buf[:0], ends: b.ends[:0], payloads: b.payloads[:0]}
	batches.Put(b)
}

// add encodes b.record, of which the log record is the pdata form.
func (b *batch) add(rl plog.ResourceLogs, sl plog.ScopeLogs, lr plog.LogRecord) {
	r := &b.record
	switch r.Attrs.Str(event.KeyRedaction) {
	case event.RedactionDone, event.RedactionFailed:
	default:
		b.unredacted++
		return
	}
	if r.Name == event.NameCanary {
		b.meetCanary()
		return
	}
	if err := b.t.epochs.check(b.ctx, r.Scope); err != nil {
		b.epochs++
		b.epochErr = err
		return
	}
	r.Classes = b.t.classes.appendTo(b.ctx, r.Classes[:0], rl, sl, lr, b.conditionFailed)
	if len(r.Classes) == 0 {
		b.reject(1, rejectUnclassified)
		return
	}
	start := len(b.buf)
	b.buf = r.Append(b.buf)
	b.watch(b.buf[start:], carrierOther)
	if len(b.buf)-start > maxEventBytes {
		trim(r)
		b.buf = r.Append(b.buf[:start])
		b.t.tel.ExporterTokenTrailTrimmedRecords.Add(b.ctx, 1)
	}
	b.ends = append(b.ends, len(b.buf))
}

// trim removes what makes an event too large and says so on it: a request is never absent because its content
// was hostile.
func trim(r *event.Record) {
	kept := 0
	long := func(_ string, v event.Value) bool {
		kept++
		return kept > maxTrimmedFields || len(v.AppendJSON(nil)) > maxTrimmedField
	}
	r.Resource.Delete(long)
	kept = 0
	r.Attrs.Delete(long)
	r.Attrs.Set(event.KeySanitized, event.Bool(true))
}

// store returns once the batch is durable. What was refused is in the error, so that nobody takes it for stored;
// the rest is stored all the same, and sending it again would change nothing.
func (b *batch) store() error {
	if err := b.refusal(); err != nil {
		return err
	}
	if err := b.append(); err != nil {
		return err
	}
	if b.epochs > 0 {
		b.reject(b.epochs, rejectEpoch)
		return fmt.Errorf("%d records refused: %w", b.epochs, b.epochErr)
	}
	if b.unredacted > 0 {
		b.reject(b.unredacted, rejectUnredacted)
		err := fmt.Errorf("%d records without `%s` refused: put token_owner before token_trail", b.unredacted, event.KeyRedaction)
		b.t.status.problem(problemUnredacted, err)
		return consumererror.NewPermanent(err)
	}
	if len(b.ends) > 0 {
		b.t.status.solved(problemUnredacted)
	}
	return nil
}

func (b *batch) append() error {
	if len(b.ends) == 0 {
		return nil
	}
	start := 0
	for _, end := range b.ends {
		b.payloads = append(b.payloads, b.buf[start:end])
		start = end
	}
	err := b.t.journal.Append(b.ctx, b.payloads)
	switch {
	case err == nil:
		b.t.status.solved(problemJournal)
	case errors.Is(err, journal.ErrFull):
		b.reject(len(b.payloads), rejectFull)
		b.t.status.problem(problemJournal, err)
	case b.ctx.Err() == nil:
		b.reject(len(b.payloads), rejectFailed)
		b.t.status.problem(problemJournal, err)
	}
	return err
}

func (b *batch) reject(n int, reason rejection) {
	b.t.tel.ExporterTokenTrailRejectedRecords.Add(b.ctx, int64(n), metric.WithAttributeSet(reason.set()))
}

func (b *batch) conditionFailed(class string) {
	b.t.tel.ExporterTokenTrailConditionErrors.Add(b.ctx, 1, metric.WithAttributeSet(classSet(class)))
}
