package fingerprint

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"sync/atomic"
	"time"
)

// reloadInterval keeps the promise of ten seconds with room for a slow disk. The file is small and is read whole each
// time: comparing content cannot miss what comparing times on a coarse clock can.
const reloadInterval = 4 * time.Second

// Options of Open.
type Options struct {
	// Create makes a ring where there is none.
	Create bool
	// Guards are asked before a ring is created; an archive beside the file is always looked for.
	Guards []Guard
	// OnReload is called from the watching goroutine: with nil when the ring changed or its file is good again, with
	// the error when the file is refused and the last good ring stays (once per error).
	OnReload func(error)
}

// Keyring is a key ring that follows its file.
type Keyring struct {
	path     string
	onReload func(error)
	ring     atomic.Pointer[Ring]
	failure  atomic.Pointer[error]
	content  []byte // of the last good file; only the watcher touches it after Open
	stop     chan struct{}
	stopOnce sync.Once
	done     sync.WaitGroup
}

// Open loads the ring at path and follows it until Close.
func Open(path string, o Options) (*Keyring, error) {
	k := &Keyring{path: path, onReload: o.OnReload, stop: make(chan struct{})}
	content, err := readRing(path)
	if errors.Is(err, fs.ErrNotExist) && o.Create {
		// Several components of one process, and several processes, may start on no ring at once: one creates, the
		// others read what it made.
		if _, err = Create(path, o.Guards...); err == nil || errors.Is(err, fs.ErrExist) {
			content, err = readRing(path)
		}
	}
	if err != nil {
		return nil, err
	}
	r, err := Parse(content, time.Now())
	if err != nil {
		return nil, fmt.Errorf("key ring %s: %w", path, err)
	}
	k.content = content
	k.ring.Store(r)
	k.done.Go(k.watch)
	return k, nil
}

// Static gives a ring that follows no file.
func Static(r *Ring) *Keyring {
	k := &Keyring{stop: make(chan struct{})}
	k.ring.Store(r)
	return k
}

// Ring returns the ring in force.
func (k *Keyring) Ring() *Ring { return k.ring.Load() }

// Err returns why the file's present content is not in use, nil where it is.
func (k *Keyring) Err() error {
	if p := k.failure.Load(); p != nil {
		return *p
	}
	return nil
}

// Close stops following the file. The ring stays usable.
func (k *Keyring) Close() error {
	k.stopOnce.Do(func() { close(k.stop) })
	k.done.Wait()
	return nil
}

func (k *Keyring) watch() {
	timer := time.NewTimer(k.pause())
	defer timer.Stop()
	for {
		select {
		case <-k.stop:
			return
		case <-timer.C:
			k.reload()
			timer.Reset(k.pause())
		}
	}
}

// pause is the reload interval, or less where an epoch comes into force sooner: collectors with one ring are to change
// together, not each at its own tick.
func (k *Keyring) pause() time.Duration {
	now := time.Now()
	for _, e := range k.Ring().keys {
		if wait := e.notBefore.Sub(now); wait > 0 && wait < reloadInterval {
			return wait
		}
	}
	return reloadInterval
}

func (k *Keyring) reload() {
	old := k.Ring()
	r, err := k.read(old)
	news := k.settle(err)
	if r == nil {
		// The states of the ring at hand change with time, whatever became of the file.
		if aged := newRing(old.id, old.keys, time.Now()); aged.stamp != old.stamp {
			r = aged
		}
	}
	if r != nil {
		k.ring.Store(r)
	}
	if k.onReload == nil {
		return
	}
	if err != nil && news {
		k.onReload(err)
	}
	if r != nil || (err == nil && news) {
		k.onReload(nil)
	}
}

// read returns the ring of the file, nil where its content is the one in use or is refused.
func (k *Keyring) read(old *Ring) (*Ring, error) {
	content, err := readRing(k.path)
	if err != nil || bytes.Equal(content, k.content) {
		return nil, err
	}
	r, err := k.accept(old, content)
	if err != nil {
		return nil, err
	}
	k.content = content
	return r, nil
}

// accept refuses a file that would orphan what this process has stamped, even if it is a good ring by itself.
func (k *Keyring) accept(old *Ring, content []byte) (*Ring, error) {
	r, err := Parse(content, time.Now())
	if err != nil {
		return nil, fmt.Errorf("key ring %s: %w", k.path, err)
	}
	if r.id != old.id {
		return nil, fmt.Errorf("key ring %s: `ring` must stay %q while the collector runs, found %q", k.path, old.id, r.id)
	}
	for _, was := range old.keys {
		is := find(r.keys, int(was.epoch))
		if is == nil {
			return nil, fmt.Errorf("key ring %s: epoch %d is missing", k.path, was.epoch)
		}
		if is.check != was.check {
			return nil, fmt.Errorf("key ring %s: epoch %d has another key, its kcv was %s, found %s", k.path, was.epoch, was.check, is.check)
		}
	}
	return r, nil
}

// settle keeps err for Err and reports whether it is news.
func (k *Keyring) settle(err error) bool {
	was := k.Err()
	if err == nil {
		k.failure.Store(nil)
		return was != nil
	}
	k.failure.Store(&err)
	return was == nil || was.Error() != err.Error()
}
