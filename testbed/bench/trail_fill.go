package main

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/keytrail/keytrail/internal/archive"
	"github.com/keytrail/keytrail/internal/archive/bucket"
	"github.com/keytrail/keytrail/internal/event"
)

const (
	// trailSegment is how many events a journal segment holds where compaction makes the blocks.
	trailSegment = 10_000
	// trailBlock ends a block where they are written as compaction leaves them, as it does at the next token.
	trailBlock = 100_000
	// trailWriters fill days side by side: one for each of the two cores of the contract's machine.
	trailWriters = 2
)

// dayShape says which token makes the n-th event of a day. Every day has it; ids are drawn anew for each.
type dayShape struct {
	tokens []string
	maker  []int // index in tokens, by the event's place in the day
}

func newDayShape() *dayShape {
	s := &dayShape{maker: make([]int, *trailEvents)}
	for i := range *trailTokens {
		s.tokens = append(s.tokens, trailToken(i))
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	for i := range s.maker {
		u := rnd.Float64()
		s.maker[i] = int(u * u * float64(len(s.tokens))) // some are busy, most are not
	}
	return s
}

// segments cuts the day's events as they come in, or else by ranges of tokens.
func (s *dayShape) segments(ranges bool) (cuts [][]int) {
	order := make([]int, len(s.maker))
	for i := range order {
		order[i] = i
	}
	if !ranges {
		return slices.Collect(slices.Chunk(order, trailSegment))
	}
	slices.SortStableFunc(order, func(a, b int) int { return strings.Compare(s.tokens[s.maker[a]], s.tokens[s.maker[b]]) })
	for len(order) > 0 {
		n := min(trailBlock, len(order))
		for n < len(order) && s.maker[order[n]] == s.maker[order[n-1]] {
			n++
		}
		cuts, order = append(cuts, order[:n]), order[n:]
	}
	return cuts
}

// records makes the events at these places of the day, the same ones each time. They share their memory.
func (s *dayShape) records(day time.Time, places []int) func(yield func(*event.Record) bool) {
	return func(yield func(*event.Record) bool) {
		rnd := rand.New(rand.NewPCG(uint64(day.Unix()), uint64(places[0])))
		step := 24 * time.Hour / time.Duration(len(s.maker))
		r := &event.Record{}
		for _, p := range places {
			trailRecord(r, rnd, day.Add(time.Duration(p)*step), s.tokens[s.maker[p]])
			if !yield(r) {
				return
			}
		}
	}
}

// fillTrail writes the same events into the archive and as JSON lines.
func fillTrail(ctx context.Context, b bucket.Bucket, s *dayShape, first time.Time) error {
	begin := time.Now()
	if err := fillLines(ctx, b, s, first); err != nil {
		return err
	}
	lines := time.Since(begin)
	begin = time.Now()
	fill := fillCompacted
	if *trailRanges {
		fill = fillRanges
	}
	if err := fill(ctx, b, s, first); err != nil {
		return err
	}
	took := time.Since(begin)
	fmt.Printf("archive of %d × %d events filled in %.0f s, %.0f/s; JSON lines in %.0f s\n", *trailDays, *trailEvents,
		took.Seconds(), float64(*trailDays**trailEvents)/took.Seconds(), lines.Seconds())
	return nil
}

func trailDay(first time.Time, d int) time.Time { return first.Add(time.Duration(d) * 24 * time.Hour) }

func newTrailWriter(b bucket.Bucket, name string) (*archive.Writer, error) {
	class := archive.Class{Name: "full", Keep: 400 * 24 * time.Hour, Fields: []string{archive.FieldsAll}}
	return archive.NewWriter(b, archive.WriterOptions{Writer: name, Classes: []archive.Class{class}})
}

// fillCompacted goes the way of a collector: segments as they come in, merged when their day is over.
func fillCompacted(ctx context.Context, b bucket.Bucket, s *dayShape, first time.Time) error {
	w, err := newTrailWriter(b, "bench")
	if err != nil {
		return err
	}
	cuts, segment := s.segments(false), uint64(0)
	for d := range *trailDays {
		for _, places := range cuts {
			segment++
			if _, err := w.WriteSegment(ctx, segment, s.records(trailDay(first, d), places)); err != nil {
				return err
			}
		}
		if _, err := archive.Compact(ctx, b, archive.CompactOptions{Holder: "bench"}); err != nil {
			return err
		}
	}
	// As it stands two days later: what was merged is swept.
	_, err = archive.Sweep(ctx, b, time.Now().Add(48*time.Hour))
	return err
}

// fillRanges has the writer make the blocks that compaction would, at once: each segment is a range of the day's tokens.
// Writer and compaction share the encoder, so the blocks are the same but for their level; commits are one a block.
func fillRanges(ctx context.Context, b bucket.Bucket, s *dayShape, first time.Time) error {
	cuts := s.segments(true)
	errs := make([]error, trailWriters)
	var wg sync.WaitGroup
	for i := range trailWriters {
		wg.Go(func() { errs[i] = fillEvery(ctx, b, s, first, cuts, i) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// fillEvery fills every second day, from the n-th on.
func fillEvery(ctx context.Context, b bucket.Bucket, s *dayShape, first time.Time, cuts [][]int, n int) error {
	w, err := newTrailWriter(b, fmt.Sprintf("bench%d", n))
	if err != nil {
		return err
	}
	segment := uint64(0)
	for d := n; d < *trailDays; d += trailWriters {
		for _, places := range cuts {
			segment++
			if _, err := w.WriteSegment(ctx, segment, s.records(trailDay(first, d), places)); err != nil {
				return err
			}
		}
	}
	return nil
}

func trailToken(n int) string {
	return fmt.Sprintf("kt1_%016x%016x", uint64(n+1)*0x9E3779B97F4A7C15, uint64(n)*0xC2B2AE3D27D4EB4F)
}

// trailClients are the attributes of an event but for what differs from one to the next: clients are of a few kinds.
var trailClients = func() (kinds []event.Attrs) {
	for n := range 40 {
		kinds = append(kinds, cleanEvent(n))
	}
	return kinds
}()

// trailRecord makes r an event with the ids of a real one, which are most of its bytes.
func trailRecord(r *event.Record, rnd *rand.Rand, at time.Time, token string) {
	n := rnd.IntN(1 << 30)
	attrs := r.Attrs[:0]
	*r = event.Record{
		Name: event.NameRequest, Time: at.UnixNano(), Observed: at.Add(time.Second).UnixNano(), Severity: 9,
		Scope: event.Scope{Ring: "bench", Epoch: 1, Check: "bench"}, Classes: trailClasses,
		Attrs: append(attrs, trailClients[n%len(trailClients)]...),
	}
	binary.LittleEndian.PutUint64(r.TraceID[:], rnd.Uint64())
	binary.LittleEndian.PutUint64(r.TraceID[8:], rnd.Uint64())
	binary.LittleEndian.PutUint64(r.SpanID[:], rnd.Uint64())
	r.Attrs.Set(event.KeyPath, event.String(fmt.Sprintf("/v1/orders/%d", n)))
	r.Attrs = append(r.Attrs,
		event.Attr{Key: event.KeyFingerprint, Value: event.String(token)},
		event.Attr{Key: event.KeyEventID, Value: event.String(randomHex(rnd))},
		event.Attr{Key: event.KeyRequestID, Value: event.String(randomHex(rnd))},
		event.Attr{Key: event.KeyRedaction, Value: event.String(event.RedactionDone)},
		event.Attr{Key: event.KeyDuration, Value: event.Double(float64(n%1000) / 1000)})
}

var trailClasses = []string{"full"}

func randomHex(rnd *rand.Rand) string {
	id := binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, rnd.Uint64()), rnd.Uint64())
	return hex.EncodeToString(id)
}

// wantedToken is of the middle of those by how busy they are.
func wantedToken() string { return trailToken(*trailTokens / 2) }
