package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/keytrail/keytrail/internal/seal"
)

// Defaults of Options.
const (
	DefaultMaxSize     = 10 << 30
	DefaultSegmentSize = 64 << 20
	DefaultSegmentAge  = time.Minute
)

// MaxRecord bounds one payload: a length beyond it is taken for damage, not for a reason to allocate.
const MaxRecord = 16 << 20

// Why the journal refuses. All but ErrTooLarge pass with time or with a restart: the sender may retry.
var (
	ErrFull     = errors.New("journal: full")
	ErrClosed   = errors.New("journal: closed")
	ErrTooLarge = errors.New("journal: record size is out of bounds")
)

// Options configure a journal.
type Options struct {
	Dir          string
	MaxSize      int64         // bytes of records it may hold before it refuses; 0 means DefaultMaxSize
	SegmentSize  int64         // a segment closes before it grows beyond this; 0 means DefaultSegmentSize
	SegmentAge   time.Duration // and when its first record is this old; 0 means DefaultSegmentAge
	Destinations []Destination // who must have passed a segment before it goes

	// Keys gives the keys of encryption at rest: the first seals new segments, all open. It is asked for every new
	// segment, so that keys may change meanwhile. Nil leaves records plain, and opens no sealed segment.
	Keys func() (seal.Keys, error)

	// OnSync, if set, is told of every group made durable. It runs on the committing goroutine: it must not block.
	OnSync func(Sync)

	create func(path string) (file, error) // tests inject faults here
}

// Destination is one reader of the journal with a cursor of its own.
type Destination struct {
	Name string
	// Required destinations may fill the journal, which then refuses. Another one leaves it once it is half full:
	// what it misses is in the blocks of those who have passed.
	Required bool
}

// Sync describes one group of records made durable together.
type Sync struct {
	Records int
	Bytes   int64
	Took    time.Duration // of the fdatasync alone
}

// Journal is an open journal. Its methods are safe for concurrent use.
type Journal struct {
	o      Options
	writer ulid.ULID
	lock   io.Closer

	mu       sync.Mutex
	group    *group     // what the committer takes next
	inflight int64      // bytes of the group being written
	closed   []*segment // in order of their sequence
	live     *segment   // being written, nil while there is none
	cursors  map[string]cursor
	gaps     map[string]Gap // what destinations were taken past and have not made up for
	changed  chan struct{}  // closed and replaced when a segment closes, and closed for good with the journal
	refusing error          // why appends are refused, nil while they are not
	shut     bool           // Close was called
	count    counters

	wake   chan struct{}      // a group waits
	rotate chan chan struct{} // asks for the live segment to be closed
	stop   chan struct{}
	done   chan struct{} // the committer has ended
	ending sync.Once

	cursorFile sync.Mutex // one replacement of the cursor file at a time
}

// Open opens the journal in o.Dir, creates it if it is not there, and recovers what a crash left.
func Open(o Options) (*Journal, error) {
	o = o.withDefaults()
	if err := o.check(); err != nil {
		return nil, err
	}
	if err := makeDir(o.Dir); err != nil {
		return nil, err
	}
	lock, err := lockFile(filepath.Join(o.Dir, lockName))
	if err != nil {
		return nil, fmt.Errorf("journal: directory %s is in use by another process: %w", o.Dir, err)
	}
	j := &Journal{
		o:       o,
		lock:    lock,
		group:   newGroup(nil),
		changed: make(chan struct{}),
		wake:    make(chan struct{}, 1),
		rotate:  make(chan chan struct{}),
		stop:    make(chan struct{}),
		done:    make(chan struct{}),
	}
	c, err := j.recover()
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	go c.run()
	return j, nil
}

func (o Options) withDefaults() Options {
	if o.MaxSize == 0 {
		o.MaxSize = DefaultMaxSize
	}
	if o.SegmentSize == 0 {
		o.SegmentSize = DefaultSegmentSize
	}
	if o.SegmentAge == 0 {
		o.SegmentAge = DefaultSegmentAge
	}
	if o.create == nil {
		o.create = createFile
	}
	return o
}

// keys returns the keys in force, none for a journal without encryption.
func (o *Options) keys() (seal.Keys, error) {
	if o.Keys == nil {
		return nil, nil
	}
	keys, err := o.Keys()
	if err == nil && len(keys) == 0 {
		err = errors.New("none is given")
	}
	if err != nil {
		return nil, fmt.Errorf("journal: keys: %w", err)
	}
	return keys, nil
}

func (o Options) check() error {
	switch {
	case o.Dir == "":
		return errors.New("journal: directory must not be empty")
	case o.SegmentSize <= sealedHeaderSize || o.SegmentAge < 0:
		return fmt.Errorf("journal: segment size %d and age %s must be positive", o.SegmentSize, o.SegmentAge)
	case o.MaxSize < 2*o.SegmentSize:
		return fmt.Errorf("journal: max size %d must hold two segments of %d", o.MaxSize, o.SegmentSize)
	case len(o.Destinations) == 0:
		return errors.New("journal: at least one destination is needed")
	}
	return nil
}

// Writer returns the ULID of this journal: the same for as long as the directory lives.
func (j *Journal) Writer() string { return j.writer.String() }

// Rotate closes the live segment, if it holds records, so that Next can give it out.
func (j *Journal) Rotate() error {
	reply := make(chan struct{})
	select {
	case j.rotate <- reply:
	case <-j.done:
		return ErrClosed
	}
	<-reply
	return nil
}

// Drain refuses appends from now on and closes the live segment. Next still gives out what is left, then
// ErrClosed; cursors still move.
func (j *Journal) Drain() {
	j.mu.Lock()
	if j.refusing == nil {
		j.refusing = ErrClosed
	}
	j.mu.Unlock()
	j.ending.Do(func() { close(j.stop) })
	<-j.done
}

// Close drains the journal and gives its directory free. What no destination has passed stays for the next Open.
func (j *Journal) Close() error {
	j.Drain()
	j.cursorFile.Lock() // a cursor on its way to the disk gets there under the lock
	defer j.cursorFile.Unlock()
	j.mu.Lock()
	if j.shut {
		j.mu.Unlock()
		return nil
	}
	j.shut = true
	j.broadcast()
	j.mu.Unlock()
	return j.lock.Close()
}

// broadcast wakes everybody who waits for a segment. The caller holds mu.
func (j *Journal) broadcast() {
	close(j.changed)
	j.changed = make(chan struct{})
}

// drained reports whether no segment will be added any more.
func (j *Journal) drained() bool {
	select {
	case <-j.done:
		return true
	default:
		return false
	}
}

// makeDir creates the directory, or takes group and others out of one that is there.
func makeDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("journal: directory: %w", err)
	}
	fi, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("journal: directory: %w", err)
	}
	if mode := fi.Mode().Perm(); mode&0o077 != 0 {
		if err := os.Chmod(dir, 0o700); err != nil {
			return fmt.Errorf("journal: directory %s must be closed to group and others, found %o; use a directory of its own: %w", dir, mode, err)
		}
	}
	return syncDir(filepath.Dir(dir))
}

// wait blocks until ch is closed or ctx ends.
func wait(ctx context.Context, ch <-chan struct{}) error {
	select {
	case <-ch:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
