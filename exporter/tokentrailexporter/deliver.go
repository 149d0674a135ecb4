package tokentrailexporter

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/keytrail/keytrail/internal/archive"
	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/journal"
)

// Between attempts to write a segment: soon enough that a short fault is not noticed, seldom enough to leave a sick
// disk alone.
const (
	minBackoff = 500 * time.Millisecond
	maxBackoff = 30 * time.Second
)

// deliver turns closed segments into blocks, in order and without end: a segment that cannot be written stays, and
// the journal fills behind it until it refuses.
func (t *trail) deliver(ctx context.Context) {
	for {
		seg, err := t.journal.Next(ctx, destinationArchive)
		if err != nil {
			if ctx.Err() == nil && !errors.Is(err, journal.ErrClosed) {
				t.log.Error("journal cannot be read", zap.Error(err))
			}
			return
		}
		if !t.persist(ctx, seg) {
			return
		}
	}
}

// persist repeats until the segment is written, and reports whether it is: at shutdown there is one more attempt.
func (t *trail) persist(ctx context.Context, seg *journal.Segment) bool {
	backoff := minBackoff
	for {
		err := t.write(ctx, seg)
		if err == nil {
			t.status.solved(problemArchive)
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		t.failed(ctx, seg, err)
		select {
		case <-time.After(backoff/2 + rand.N(backoff/2)):
		case <-t.draining:
			return t.write(ctx, seg) == nil
		case <-ctx.Done():
			return false
		}
		backoff = min(2*backoff, maxBackoff)
	}
}

func (t *trail) failed(ctx context.Context, seg *journal.Segment, err error) {
	t.tel.ExporterTokenTrailDeliveryFailures.Add(ctx, 1, metric.WithAttributeSet(destinationSet(destinationArchive)))
	if mismatch := new(archive.EpochError); errors.As(err, &mismatch) {
		t.status.permanent(err)
	}
	if !t.status.has(problemArchive) { // once for each outage
		t.log.Error("segment cannot be written to the archive, it stays in the journal and is tried again",
			zap.Uint64("segment", seg.Seq()), zap.Error(err))
	}
	t.status.problem(problemArchive, err)
}

// write makes the blocks of one segment and moves the journal's cursor behind it. All of it can be repeated.
func (t *trail) write(ctx context.Context, seg *journal.Segment) error {
	has, err := t.inspect(seg)
	if err != nil {
		return err
	}
	var commit *archive.Commit
	if has.records > 0 {
		w, err := t.archive.segmentWriter()
		if err != nil {
			return err
		}
		// The records were read a moment ago; should the disk fail now, the context ends the write before its commit.
		ctx, fail := context.WithCancelCause(ctx)
		defer fail(nil)
		commit, err = w.WriteSegment(ctx, seg.Seq(), t.records(ctx, seg, fail))
		if cause := context.Cause(ctx); err == nil && cause != nil {
			err = cause
		}
		if err != nil {
			return err
		}
	}
	if err := t.journal.Commit(destinationArchive, seg.Seq()); err != nil {
		return err
	}
	t.count(ctx, has, commit)
	return nil
}

// content is what a segment holds.
type content struct{ records, undecodable int64 }

// inspect reads a segment once through before anything is made of it: what cannot be read now may be readable later,
// and must not become a commit that lacks it. A damaged segment ends where it is damaged, for good.
func (t *trail) inspect(seg *journal.Segment) (has content, err error) {
	var r event.Record
	for payload, err := range seg.Records() {
		switch {
		case errors.Is(err, journal.ErrDamaged):
			t.log.Error("segment is damaged: what stands before the damage is kept, the file is in quarantine", zap.Error(err))
			return has, nil
		case err != nil:
			return content{}, err
		}
		if err := r.Decode(payload); err == nil {
			has.records++
		} else if has.undecodable++; has.undecodable == 1 {
			t.log.Error("segment holds records that cannot be decoded, it is in quarantine",
				zap.Uint64("segment", seg.Seq()), zap.NamedError("cause", err), zap.Error(seg.Quarantine()))
		}
	}
	return has, nil
}

// records gives the decodable records; each is valid until the next.
func (t *trail) records(ctx context.Context, seg *journal.Segment, fail context.CancelCauseFunc) iter.Seq[*event.Record] {
	return func(yield func(*event.Record) bool) {
		var r event.Record
		for payload, err := range seg.Records() {
			if errors.Is(err, journal.ErrDamaged) || ctx.Err() != nil {
				return
			}
			if err != nil {
				fail(fmt.Errorf("segment %d: %w", seg.Seq(), err))
				return
			}
			if r.Decode(payload) == nil && !yield(&r) {
				return
			}
		}
	}
}

func (t *trail) count(ctx context.Context, has content, c *archive.Commit) {
	t.tel.ExporterTokenTrailUndecodableRecords.Add(ctx, has.undecodable)
	t.tel.ExporterTokenTrailDeliveredRecords.Add(ctx, has.records, metric.WithAttributeSet(destinationSet(destinationArchive)))
	if c == nil {
		return
	}
	// Counted where they are lost to: a class was taken out of the configuration while its events were in the journal.
	t.tel.ExporterTokenTrailRejectedRecords.Add(ctx, c.Unclassed, metric.WithAttributeSet(rejectUnclassified.set()))
	t.tel.ExporterTokenTrailExpiredOnArrival.Add(ctx, c.ExpiredOnArrival)
	for _, f := range c.Files {
		class := metric.WithAttributeSet(classSet(f.Class))
		t.tel.ExporterTokenTrailBlocks.Add(ctx, 1, class)
		t.tel.ExporterTokenTrailBlockBytes.Add(ctx, f.Size, class)
	}
}
