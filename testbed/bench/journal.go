package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/keytrail/keytrail/internal/journal"
	"github.com/keytrail/keytrail/internal/seal"
)

var journalDir = flag.String("journal-dir", "", "part journal: directory on the disk to measure (default: that of temporary files)")

const (
	journalPayload  = 700 // bytes: about what an event takes in the journal
	journalRounds   = 5
	journalRoundFor = time.Second
)

// journalLoads are the two ways of sending that the contract names, and what of a bare loop's rate it asks for.
var journalLoads = []struct {
	senders, records int
	budget           float64
}{{64, 1, 0.6}, {3, 100, 0.7}}

// benchJournal appends to the journal, plain and sealed, beside a loop that does what no journal can leave out: frame,
// write, fdatasync. The three take turns.
func benchJournal() error {
	for _, l := range journalLoads {
		if err := benchJournalLoad(l.senders, l.records, l.budget); err != nil {
			return err
		}
	}
	return nil
}

func benchJournalLoad(senders, records int, budget float64) (err error) {
	dir, err := os.MkdirTemp(*journalDir, "keytrail-bench-journal-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	sides, err := openSides(dir)
	if err != nil {
		return err
	}
	defer func() {
		for i := range sides {
			err = errors.Join(err, sides[i].close())
		}
	}()
	for range journalRounds {
		for i := range sides {
			if err := sides[i].round(senders, records); err != nil {
				return err
			}
		}
	}
	bare, plain, sealed := &sides[0], &sides[1], &sides[2]
	what := fmt.Sprintf("④ journal, %d × %d records", senders, records)
	row(what+fmt.Sprintf(" (peer: bare loop; budget ≥ %.1f)", budget), "/s", plain.rate(), bare.rate())
	row("  p50 of an acknowledgement", "ms", plain.quantile(0.5), bare.quantile(0.5))
	row("  p99 (budget ≤ 5)", "ms", plain.quantile(0.99), bare.quantile(0.99))
	row("  encrypted at rest (peer: plain)", "/s", sealed.rate(), plain.rate())
	row("  p99 of it (peer: plain)", "ms", sealed.quantile(0.99), plain.quantile(0.99))
	return nil
}

// journalSide is one of those that are compared, and how it did.
type journalSide struct {
	add   func([][]byte) error
	close func() error
	rates []float64
	waits []time.Duration
}

func openSides(dir string) ([]journalSide, error) {
	bare, err := newBareLoop(filepath.Join(dir, "bare"))
	if err != nil {
		return nil, err
	}
	var master [32]byte
	_, _ = rand.Read(master[:]) // never fails
	keys, err := seal.NewKeys(journal.KeyLabel, master[:])
	if err != nil {
		return nil, errors.Join(err, bare.close())
	}
	sides := []journalSide{{add: bare.append, close: bare.close}}
	for _, o := range []journal.Options{
		{Dir: filepath.Join(dir, "plain")},
		{Dir: filepath.Join(dir, "sealed"), Keys: func() (seal.Keys, error) { return keys, nil }},
	} {
		s, err := openSide(o)
		if err != nil {
			for i := range sides {
				err = errors.Join(err, sides[i].close())
			}
			return nil, err
		}
		sides = append(sides, s)
	}
	return sides, nil
}

func openSide(o journal.Options) (journalSide, error) {
	const reader = "archive"
	o.MaxSize = 1 << 40
	o.Destinations = []journal.Destination{{Name: reader, Required: true}}
	j, err := journal.Open(o)
	if err != nil {
		return journalSide{}, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	var passing sync.WaitGroup
	passing.Go(func() { // so that the disk does not fill
		for {
			s, err := j.Next(ctx, reader)
			if err != nil || j.Commit(reader, s.Seq()) != nil {
				return
			}
		}
	})
	return journalSide{
		add: func(p [][]byte) error { return j.Append(ctx, p) },
		close: func() error {
			cancel()
			passing.Wait()
			return j.Close()
		},
	}, nil
}

// round lets the senders append, each as soon as its last records are durable.
func (s *journalSide) round(senders, records int) error {
	payloads := make([][]byte, records)
	for i := range payloads {
		payloads[i] = bytes.Repeat([]byte{byte(i) | 1}, journalPayload)
	}
	errs, waits := make([]error, senders), make([][]time.Duration, senders)
	begin := time.Now()
	var wg sync.WaitGroup
	for i := range senders {
		wg.Go(func() {
			for time.Since(begin) < journalRoundFor && errs[i] == nil {
				sent := time.Now()
				errs[i] = s.add(payloads)
				waits[i] = append(waits[i], time.Since(sent))
			}
		})
	}
	wg.Wait()
	took, all := time.Since(begin), slices.Concat(waits...)
	s.rates = append(s.rates, float64(len(all)*records)/took.Seconds())
	s.waits = append(s.waits, all...)
	return errors.Join(errs...)
}

// rate is that of the median round.
func (s *journalSide) rate() float64 {
	slices.Sort(s.rates)
	return s.rates[len(s.rates)/2]
}

// quantile is in milliseconds, over all rounds.
func (s *journalSide) quantile(q float64) float64 {
	slices.Sort(s.waits)
	return float64(s.waits[int(q*float64(len(s.waits)-1))].Microseconds()) / 1000
}
