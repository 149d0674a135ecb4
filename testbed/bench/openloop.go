package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// openLoop sends requests at a constant rate whatever the server does. A request's latency counts from the moment it
// was due, not from when a connection was free: a server that stalls makes all that wait behind the stall late, and
// the figures say so (no coordinated omission).
type openLoop struct {
	address string
	rate    int // requests a second
	length  time.Duration
	conns   int // kept alive
	// next writes the request at hand into b and returns it; each connection has its own.
	next func(conn int) func(seq int64) []byte
}

// measured are the latencies of one run, sorted.
type measured struct {
	latencies []time.Duration
	errors    int
	took      time.Duration
	firstErr  error
}

func (m *measured) at(quantile float64) time.Duration {
	if len(m.latencies) == 0 {
		return 0
	}
	return m.latencies[min(len(m.latencies)-1, int(quantile*float64(len(m.latencies))))]
}

// achieved is the rate of answers with 200.
func (m *measured) achieved() float64 { return float64(len(m.latencies)) / m.took.Seconds() }

func (o openLoop) run() (measured, error) {
	total := int(o.length.Seconds() * float64(o.rate))
	conns := make([]*wire, o.conns)
	for i := range conns {
		conns[i] = &wire{address: o.address}
		if err := conns[i].dial(); err != nil {
			return measured{}, err
		}
		defer conns[i].close()
	}
	due := make(chan time.Time, total) // holds them all: the clock never waits for a connection
	results := make([]measured, o.conns)
	var seq atomic.Int64
	var wg sync.WaitGroup
	for i, w := range conns {
		request := o.next(i)
		wg.Go(func() { results[i] = w.serve(due, func() []byte { return request(seq.Add(1)) }) })
	}
	begin := time.Now()
	tick(due, begin, total, o.rate)
	wg.Wait()
	all := measured{took: time.Since(begin)}
	for _, r := range results {
		all.latencies = append(all.latencies, r.latencies...)
		all.errors += r.errors
		all.firstErr = errors.Join(all.firstErr, r.firstErr)
	}
	slices.Sort(all.latencies)
	return all, nil
}

// tick puts each request's moment into due when it comes. The runtime's timers come up to a millisecond late, the
// kernel's hardly fifty microseconds.
func tick(due chan<- time.Time, begin time.Time, total, rate int) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for i := range total {
		at := begin.Add(time.Duration(i) * time.Second / time.Duration(rate))
		for wait := time.Until(at); wait > 0; wait = time.Until(at) {
			ts := unix.NsecToTimespec(int64(wait))
			_ = unix.Nanosleep(&ts, nil) // cut short by a signal, it is slept again
		}
		due <- at
	}
	close(due)
}

// wire is one kept-alive connection; it reads of an answer only what it needs.
type wire struct {
	address string
	conn    net.Conn
	in      *bufio.Reader
}

const answerTimeout = 30 * time.Second

func (w *wire) dial() error {
	conn, err := net.Dial("tcp", w.address)
	if err != nil {
		return err
	}
	w.conn, w.in = conn, bufio.NewReader(conn)
	return nil
}

func (w *wire) close() {
	if w.conn != nil {
		w.conn.Close()
	}
}

func (w *wire) serve(due <-chan time.Time, request func() []byte) (m measured) {
	prepared := request()
	for at := range due {
		err := w.exchange(prepared)
		if err == nil {
			m.latencies = append(m.latencies, time.Since(at))
		} else {
			m.errors++
			if m.firstErr == nil {
				m.firstErr = err
			}
		}
		prepared = request()
	}
	return m
}

// exchange sends a request and reads its answer; after an error the connection is a new one.
func (w *wire) exchange(request []byte) error {
	err := w.conn.SetDeadline(time.Now().Add(answerTimeout))
	if err == nil {
		_, err = w.conn.Write(request)
	}
	var status int
	if err == nil {
		status, err = w.answer()
	}
	if err != nil {
		w.close()
		return errors.Join(err, w.dial())
	}
	if status != 200 {
		return fmt.Errorf("answered %d", status)
	}
	return nil
}

var contentLength = []byte("content-length:")

// answer reads an answer with a length, as every server here gives one.
func (w *wire) answer() (status int, err error) {
	length := 0
	for first := true; ; first = false {
		line, err := w.in.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		line = bytes.TrimRight(line, "\r\n")
		switch {
		case first:
			if len(line) < len("HTTP/1.1 200") {
				return 0, fmt.Errorf("status line of %d bytes", len(line))
			}
			if status, err = strconv.Atoi(string(line[9:12])); err != nil {
				return 0, err
			}
		case len(line) == 0:
			_, err := io.CopyN(io.Discard, w.in, int64(length))
			return status, err
		case len(line) > len(contentLength) && bytes.EqualFold(line[:len(contentLength)], contentLength):
			if length, err = strconv.Atoi(string(bytes.TrimSpace(line[len(contentLength):]))); err != nil {
				return 0, err
			}
		}
	}
}
