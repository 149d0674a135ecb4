package owner

import (
	"crypto/sha256"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/keytrail/keytrail/internal/fingerprint"
)

const (
	// DefaultInterval is how often the file is looked at.
	DefaultInterval = 10 * time.Second
	// ringInterval is how often the key ring is compared with the one of the index. A comparison costs a load; after
	// a rotation, events that others stamped miss their owner for at most this long plus the time of a rebuild.
	ringInterval = time.Second
	// coarse is the step of the coarsest file clock we know. A file younger than this when it was read may have
	// changed since under the same time and size, so it is read again.
	coarse = 2 * time.Second
)

// Options of Open.
type Options struct {
	Path     string
	Interval time.Duration // zero: DefaultInterval
	Ring     func() *fingerprint.Ring

	// OnReload is called after each change: with nil when a new directory is in force or the file is good again, with
	// the error when the file is refused (once per error) and the last good directory stays. rows is how many are in
	// force.
	OnReload func(rows int, err error)
}

// Book is the directory as it stands now. Readers take the index by one atomic load; a reload builds a new one
// beside it and swaps the pointer, so it never makes a reader wait.
type Book struct {
	o     Options
	index atomic.Pointer[Index]

	// The rest belongs to Open and then to the one goroutine that follows the file.
	dir  *Directory
	seen fs.FileInfo // of the content read last, good or bad
	read time.Time
	sum  [sha256.Size]byte
	fail string // the error last told, "" while all is well

	stop     chan struct{}
	stopOnce sync.Once
	done     sync.WaitGroup
}

// Open reads the file and follows it until Close. A file that cannot be used is told to OnReload and leaves the
// directory empty: events without an owner are worth more than no events.
func Open(o Options) *Book {
	if o.Interval <= 0 {
		o.Interval = DefaultInterval
	}
	b := &Book{o: o, dir: &Directory{}, stop: make(chan struct{})}
	b.index.Store(NewIndex(b.dir, o.Ring()))
	b.refresh()
	b.done.Go(b.follow)
	return b
}

// Index returns the index in force.
func (b *Book) Index() *Index { return b.index.Load() }

// Close stops following the file. The index stays usable.
func (b *Book) Close() {
	b.stopOnce.Do(func() { close(b.stop) })
	b.done.Wait()
}

func (b *Book) follow() {
	file, ring := time.NewTicker(b.o.Interval), time.NewTicker(ringInterval)
	defer file.Stop()
	defer ring.Stop()
	for {
		select {
		case <-b.stop:
			return
		case <-file.C:
			b.refresh()
		case <-ring.C:
			b.rekey()
		}
	}
}

// refresh reads the file if it may have changed, and puts it in force if it did and is good.
func (b *Book) refresh() {
	data, changed, err := b.content()
	if err == nil && !changed {
		return
	}
	if err == nil {
		var d *Directory
		if d, err = parseFile(b.o.Path, data, time.Now()); err == nil {
			b.dir = d
			b.index.Store(NewIndex(d, b.o.Ring()))
		}
	}
	b.tell(err)
}

// content returns the file's bytes and whether they differ from those read last.
func (b *Book) content() ([]byte, bool, error) {
	info, err := os.Stat(b.o.Path)
	if err != nil {
		b.seen = nil // whatever comes back is new, even if it is the same file
		return nil, false, err
	}
	if b.same(info) {
		return nil, false, nil
	}
	read := time.Now()
	data, err := readFile(b.o.Path)
	if err != nil {
		b.seen = nil
		return nil, false, err
	}
	sum := sha256.Sum256(data)
	changed := b.seen == nil || sum != b.sum
	b.seen, b.read, b.sum = info, read, sum
	return data, changed, nil
}

func (b *Book) same(info fs.FileInfo) bool {
	return b.seen != nil && os.SameFile(b.seen, info) && b.seen.Size() == info.Size() &&
		b.seen.ModTime().Equal(info.ModTime()) && b.read.Sub(info.ModTime()) > coarse
}

// rekey builds the index again where the key ring is another than the one it was built under.
func (b *Book) rekey() {
	if ring := b.o.Ring(); ring != b.index.Load().Ring() {
		b.index.Store(NewIndex(b.dir, ring))
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
