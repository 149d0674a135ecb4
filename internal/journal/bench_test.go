package journal

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// payloadSize is about what one event of the gateway takes in event.Record's byte form.
const payloadSize = 700

// shapes are the two ways of sending that the budgets name.
var shapes = []struct{ senders, records int }{{64, 1}, {3, 100}}

// BenchmarkAppend is the journal; BenchmarkBareLoop beside it does only what no journal can leave out: frame,
// write and sync, one goroutine for the same senders. The budget is the ratio of the two.
func BenchmarkAppend(b *testing.B) {
	for _, s := range shapes {
		b.Run(fmt.Sprintf("senders=%d/records=%d", s.senders, s.records), func(b *testing.B) {
			j, err := Open(Options{Dir: b.TempDir(), MaxSize: 1 << 40, Destinations: []Destination{{Name: "archive", Required: true}}})
			require.NoError(b, err)
			consume(b, j)
			send(b, s.senders, s.records, func(p [][]byte) error { return j.Append(b.Context(), p) })
			b.StopTimer()
			require.NoError(b, j.Close())
		})
	}
}

func BenchmarkBareLoop(b *testing.B) {
	for _, s := range shapes {
		b.Run(fmt.Sprintf("senders=%d/records=%d", s.senders, s.records), func(b *testing.B) {
			l := newBareLoop(b)
			send(b, s.senders, s.records, l.append)
			b.StopTimer()
			l.close()
		})
	}
}

// send lets senders append until b.N records are durable.
func send(b *testing.B, senders, records int, add func([][]byte) error) {
	payloads := make([][]byte, records)
	for i := range payloads {
		payloads[i] = bytes.Repeat([]byte{byte(i) | 1}, payloadSize)
	}
	b.SetBytes(payloadSize)
	b.ResetTimer()
	var wg sync.WaitGroup
	for range senders {
		wg.Go(func() {
			for n := 0; n < b.N; n += senders * records {
				if err := add(payloads); err != nil {
					b.Error(err)
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
}

// consume passes every segment at once, so that the disk does not fill.
func consume(b *testing.B, j *Journal) {
	go func() {
		for {
			s, err := j.Next(b.Context(), "archive")
			if err != nil {
				return
			}
			if err := j.Commit("archive", s.Seq()); err != nil {
				return
			}
		}
	}()
}

// bareLoop is a framing and fdatasync loop with nothing around it.
type bareLoop struct {
	f    file
	work chan bareAppend
	done chan struct{}
}

type bareAppend struct {
	payloads [][]byte
	done     chan error
}

func newBareLoop(b *testing.B) *bareLoop {
	f, err := os.Create(filepath.Join(b.TempDir(), "bare"))
	require.NoError(b, err)
	l := &bareLoop{f: osFile{f}, work: make(chan bareAppend, 1024), done: make(chan struct{})}
	go l.run()
	return l
}

func (l *bareLoop) append(p [][]byte) error {
	a := bareAppend{p, make(chan error, 1)}
	l.work <- a
	return <-a.done
}

func (l *bareLoop) run() {
	defer close(l.done)
	var buf []byte
	var off int64
	var waiting []chan error
	for a := range l.work {
		buf, waiting = buf[:0], waiting[:0]
		for ok := true; ok; {
			for _, p := range a.payloads {
				buf = appendFrame(buf, p)
			}
			waiting = append(waiting, a.done)
			select {
			case a, ok = <-l.work:
			default:
				ok = false
			}
		}
		_, err := l.f.WriteAt(buf, off)
		if err == nil {
			err = l.f.Datasync()
		}
		off += int64(len(buf))
		for _, w := range waiting {
			w <- err
		}
	}
}

func (l *bareLoop) close() {
	close(l.work)
	<-l.done
	_ = l.f.Close()
}

// BenchmarkTail reads what a minute at 20,000 events/s leaves in the live segment.
func BenchmarkTail(b *testing.B) {
	dir := b.TempDir()
	j, err := Open(Options{Dir: dir, SegmentAge: time.Hour, Destinations: []Destination{{Name: "archive", Required: true}}})
	require.NoError(b, err)
	payloads := make([][]byte, 1000)
	for i := range payloads {
		payloads[i] = bytes.Repeat([]byte{byte(i) | 1}, payloadSize)
	}
	for range 60 {
		require.NoError(b, j.Append(b.Context(), payloads))
	}
	b.SetBytes(60_000 * payloadSize)
	for b.Loop() {
		n := 0
		for _, err := range Tail(dir) {
			require.NoError(b, err)
			n++
		}
		require.Equal(b, 60_000, n)
	}
	require.NoError(b, j.Close())
}
