// Command bench prints the figures of docs/benchmarks.md, each beside a peer measured in the same run, as a ratio.
//
// In-process parts run on one core (GOMAXPROCS=1) and are measured in its processor time; ours and the peer's rounds
// alternate, and the median round counts.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// part is one table row or more.
type part struct {
	name string
	run  func() error
}

// verbose asks for what totals are made of.
var verbose bool

func main() {
	only := flag.String("only", "", "comma-separated parts to run: receiver, processor, rules, fingerprint, owners, reload, corpus, whole, latency, capture, erase, journal, size, trail (default: all)")
	serve := flag.String("serve-empty", "", "only serve the empty handler of the peers on this address")
	flag.BoolVar(&verbose, "v", false, "print what totals are made of: in the corpus, each rule")
	flag.Parse()
	log.SetFlags(0)
	if *serve != "" {
		log.Fatal(serveEmpty(*serve))
	}
	fmt.Printf("%s, %s/%s, %d CPUs\n\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	fmt.Printf("%-58s %14s %14s %8s\n", "", "ours", "peer", "ratio")
	for _, p := range []part{
		{"processor", benchProcessor}, {"rules", benchRules}, {"fingerprint", benchFingerprint}, {"owners", benchOwners}, {"reload", benchReload}, {"corpus", benchCorpus}, {"whole", benchWhole}, {"receiver", benchReceiver}, {"latency", benchLatency}, {"capture", benchCapture}, {"erase", benchErase},
		{"journal", benchJournal}, {"size", benchSize}, {"trail", benchTrail},
	} {
		if *only != "" && !slices.Contains(strings.Split(*only, ","), p.name) {
			continue
		}
		if err := p.run(); err != nil {
			log.Printf("%s: %v", p.name, err)
			os.Exit(1)
		}
	}
}

func row(what, unit string, ours, peer float64) {
	fmt.Printf("%-58s %14s %14s %8.2f\n", what, amount(ours)+" "+unit, amount(peer)+" "+unit, ours/peer)
}

func amount(v float64) string {
	if v >= 1000 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.1f", v)
}

const (
	rounds   = 7
	roundFor = 700 * time.Millisecond
)

// sample is the rate of one side: things a second of processor time, and allocations and allocated bytes a thing.
type sample struct{ rate, allocs, bytes float64 }

// duel runs a and b in alternating rounds and returns the median of each; both return how many things they did.
func duel(a, b func() int) (sample, sample) { return duelFor(rounds, roundFor, a, b) }

func duelFor(rounds int, each time.Duration, a, b func() int) (sample, sample) {
	var as, bs []sample
	round(each, a)
	round(each, b)
	for range rounds {
		as = append(as, round(each, a))
		bs = append(bs, round(each, b))
	}
	return median(as), median(bs)
}

func round(each time.Duration, f func() int) sample {
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	n, begin, worked := 0, time.Now(), processTime()
	for time.Since(begin) < each {
		n += f()
	}
	took := (processTime() - worked).Seconds()
	runtime.ReadMemStats(&after)
	return sample{
		rate:   float64(n) / took,
		allocs: float64(after.Mallocs-before.Mallocs) / float64(n),
		bytes:  float64(after.TotalAlloc-before.TotalAlloc) / float64(n),
	}
}

// processTime is the processor time of this process so far, garbage collection included. Beside other work on the same
// cores it says what the clock on the wall does not: how much a core gets done.
func processTime() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		panic(err) // it has no way to fail with these arguments
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func median(s []sample) sample {
	slices.SortFunc(s, func(a, b sample) int {
		switch {
		case a.rate < b.rate:
			return -1
		case a.rate > b.rate:
			return 1
		}
		return 0
	})
	return s[len(s)/2]
}

// oneCore runs f with a single processor.
func oneCore(f func() error) error {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	return f()
}
