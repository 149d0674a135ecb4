package main

import (
	"context"
	"encoding/hex"
	"flag"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/keytrail/keytrail/internal/archive"
	"github.com/keytrail/keytrail/internal/archive/bucket"
	"github.com/keytrail/keytrail/internal/event"
)

var (
	eraseDays   = flag.Int("erase-days", 5, "part erase: event days of the archive")
	eraseEvents = flag.Int("erase-events", 20_000, "part erase: events a day")
	eraseOwners = flag.Int("erase-owners", 1000, "part erase: owners, each as busy as the others")
)

// benchErase erases one owner of many: how long it takes, what it rewrites, and that it took all of his rows and no
// others. The peer of each figure is what the archive holds in all.
func benchErase() (err error) {
	dir, err := os.MkdirTemp("", "keytrail-erase")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	b, err := bucket.OpenDir(filepath.Join(dir, "archive"))
	if err != nil {
		return err
	}
	now := time.Now()
	first := now.UTC().Truncate(24*time.Hour).AddDate(0, 0, -*eraseDays)
	began := time.Now()
	if err := fillErase(b, first, now); err != nil {
		return err
	}
	if _, err := archive.Compact(context.Background(), b, archive.CompactOptions{Staging: dir}); err != nil {
		return err
	}
	fmt.Printf("erase: archive of %d days × %d events made in %s\n", *eraseDays, *eraseEvents, time.Since(began).Round(time.Second))
	inv, err := archive.TakeInventory(context.Background(), b)
	if err != nil {
		return err
	}
	var rows, size int64
	for _, f := range inv.Blocks {
		rows, size = rows+f.Rows, size+f.Size
	}
	signer, err := archive.CreateSigner(filepath.Join(dir, "key.pem"))
	if err != nil {
		return err
	}
	began = time.Now()
	r, err := archive.Erase(context.Background(), b, archive.EraseOptions{
		Owner: eraseOwner(7), Until: now, Now: now, By: "bench", Signer: signer, Staging: dir})
	if err != nil {
		return err
	}
	took := time.Since(began)
	row("erase one owner of "+fmt.Sprint(*eraseOwners)+": rows, of all", "", float64(r.Rewritten.Dropped), float64(rows))
	row("  bytes rewritten, of all", "B", float64(r.Rewritten.BytesOut), float64(size))
	fmt.Printf("%-58s %14s\n", "  time", took.Round(time.Millisecond))
	return checkErase(b, r, rows)
}

func eraseOwner(n int) string { return fmt.Sprintf("u-%04d", n) }

// checkErase counts what is left and what the neighbours kept, by a search of everything, and reads the receipt.
func checkErase(b bucket.Bucket, r *archive.EraseReport, before int64) error {
	count := func(s archive.Selection) (n int64, err error) {
		s.Keys = []string{event.KeyEventID}
		rows, _ := archive.NewReader(b).Search(context.Background(), s)
		for _, err := range rows {
			if err != nil {
				return n, err
			}
			n++
		}
		return n, nil
	}
	left, err := count(archive.Selection{Owner: []string{eraseOwner(7)}})
	if err != nil {
		return err
	}
	others, err := count(archive.Selection{})
	if err != nil {
		return err
	}
	receipt, err := archive.ReadReceipt(context.Background(), b, r.ID)
	if err != nil {
		return err
	}
	fmt.Printf("%-58s %14d\n%-58s %14d\n%-58s %14s\n", "  rows of the owner left", left,
		"  rows of the others lost", before-r.Rewritten.Dropped-others, "  receipt verifies, rows in it", fmt.Sprint(receipt.Rows))
	if left != 0 || others != before-r.Rewritten.Dropped || receipt.Rows != r.Rewritten.Dropped {
		return fmt.Errorf("erasure is wrong: %d rows left, %d of others, %d before, %d erased", left, others, before, r.Rewritten.Dropped)
	}
	return nil
}

// eraseSegment is how many events share a block before compaction.
const eraseSegment = 50_000

func fillErase(b bucket.Bucket, first, now time.Time) error {
	classes := archive.ShippedClasses()
	classes[0].Keep = time.Duration(*eraseDays+2) * 24 * time.Hour // everything, for as long as the story goes
	w, err := archive.NewWriter(b, archive.WriterOptions{Writer: "BENCH", Classes: classes, Now: func() time.Time { return now }})
	if err != nil {
		return err
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	seq := uint64(0)
	for d := range *eraseDays {
		for from := 0; from < *eraseEvents; from += eraseSegment {
			seq++
			n := min(eraseSegment, *eraseEvents-from)
			if _, err := w.WriteSegment(context.Background(), seq, eraseTraffic(rnd, first.AddDate(0, 0, d), from, n)); err != nil {
				return err
			}
		}
	}
	return nil
}

func eraseTraffic(rnd *rand.Rand, day time.Time, from, n int) iter.Seq[*event.Record] {
	step := 24 * time.Hour / time.Duration(*eraseEvents)
	return func(yield func(*event.Record) bool) {
		for i := range n {
			owner := rnd.IntN(*eraseOwners)
			at := day.Add(time.Duration(from+i) * step)
			r := &event.Record{Name: event.NameRequest, Time: at.UnixNano(), Observed: at.UnixNano(), Severity: 9,
				Scope: event.Scope{Ring: "bench", Epoch: 1, Check: "00000000"}, Classes: []string{"full", "trail"}}
			var id [16]byte
			for j := range id {
				id[j] = byte(rnd.Uint32())
			}
			r.TraceID = id
			r.Resource.Add(event.KeyServiceName, event.String("orders"))
			fp := fmt.Sprintf("kt1_%016x%016x", uint64(owner+1)*0x9E3779B97F4A7C15, owner*3+rnd.IntN(3))
			for _, a := range []event.Attr{
				{Key: event.KeyEventID, Value: event.String(hex.EncodeToString(id[:]))},
				{Key: event.KeyRedaction, Value: event.String(event.RedactionDone)},
				{Key: event.KeyFingerprint, Value: event.String(fp)},
				{Key: event.KeyPrincipal, Value: event.String(fp)},
				{Key: event.KeyOwnerID, Value: event.String(eraseOwner(owner))},
				{Key: event.KeyMethod, Value: event.String("GET")},
				{Key: event.KeyPath, Value: event.String(fmt.Sprintf("/v1/orders/%d", rnd.IntN(1e6)))},
				{Key: event.KeyRoute, Value: event.String("/v1/orders/{id}")},
				{Key: event.KeyStatus, Value: event.Int(200)},
				{Key: event.KeyDuration, Value: event.Double(rnd.Float64() / 10)},
				{Key: event.KeyClientAddress, Value: event.String(fmt.Sprintf("192.0.2.%d", rnd.IntN(256)))},
				{Key: event.KeyUserAgent, Value: event.String("curl/8.9.1")},
			} {
				r.Attrs = append(r.Attrs, a)
			}
			if !yield(r) {
				return
			}
		}
	}
}
