package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/keytrail/keytrail/internal/archive"
	"github.com/keytrail/keytrail/internal/archive/bucket"
)

// The size of the archive that part trail searches. The contract's figure is 30 days of 1,000,000 events.
var (
	trailDays     = flag.Int("trail-days", 30, "part trail: days in the archive")
	trailEvents   = flag.Int("trail-events", 20_000, "part trail: events a day")
	trailTokens   = flag.Int("trail-tokens", 2_000, "part trail: tokens that make them")
	trailRanges   = flag.Bool("trail-ranges", false, "part trail: have the writer make blocks of ranges of tokens, as compaction leaves them, instead of compacting: the way to fill 30 × 1,000,000 events in minutes")
	trailLocation = flag.String("trail-archive", "", "part trail: an empty archive's location, such as s3://…, with credentials from the environment (default: a directory that is removed)")
	trailKeep     = flag.String("trail-dir", "", "part trail: directory to work in, kept")
	trailLoki     = flag.Bool("trail-loki", false, "part trail: ask the same of a Loki with the same events, built by make servers")
)

// benchTrail asks for one token's trail, with nothing cached, of our archive and of the same events as JSON lines in
// gzip objects, from the store as it is and with 30 ms added to every request.
func benchTrail() (err error) {
	dir := *trailKeep
	if dir == "" {
		if dir, err = os.MkdirTemp("", "keytrail-bench-trail-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
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
	shape := newDayShape()
	first := time.Now().UTC().Truncate(24 * time.Hour).Add(-time.Duration(*trailDays) * 24 * time.Hour)
	if err := fillTrail(ctx, b, shape, first); err != nil {
		return err
	}
	for _, delay := range []time.Duration{0, 30 * time.Millisecond} {
		if err := askTrail(ctx, &slow{Bucket: b, delay: delay}, wantedToken()); err != nil {
			return err
		}
	}
	if *trailLoki {
		return askLoki(ctx, b, shape, first)
	}
	return nil
}

// askTrail prints one search of each kind.
func askTrail(ctx context.Context, b *slow, wanted string) error {
	rows, report, ours, err := searchArchive(ctx, b, wanted)
	if err != nil {
		return err
	}
	begin := time.Now()
	lines, err := searchLines(ctx, b, wanted)
	if err != nil {
		return err
	}
	theirs := cost{b.gets.Swap(0), b.bytes.Swap(0), time.Since(begin)}
	if lines != rows {
		return fmt.Errorf("the archive has %d events of the token, the JSON lines %d", rows, lines)
	}
	what := fmt.Sprintf("trail of %d in %d × %d, +%s:", rows, *trailDays, *trailEvents, b.delay)
	row(what+" time", "ms", ours.ms(), theirs.ms())
	row("  requests", "", float64(ours.gets), float64(theirs.gets))
	// A compacted day has one commit; blocks that the writer made at once have one each.
	row("  requests a day of data, one for its commit (peer: the budget)", "", float64(report.Requests)/float64(*trailDays)+1, 20)
	row("  read", "KiB", float64(ours.bytes)/1024, float64(theirs.bytes)/1024)
	opened := report.Files - report.Skipped
	budget := 2*report.Pages + int64(opened)*128<<10
	row(fmt.Sprintf("  read of %d blocks (peer: twice the pages + 128 KiB each)", opened), "KiB", float64(report.Bytes)/1024, float64(budget)/1024)
	row("  the token's own pages, of what was read", "KiB", float64(report.Pages)/1024, float64(report.Bytes)/1024)
	return nil
}

func searchArchive(ctx context.Context, b *slow, wanted string) (rows int, report *archive.Report, c cost, err error) {
	begin := time.Now()
	hits, report := archive.NewReader(b).Search(ctx, archive.Selection{Fingerprints: []string{wanted}})
	for _, err := range hits {
		if err != nil {
			return 0, nil, c, err
		}
		rows++
	}
	c = cost{b.gets.Swap(0), b.bytes.Swap(0), time.Since(begin)}
	return rows, report, c, errors.Join(report.Unreadable...)
}

// cost is what one search took.
type cost struct {
	gets, bytes int64
	took        time.Duration
}

func (c cost) ms() float64 { return float64(c.took.Microseconds()) / 1000 }
