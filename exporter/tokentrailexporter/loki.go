package tokentrailexporter

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/keytrail/keytrail/internal/archive"
	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/journal"
	"github.com/keytrail/keytrail/internal/loki"
)

// lokiChunk is how many entries are made before they are sent: enough for several requests of the client, little
// enough to hold beside a segment that becomes blocks.
const lokiChunk = 4096

// lokiSink gives Loki its copy. It is for one goroutine.
type lokiSink struct {
	t       *trail
	http    *http.Client
	client  *loki.Client
	viewer  *archive.Viewer // nil until the archive can be opened
	classes []string        // those that Loki takes

	moved   bool         // something was settled durably since the start: nothing before it can be in doubt
	seq     uint64       // the segment in work
	through int64        // its offset up to which records became entries
	queue   []loki.Entry // of them, those not settled yet
	record  event.Record // scratch
}

func newLokiSink(t *trail, set exporter.Settings, host component.Host) (*lokiSink, error) {
	c := t.cfg.Destinations.Loki.Get()
	hc, err := c.ToClient(context.Background(), host.GetExtensions(), set.TelemetrySettings)
	if err != nil {
		return nil, fmt.Errorf("destination %s: %w", destinationLoki, err)
	}
	client, err := loki.NewClient(c.client(), hc)
	if err != nil {
		return nil, fmt.Errorf("destination %s: %w", destinationLoki, err)
	}
	l := &lokiSink{t: t, http: hc, client: client}
	for _, cl := range t.cfg.Classes {
		if cl.takes(destinationLoki) {
			l.classes = append(l.classes, cl.Class.Name)
		}
	}
	return l, nil
}

func (l *lokiSink) close() { l.http.CloseIdleConnections() }

func (l *lokiSink) delivery() *delivery {
	return &delivery{t: l.t, name: destinationLoki, write: l.write, fill: l.fill, cause: lokiCause}
}

func lokiCause(err error) (string, time.Duration) {
	if refused := new(lokiRefusal); errors.As(err, &refused) {
		return string(refused.Cause), refused.after
	}
	return causeOther, 0
}

// lokiRefusal is an attempt that is to be repeated, not before after has passed.
type lokiRefusal struct {
	*loki.PushError
	after time.Duration
}

// write sends the records of one segment. What an attempt had settled the next one leaves out; of what it had sent
// without an answer Loki is asked what it has.
func (l *lokiSink) write(ctx context.Context, seg *journal.Segment) error {
	if l.seq != seg.Seq() {
		l.seq, l.through, l.queue = seg.Seq(), 0, l.queue[:0]
	}
	if err := l.ready(ctx); err != nil {
		return err
	}
	if err := l.flush(ctx, seg); err != nil {
		return err
	}
	if l.through >= seg.Bytes() { // that was its end, and the file may be gone
		return l.commit(seg)
	}
	for payload, err := range seg.Records() {
		if errors.Is(err, journal.ErrDamaged) {
			break // said by the archive
		}
		if err != nil {
			return err
		}
		if seg.Offset() <= l.through {
			continue
		}
		if err := l.add(ctx, payload); err != nil {
			return err
		}
		l.through = seg.Offset()
		if len(l.queue) >= lokiChunk {
			if err := l.flush(ctx, seg); err != nil {
				return err
			}
		}
	}
	if err := l.flush(ctx, seg); err != nil {
		return err
	}
	return l.commit(seg)
}

// commit ends a segment. Unless the journal has let go of it meanwhile: then it comes again, from the blocks.
func (l *lokiSink) commit(seg *journal.Segment) error {
	if err := l.t.journal.Commit(destinationLoki, seg.Seq()); err != nil {
		return err
	}
	if _, behind := l.t.journal.Gap(destinationLoki); !behind {
		l.passed()
	}
	return nil
}

// passed says that what was settled so far cannot come again.
func (l *lokiSink) passed() {
	l.moved = true
	l.client.Forget()
}

// ready opens what the entries are made with and takes up new erasures.
func (l *lokiSink) ready(ctx context.Context) error {
	if l.viewer == nil {
		b, err := l.t.archive.open()
		if err != nil {
			return err
		}
		l.viewer = archive.NewViewer(b, classesOf(l.t.cfg))
	}
	return l.viewer.Refresh(ctx)
}

