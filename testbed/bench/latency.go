package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

const (
	ingestAddress = "localhost:4380"
	openLoopFor   = 10 * time.Second
	openLoopConns = 64
	perPost       = 10
)

// loads are the rates of issue and budget, in events a second.
var loads = []int{5_000, 10_000, 20_000}

// benchLatency sends Kong records to the real binary on the embedded default, ten a body, at a constant rate, and the
// same bytes at the same rate to an empty confighttp handler in a process of its own. The generator has the same
// cores.
func benchLatency() error {
	fmt.Printf("\nHTTP in, open loop, bodies of %d records over %d connections, %d s each\n", perPost, openLoopConns, int(openLoopFor.Seconds()))
	latencyHead()
	dir, err := os.MkdirTemp("", "keytrail-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	for _, events := range loads {
		err := withCollector(filepath.Join(dir, fmt.Sprint(events)), func(int) error {
			if err := warmUp(ingestAddress); err != nil {
				return err
			}
			return latencyRow(fmt.Sprintf("ingest, %d events/s", events), ingestLoop(ingestAddress, events))
		})
		if err != nil {
			return err
		}
		err = withEmptyHandler(func() error {
			return latencyRow(fmt.Sprintf("empty handler, %d events/s", events), ingestLoop(peerAddress, events))
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func latencyHead() {
	fmt.Printf("%-58s %9s %9s %9s %9s %9s %7s\n", "", "asked /s", "got /s", "p50 ms", "p99 ms", "p99.9 ms", "errors")
}

// latencyRow runs a load and prints it; what does not answer 200 is counted, and the first cause is shown.
func latencyRow(what string, o openLoop) error {
	m, err := o.run()
	if err != nil {
		return err
	}
	printLatency(what, o.rate, m)
	return nil
}

func printLatency(what string, rate int, m measured) {
	ms := func(q float64) float64 { return float64(m.at(q).Microseconds()) / 1000 }
	fmt.Printf("%-58s %9d %9.0f %9.2f %9.2f %9.2f %7d\n", what, rate, m.achieved(), ms(0.5), ms(0.99), ms(0.999), m.errors)
	if m.firstErr != nil {
		fmt.Printf("  %.200v\n", m.firstErr)
	}
}

// warmUp lets the server meet the load before it is measured.
func warmUp(address string) error {
	o := ingestLoop(address, loads[0])
	o.length = 2 * time.Second
	m, err := o.run()
	if err == nil && m.errors > 0 {
		err = fmt.Errorf("%d of the warm-up's requests failed: %w", m.errors, m.firstErr)
	}
	return err
}

func ingestLoop(address string, events int) openLoop {
	return openLoop{
		address: address, rate: events / perPost, length: openLoopFor, conns: openLoopConns,
		next: func(conn int) func(int64) []byte {
			var p patched
			return func(seq int64) []byte { return p.post(address, conn, seq) }
		},
	}
}

// patched is a request whose ids and tokens are written over for each sending: to build it anew would cost the
// generator more than the handler under test.
type patched struct {
	request []byte
	ids     []int // where the request ids stand
	tokens  []int // where the numbers of the tokens stand
}

const (
	idMark      = `"request":{"id":"`
	tokenMark   = `"bench-token-`
	idDigits    = 32
	tokenDigits = 12
)

func (p *patched) post(address string, conn int, seq int64) []byte {
	if p.request == nil {
		body := kongBody(conn*perPost, perPost, liveTokens, time.Now())
		p.request = append(fmt.Appendf(nil, "POST /ingest/kong HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", address, len(body)), body...)
		p.ids, p.tokens = marks(p.request, idMark), marks(p.request, tokenMark)
	}
	for i := range p.ids {
		n := seq*perPost + int64(i)
		figures(p.request[p.ids[i]:p.ids[i]+idDigits], n)
		figures(p.request[p.tokens[i]:p.tokens[i]+tokenDigits], n*7919%liveTokens) // a prime: neighbours use other tokens
	}
	return p.request
}

// marks returns where what follows each mark begins.
func marks(b []byte, mark string) (at []int) {
	for from := 0; ; {
		i := bytes.Index(b[from:], []byte(mark))
		if i < 0 {
			return at
		}
		from += i + len(mark)
		at = append(at, from)
	}
}

// figures writes n right-aligned over b.
func figures(b []byte, n int64) {
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = byte('0' + n%10)
		n /= 10
	}
}
