package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processortest"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/event/plogevent"
	"github.com/keytrail/keytrail/processor/tokenownerprocessor"
)

const (
	reloadWindows = 4 // of each sort
	reloadWindow  = 5 * time.Second
	reloadRecords = 1000 // a second
	// reloadBudget is how much later a record may be because of a reload.
	reloadBudget = 5 * time.Millisecond
)

// benchReload sends single records at a constant rate, in turns while the file of owners changes every second and while
// it does not. A record's time is that from its call to its return.
func benchReload() error {
	dir, err := os.MkdirTemp("", "keytrail-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	file, other := filepath.Join(dir, "owners.csv"), filepath.Join(dir, "other.csv")
	if err := errors.Join(writeOwners(file, "payments"), writeOwners(other, "orders")); err != nil {
		return err
	}
	live := filepath.Join(dir, "live.csv")
	if err := replace(file, live); err != nil {
		return err
	}
	seen := make(map[string]int) // records by the team they were given
	p, err := startOwned(dir, live, seen)
	if err != nil {
		return err
	}
	defer func() { _ = p.Shutdown(context.Background()) }()

	var still, busy []time.Duration
	for range reloadWindows {
		settle()
		took, err := feed(p, func(int) error { return nil })
		if err != nil {
			return err
		}
		still = append(still, took...)
		took, err = feed(p, func(second int) error { return replace([]string{other, file}[second%2], live) })
		if err != nil {
			return err
		}
		busy = append(busy, took...)
	}
	fmt.Printf("\nA record in token_owner, %d records/s, %d windows of %s each in turns\n", reloadRecords, reloadWindows, reloadWindow)
	fmt.Printf("%-58s %9s %9s %9s %9s %9s\n", "", "records", "p50 ms", "p99.9 ms", "max ms", "> 5 ms")
	printTimes("owners at rest", still)
	printTimes(fmt.Sprintf("a file of %d owners changes every second", ownerRows), busy)
	fmt.Printf("records by the team of their owner: %v\n", seen)
	if seen["payments"] == 0 || seen["orders"] == 0 || seen[""] > 0 {
		return errors.New("each record must have an owner, and both files must have been in force")
	}
	return nil
}

// replace makes path the file from by a rename, as docs/owners.md asks.
func replace(from, path string) error {
	link := path + ".new"
	_ = os.Remove(link) // a rename onto the same file leaves it
	return errors.Join(os.Link(from, link), os.Chtimes(link, time.Time{}, time.Now()), os.Rename(link, path))
}

func startOwned(dir, file string, seen map[string]int) (processor.Logs, error) {
	f := tokenownerprocessor.NewFactory()
	cfg := f.CreateDefaultConfig()
	err := confmap.NewFromStringMap(map[string]any{
		"keyring": map[string]any{"path": filepath.Join(dir, "ring", "keyring.yaml"), "create": true},
		"owners":  map[string]any{"file": map[string]any{"path": file, "interval": "1s"}},
	}).Unmarshal(cfg)
	if err != nil {
		return nil, err
	}
	sink, err := consumer.NewLogs(func(_ context.Context, ld plog.Logs) error {
		team, _ := ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).Attributes().Get(event.KeyOwnerTeam)
		text := ""
		if team != (pcommon.Value{}) {
			text = team.Str()
		}
		seen[text]++
		return nil
	})
	if err != nil {
		return nil, err
	}
	p, err := f.CreateLogs(context.Background(), processortest.NewNopSettings(f.Type()), cfg, sink)
	if err != nil {
		return nil, err
	}
	return p, p.Start(context.Background(), componenttest.NewNopHost())
}

// feed sends the records of one window and calls each at the beginning of each second.
func feed(p processor.Logs, each func(second int) error) ([]time.Duration, error) {
	due := make(chan time.Time, reloadRecords)
	total := reloadRecords * int(reloadWindow.Seconds())
	go tick(due, time.Now(), total, reloadRecords)
	var took []time.Duration
	var failed error
	for n := range total {
		<-due
		if n%reloadRecords == 0 {
			failed = errors.Join(failed, each(n/reloadRecords))
		}
		ld := ownedRecord(n)
		begin := time.Now()
		err := p.ConsumeLogs(context.Background(), ld)
		took = append(took, time.Since(begin))
		failed = errors.Join(failed, err)
	}
	return took, failed
}

func ownedRecord(n int) plog.Logs {
	ld := plog.NewLogs()
	lr := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	lr.SetTimestamp(pcommon.NewTimestampFromTime(time.Now()))
	plogevent.WriteAttrs(cleanEvent(n), lr.Attributes())
	lr.Attributes().PutEmptySlice(event.PrefixRequestHeader + "x-api-key").AppendEmpty().SetStr(ownedToken(n * 7919 % ownerRows))
	return ld
}

// settle waits until this process is at rest: until a reload that is under way has ended.
func settle() {
	const look = 300 * time.Millisecond
	for {
		before := processTime()
		time.Sleep(look)
		if processTime()-before < look/20 {
			return
		}
	}
}

func printTimes(what string, took []time.Duration) {
	slices.Sort(took)
	ms := func(q float64) float64 {
		return float64(took[min(len(took)-1, int(q*float64(len(took))))].Microseconds()) / 1000
	}
	late := 0
	for _, d := range took {
		if d > reloadBudget {
			late++
		}
	}
	fmt.Printf("%-58s %9d %9.2f %9.2f %9.2f %9d\n", what, len(took), ms(0.5), ms(0.999), ms(1), late)
}
