package owner

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/keytrail/keytrail/internal/fingerprint"
)

const (
	// DefaultInterval is how often a file is looked at.
	DefaultInterval = 10 * time.Second
	// StaleAfter is how many intervals without an answer make the rows stale: one may be a restart of the source.
	StaleAfter = 3
	// ringInterval is how often the key ring is compared with the one of the index. A comparison costs a load; after
	// a rotation, events that others stamped miss their owner for at most this long plus the time of a rebuild.
	ringInterval = time.Second
)

// Options of Open.
type Options struct {
	// Source is the name of the directory, which its events carry. Empty: file.
	Source string
	Loader Loader
	// Interval between two loads. Zero: DefaultInterval.
	Interval time.Duration
	// Timeout bounds one load. Zero: none.
	Timeout time.Duration
	// Background leaves the first load to the goroutine that makes the others, so that a slow source does not hold up
	// the start.
	Background bool
	Ring       func() *fingerprint.Ring

	// OnReload is called after each change: with nil when a new directory is in force or the source is good again,
	// with the error when its rows are refused or it does not answer (once per error) and the last good directory
	// stays. rows is how many are in force.
	OnReload func(rows int, err error)

	// OnRotate is called with the tokens that a load shows in the place of older ones, and with how many more there
	// were. Nil: nobody looks for them. The first load of a book shows none: what came before it is not known.
	OnRotate func(found []Rotation, more int)
}

// Book is a directory as it stands now. Readers take the index by one atomic load; a reload builds a new one beside
// it and swaps the pointer, so it never makes a reader wait.
type Book struct {
	o     Options
	index atomic.Pointer[Index]
	stale atomic.Bool

	// The rest belongs to Open and then to the one goroutine that follows the source.
	dir  *Directory
	mark Mark
	good time.Time
	fail string // the error last told, "" while all is well

	ctx  context.Context
	stop context.CancelFunc
	done sync.WaitGroup
}

// Open loads the directory and follows it until Close. A source that cannot be used is told to OnReload and leaves
// the directory empty: events without an owner are worth more than no events.
func Open(o Options) *Book {
	if o.Interval <= 0 {
		o.Interval = DefaultInterval
	}
	if o.Source == "" {
		o.Source = "file"
	}
	b := &Book{o: o, dir: &Directory{source: o.Source}, good: time.Now()}
	b.ctx, b.stop = context.WithCancel(context.Background())
	b.index.Store(NewIndex(b.dir, o.Ring()))
	if !o.Background {
		b.refresh()
	}
	b.done.Go(b.follow)
	return b
}

// Index returns the index in force.
func (b *Book) Index() *Index { return b.index.Load() }

// Stale reports whether the source has not answered for so long that what the index says may be wrong by now.
func (b *Book) Stale() bool { return b.stale.Load() }

// Close stops following the source. The index stays usable.
func (b *Book) Close() {
	b.stop()
	b.done.Wait()
}

func (b *Book) follow() {
	if b.o.Background {
		b.refresh()
	}
	next, ring := time.NewTimer(b.pause()), time.NewTicker(ringInterval)
	defer next.Stop()
	defer ring.Stop()
	for {
		select {
		case <-b.ctx.Done():
			return
		case <-next.C:
			b.refresh()
			next.Reset(b.pause())
		case <-ring.C:
			b.rekey()
		}
	}
}

// pause is the time to the next load. Sources that others share are asked at uneven times, so that a fleet started
// together does not ask together.
func (b *Book) pause() time.Duration {
	if !b.o.Background {
		return b.o.Interval
	}
	return b.o.Interval - time.Duration(rand.Int64N(int64(b.o.Interval)/10+1))
}

// refresh loads what changed and puts it in force if it is good.
func (b *Book) refresh() {
	dir, err := b.load()
	if b.ctx.Err() != nil {
		return // what failed was the end of it
	}
	now := time.Now()
	if err == nil {
		b.good = now
		if dir != nil {
			former := b.dir
			b.dir = dir
			b.index.Store(dir.index(b.o.Ring(), b.index.Load()))
			b.compare(former, now)
		}
	}
	b.stale.Store(now.Sub(b.good) >= StaleAfter*b.o.Interval)
	if !errors.Is(err, errRefused) && (err != nil || dir != nil || b.fail != "") {
		b.tell(err)
	}
}

// load asks the source. No directory without an error means that nothing changed.
func (b *Book) load() (*Directory, error) {
	ctx := b.ctx
	if b.o.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, b.o.Timeout)
		defer cancel()
	}
	since := b.mark
	if b.dir.crowded() {
		since = ""
	}
	read := time.Now()
	rows := newBuilder()
	mark, full, err := b.o.Loader.Load(ctx, since, rows.add)
	news, err := rows.finish(err)
	if err != nil {
		return nil, err
	}
	dir := b.dir
	switch {
	case full && since != "" && mark == since, !full && since != "" && news.rows == 0:
		b.mark = mark
		return nil, nil
	case full || since == "":
		dir = dir.whole(news, read)
	default:
		if dir, err = dir.changed(news, read); err != nil {
			return nil, err
		}
	}
	b.mark = mark
	return dir, nil
}

// rekey builds the index again where the key ring is another than the one it was built under.
func (b *Book) rekey() {
	if ring, x := b.o.Ring(), b.index.Load(); ring != x.Ring() {
		b.index.Store(b.dir.index(ring, x))
	}
}

// compare tells what a load replaced, once the new directory is in force.
func (b *Book) compare(former *Directory, now time.Time) {
	if b.o.OnRotate == nil || former.read.IsZero() {
		return
	}
	if found, more := rotations(former, b.dir, now); len(found) > 0 {
		b.o.OnRotate(found, more)
	}
}

func (b *Book) tell(err error) {
	text := ""
	if err != nil {
		text = err.Error()
		if text == b.fail {
			return
		}
	}
	b.fail = text
	if b.o.OnReload != nil {
		b.o.OnReload(b.dir.Len(), err)
	}
}
