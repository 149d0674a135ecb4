package tokentrailexporter

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/keytrail/keytrail/internal/archive"
	"github.com/keytrail/keytrail/internal/archive/bucket"
	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/journal"
)

// deliverArchive makes blocks of the journal's segments.
func (t *trail) deliverArchive() *delivery {
	return &delivery{t: t, name: destinationArchive, write: t.write, cause: t.archiveCause}
}

// Why a segment could not be written, besides the reasons of a bucket.
const (
	causeEpoch   = "epoch"
	causeNoKey   = "no_key"
	causeNotBack = "not_as_put"
	causeOther   = "other"
)

func (t *trail) archiveCause(err error) (string, time.Duration) {
	if mismatch := new(archive.EpochError); errors.As(err, &mismatch) {
		t.status.permanent(err)
		return causeEpoch, 0
	}
	switch failure, ok := errors.AsType[*bucket.Failure](err); {
	case ok:
		return string(failure.Reason), 0
	case errors.Is(err, journal.ErrNoKey):
		return causeNoKey, 0
	case errors.Is(err, errNotAsPut):
		return causeNotBack, 0
	}
	return causeOther, 0
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
