package main

import (
	"context"
	"errors"
	"fmt"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/processor"
)

// copied is how many events a second the bench copies for itself: a processor changes what it is given, so each round
// needs the batch anew. No pipeline makes that copy, so it is taken off both sides.
func copied(batch plog.Logs) sample {
	work := func() int {
		ld := plog.NewLogs()
		batch.CopyTo(ld)
		return ld.LogRecordCount()
	}
	round(roundFor, work)
	var all []sample
	for range rounds {
		all = append(all, round(roundFor, work))
	}
	return median(all)
}

// without is the rate that is left when the time of other is taken off.
func (s sample) without(other sample) float64 { return 1 / (1/s.rate - 1/other.rate) }

// duelProcessors gives both processors the batch and returns their rates without the copies.
func duelProcessors(ours, peer processor.Logs, batch plog.Logs) (a, b float64, err error) {
	through := func(p processor.Logs) func() int {
		return func() int {
			ld := plog.NewLogs()
			batch.CopyTo(ld)
			err = errors.Join(err, p.ConsumeLogs(context.Background(), ld))
			return ld.LogRecordCount()
		}
	}
	copying := copied(batch)
	as, bs := duel(through(ours), through(peer))
	return as.without(copying), bs.without(copying), err
}

// rowThrough is a row of two processors.
func rowThrough(what string, ours, peer processor.Logs, batch plog.Logs) error {
	a, b, err := duelProcessors(ours, peer, batch)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	row(what, "/s", a, b)
	return nil
}
