package main

import (
	"context"
	"encoding/hex"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/keytrail/keytrail/internal/archive"
	"github.com/keytrail/keytrail/internal/archive/bucket"
	"github.com/keytrail/keytrail/internal/event"
)

// The size of the archive that part trail searches. The contract's figure is 30 days of 1,000,000 events.
var (
	trailDays     = flag.Int("trail-days", 30, "part trail: days in the archive")
	trailEvents   = flag.Int("trail-events", 20_000, "part trail: events a day")
	trailTokens   = flag.Int("trail-tokens", 2_000, "part trail: tokens that make them")
	trailLocation = flag.String("trail-archive", "", "part trail: an empty archive's location, such as s3://…, with credentials from the environment (default: a directory that is removed)")
	trailKeep     = flag.String("trail-dir", "", "part trail: directory to work in, kept")
)

// benchTrail asks for one token's trail, with nothing cached, of our archive and of the same events as JSON lines in
// gzip objects, from the store as it is and with 30 ms added to every request.
func benchTrail() (err error) {
	dir := *trailKeep
	if dir == "" {
		if dir, err = os.MkdirTemp("", "keytrail-bench-trail-"); err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(dir) }()
	}
	location := *trailLocation
	if location == "" {
		location = filepath.Join(dir, "archive")
	}
	ctx := context.Background()
	b, err := bucket.Open(ctx, location, bucket.Options{})
	if err != nil {
		return err
	}
	if err := fillTrail(ctx, b); err != nil {
		return err
	}
	wanted := trailToken(*trailTokens / 2)
	for _, delay := range []time.Duration{0, 30 * time.Millisecond} {
		if err := askTrail(ctx, &slow{Bucket: b, delay: delay}, wanted); err != nil {
			return err
		}
	}
	return nil
}

// askTrail prints one search of each kind.
func askTrail(ctx context.Context, b *slow, wanted string) error {
	begin := time.Now()
	hits, report := archive.NewReader(b).Search(ctx, archive.Selection{Fingerprints: []string{wanted}})
	rows := 0
	for _, err := range hits {
		if err != nil {
			return err
		}
		rows++
	}
	ours := cost{b.gets.Swap(0), b.bytes.Swap(0), time.Since(begin)}
	if len(report.Unreadable) > 0 {
		return report.Unreadable[0]
	}
	begin = time.Now()
	lines, err := searchLines(ctx, b, wanted)
	if err != nil {
		return err
	}
	theirs := cost{b.gets.Swap(0), b.bytes.Swap(0), time.Since(begin)}
	if lines != rows {
		return fmt.Errorf("the archive has %d events of the token, the JSON lines %d", rows, lines)
	}
	what := fmt.Sprintf("trail of %d in %d × %d, +%s:", rows, *trailDays, *trailEvents, b.delay)
	row(what+" time", "ms", float64(ours.took.Microseconds())/1000, float64(theirs.took.Microseconds())/1000)
	row("  requests", "", float64(ours.gets), float64(theirs.gets))
	row("  read", "KiB", float64(ours.bytes)/1024, float64(theirs.bytes)/1024)
	row("  requests a day of data", "", float64(ours.gets)/float64(*trailDays), float64(theirs.gets)/float64(*trailDays))
	return nil
}

type cost struct {
	gets, bytes int64
	took        time.Duration
}

// trailSegment is how many events a journal segment of the bench holds.
const trailSegment = 10_000

// fillTrail writes the same events into the archive, compacted, and as JSON lines.
func fillTrail(ctx context.Context, b bucket.Bucket) error {
	class := archive.Class{Name: "full", Keep: 400 * 24 * time.Hour, Fields: []string{archive.FieldsAll}}
	w, err := archive.NewWriter(b, archive.WriterOptions{Writer: "bench", Classes: []archive.Class{class}})
	if err != nil {
		return err
	}
	now := time.Now().UTC()
	first := now.Truncate(24 * time.Hour).Add(-time.Duration(*trailDays) * 24 * time.Hour)
	rnd := rand.New(rand.NewPCG(1, 2))
	segment := uint64(0)
	for d := range *trailDays {
		from := first.Add(time.Duration(d) * 24 * time.Hour)
		for done := 0; done < *trailEvents; done += trailSegment {
			n := min(trailSegment, *trailEvents-done)
			records := make([]*event.Record, n)
			for i := range records {
				at := from.Add(time.Duration(done+i) * 24 * time.Hour / time.Duration(*trailEvents))
				records[i] = trailRecord(rnd, at)
			}
			segment++
			if err := putLines(ctx, b, from, segment, records); err != nil {
				return err
			}
			if _, err := w.WriteSegment(ctx, segment, each(records)); err != nil {
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

func each(records []*event.Record) func(yield func(*event.Record) bool) {
	return func(yield func(*event.Record) bool) {
		for _, r := range records {
			if !yield(r) {
				return
			}
		}
	}
}

func trailToken(n int) string {
	return fmt.Sprintf("kt1_%016x%016x", uint64(n+1)*0x9E3779B97F4A7C15, uint64(n)*0xC2B2AE3D27D4EB4F)
}

// trailRecord is an event with the ids of a real one, which are most of its bytes.
func trailRecord(rnd *rand.Rand, at time.Time) *event.Record {
	n := rnd.IntN(1 << 30)
	u := rnd.Float64()
	r := &event.Record{
		Name: event.NameRequest, Time: at.UnixNano(), Observed: at.Add(time.Second).UnixNano(), Severity: 9,
		Scope: event.Scope{Ring: "bench", Epoch: 1, Check: "bench"}, Classes: []string{"full"},
	}
	for i := range r.TraceID {
		r.TraceID[i] = byte(rnd.Uint32())
	}
	for i := range r.SpanID {
		r.SpanID[i] = byte(rnd.Uint32())
	}
	r.Attrs = cleanEvent(n % 40) // clients are of a few kinds
	r.Attrs.Set(event.KeyPath, event.String(fmt.Sprintf("/v1/orders/%d", n)))
	r.Attrs.Add(event.KeyFingerprint, event.String(trailToken(int(u*u*float64(*trailTokens)))))
	r.Attrs.Add(event.KeyEventID, event.String(randomHex(rnd)))
	r.Attrs.Add(event.KeyRequestID, event.String(randomHex(rnd)))
	r.Attrs.Add(event.KeyRedaction, event.String(event.RedactionDone))
	r.Attrs.Add(event.KeyDuration, event.Double(float64(n%1000)/1000))
	return r
}

func randomHex(rnd *rand.Rand) string {
	var id [16]byte
	for i := range id {
		id[i] = byte(rnd.Uint32())
	}
	return hex.EncodeToString(id[:])
}
