// Command bench prints the figures of docs/benchmarks.md, each beside a peer measured in the same run, as a ratio.
//
// In-process parts run on one core (GOMAXPROCS=1); ours and the peer's rounds alternate, and the median round counts.
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
)

// part is one table row or more.
type part struct {
	name string
	run  func() error
}

func main() {
	only := flag.String("only", "", "comma-separated parts to run: receiver, processor, whole (default: all)")
	flag.Parse()
	log.SetFlags(0)
	fmt.Printf("%s, %s/%s, %d CPUs\n\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	fmt.Printf("%-58s %14s %14s %8s\n", "", "ours", "peer", "ratio")
	for _, p := range []part{{"receiver", benchReceiver}, {"processor", benchProcessor}, {"whole", benchWhole}} {
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

// sample is the rate of one side: things a second, and allocations a thing.
type sample struct{ rate, allocs float64 }

// duel runs a and b in alternating rounds and returns the median of each; both return how many things they did.
func duel(a, b func() int) (sample, sample) {
	var as, bs []sample
	round(a)
	round(b)
	for range rounds {
		as = append(as, round(a))
		bs = append(bs, round(b))
	}
	return median(as), median(bs)
}

func round(f func() int) sample {
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	n, begin := 0, time.Now()
	for time.Since(begin) < roundFor {
		n += f()
	}
	took := time.Since(begin).Seconds()
	runtime.ReadMemStats(&after)
	return sample{float64(n) / took, float64(after.Mallocs-before.Mallocs) / float64(n)}
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