// add makes the entries of one record, one for each class that Loki takes. The payload is copied: entries outlive it.
func (l *lokiSink) add(ctx context.Context, payload []byte) error {
	payload = bytes.Clone(payload)
	if damaged := l.record.Decode(payload); damaged != nil || l.viewer.Erased(&l.record) {
		return nil //nolint:nilerr // what cannot be decoded is counted, and its segment kept, by the archive
	}
	made := len(l.queue)
	for _, class := range slices.Clone(l.record.Classes) {
		if !slices.Contains(l.classes, class) || l.viewer.Ended(class, &l.record, time.Now()) {
			continue
		}
		if err := l.record.Decode(payload); err != nil {
			return err
		}
		if err := l.viewer.View(ctx, class, &l.record); err != nil {
			l.queue = l.queue[:made] // the whole record is made again
			return err
		}
		l.queue = append(l.queue, loki.Encode(&l.record, class))
	}
	return nil
}

// flush sends the queue and keeps, durably, how far the segment has come.
func (l *lokiSink) flush(ctx context.Context, seg *journal.Segment) error {
	if len(l.queue) == 0 {
		return nil
	}
	settled, err := l.push(ctx, l.queue)
	l.queue = append(l.queue[:0], l.queue[settled:]...)
	if err != nil {
		return err
	}
	l.moved = true
	return l.t.journal.Advance(destinationLoki, seg.Seq(), l.through)
}

// push sends entries, counts what became of them and returns how many need no further attempt.
func (l *lokiSink) push(ctx context.Context, entries []loki.Entry) (settled int, err error) {
	if !l.moved { // a process that was killed may have sent them
		l.client.Suspect(entries)
	}
	r, err := l.client.Push(ctx, entries)
	tel := l.t.tel
	tel.ExporterTokenTrailDeliveredRecords.Add(ctx, int64(r.Delivered), metric.WithAttributeSet(destinationSet(destinationLoki)))
	for reason, n := range r.Rejected {
		tel.ExporterTokenTrailRefusedEntries.Add(ctx, int64(n), metric.WithAttributeSet(outcomeSet(destinationLoki, string(reason))))
	}
	tel.ExporterTokenTrailLokiUncheckedEntries.Add(ctx, int64(r.Unchecked))
	tel.ExporterTokenTrailLokiCutFields.Add(ctx, int64(r.Cut))
	tel.ExporterTokenTrailLokiOverflowEntries.Add(ctx, int64(r.Overflow))
	if refused, ok := errors.AsType[*loki.PushError](err); ok {
		err = &lokiRefusal{refused, r.After}
	}
	return r.Settled, err
}

// fill sends from the blocks what the journal had to let go, in order of segments, and within one in order of time.
func (l *lokiSink) fill(ctx context.Context, gap journal.Gap) error {
	b, err := l.t.archive.open()
	if err != nil {
		return err
	}
	files, missing, err := archive.Backlog(ctx, b, l.t.journal.Writer(), gap.From, gap.To, l.classes)
	if err != nil {
		return err
	}
	l.t.log.Info("loki catches up from the archive's blocks", zap.Uint64("from_segment", gap.From),
		zap.Uint64("to_segment", gap.To), zap.Int("blocks", len(files)), zap.Int("segments_without_blocks", missing))
	for i, f := range files {
		if err := l.fillFrom(ctx, f); err != nil {
			return err
		}
		if last := i == len(files)-1 || files[i+1].Segment != f.Segment; last && f.Segment > 0 {
			if err := l.t.journal.Fill(destinationLoki, f.Segment); err != nil {
				return err
			}
			l.passed()
		}
	}
	if err := l.t.journal.Fill(destinationLoki, gap.To); err != nil {
		return err
	}
	l.passed()
	return nil
}

// fillFrom sends the events of one block. One of a segment is sorted first, since Loki takes only what is not too far
// behind the newest of its stream; a compacted one is too large for that.
func (l *lokiSink) fillFrom(ctx context.Context, f archive.BacklogFile) error {
	b, err := l.t.archive.open()
	if err != nil {
		return err
	}
	var entries []loki.Entry
	for r, err := range archive.Events(ctx, b, f.File) {
		if err != nil {
			return err
		}
		entries = append(entries, loki.Encode(r, f.File.Class))
		if f.Segment == 0 && len(entries) >= lokiChunk {
			if _, err := l.push(ctx, entries); err != nil {
				return err
			}
			entries = entries[:0]
		}
	}
	slices.SortStableFunc(entries, func(a, b loki.Entry) int { return int(min(max(a.Time-b.Time, -1), 1)) })
	_, err = l.push(ctx, entries)
	return err
}
