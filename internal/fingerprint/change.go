package fingerprint

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Create makes a new key ring of one epoch at path, in a directory of mode 0700 if there is none, and returns it. It
// refuses where the file exists (the error is fs.ErrExist), where an archive with manifests stands beside it, or where
// a guard finds something to orphan. Whoever looks meanwhile sees no file or the whole file.
func Create(path string, guards ...Guard) (*Ring, error) {
	if _, err := os.Lstat(path); err == nil {
		return nil, fmt.Errorf("key ring %s: %w", path, fs.ErrExist)
	}
	for _, g := range append([]Guard{besideArchive(path)}, guards...) {
		what, err := g()
		if err != nil {
			return nil, fmt.Errorf("key ring %s: %w", path, err)
		}
		if what != "" {
			return nil, &OrphanError{path, what}
		}
	}
	now := time.Now().UTC().Truncate(time.Second)
	id := hex.EncodeToString(randomBytes(8))
	data, err := encodeRing(id, []*key{newKey(1, now, now)})
	if err != nil {
		return nil, err
	}
	if err := writeNew(path, data); err != nil {
		return nil, fmt.Errorf("create key ring: %w", err)
	}
	return Load(path)
}

func writeNew(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), dirMode); err != nil {
		return err
	}
	temp, err := writeTemp(path, data)
	if err != nil {
		return err
	}
	// A link, not a rename: it fails where another process was faster, and only one ring may ever stamp.
	err = os.Link(temp, path)
	if err := errors.Join(err, os.Remove(temp)); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func newKey(epoch uint16, created, notBefore time.Time) *key {
	s := secret(randomBytes(minSecret))
	return &key{epoch: epoch, secret: s, check: checkValue(s, epoch), created: created, notBefore: notBefore}
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return b
}

// RotateOptions say how a new epoch takes over.
type RotateOptions struct {
	// NotBefore is when the new epoch comes into force; zero is now. Give collectors that get the file by slow ways
	// a time ahead: all of them then change at once.
	NotBefore time.Time
	// Compromised says that the key in force is known to others: it stamps nothing any more, not even as previous, and
	// the new epoch is in force at once.
	Compromised bool
}

// Rotate adds an epoch and returns its number.
func Rotate(path string, o RotateOptions) (int, error) {
	now := time.Now().UTC().Truncate(time.Second)
	var epoch uint16
	err := change(path, func(r *Ring) ([]*key, error) {
		last := r.keys[len(r.keys)-1]
		if last.epoch == maxEpoch {
			return nil, fmt.Errorf("the ring is full: epoch %d is the last", maxEpoch)
		}
		if err := makeWay(r, o, now); err != nil {
			return nil, err
		}
		k := newKey(last.epoch+1, now, later(now, later(o.NotBefore.UTC(), last.notBefore)))
		epoch = k.epoch
		return append(r.keys, k), nil
	})
	return int(epoch), err
}

// makeWay prepares the epochs at hand for a new one.
func makeWay(r *Ring, o RotateOptions, now time.Time) error {
	if o.Compromised && o.NotBefore.After(now) {
		return errors.New("a compromised key must be replaced at once, not later")
	}
	for _, k := range r.keys {
		pending := r.state(k) == StatePending
		if pending && !o.Compromised {
			return fmt.Errorf("epoch %d is already waiting to come into force at %s", k.epoch, k.notBefore.Format(time.RFC3339))
		}
		if pending { // it stood in the same file, so it is known too, and it has stamped nothing yet
			k.secret, k.states = nil, nil
			k.marks.Destroyed = now
		}
		if o.Compromised && k.notBefore.After(now) { // nothing may hold the new epoch back
			k.notBefore = now
		}
	}
	if o.Compromised {
		r.stamp.marks.Compromised = now
	}
	return nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Retire ends the overlap: the previous epoch is only searched from now on.
func Retire(path string, epoch int) error {
	return change(path, func(r *Ring) ([]*key, error) {
		k := find(r.keys, epoch)
		if k == nil {
			return nil, fmt.Errorf("epoch %d is not in the ring", epoch)
		}
		if s := r.state(k); s != StatePrevious {
			return nil, fmt.Errorf("epoch %d must be in state %s to be retired, found %s", epoch, StatePrevious, s)
		}
		k.marks.Retired = time.Now().UTC().Truncate(time.Second)
		return r.keys, nil
	})
}

// ErrEpochHeld is the refusal to destroy an epoch whose fingerprints are still kept.
var ErrEpochHeld = errors.New("the archive or the journal holds what this epoch has stamped or sealed, which nobody could find or open again")

// DestroyOptions say what stands against the destruction of an epoch.
type DestroyOptions struct {
	// Holds asks the archive whether a manifest holds the epoch.
	Holds func(epoch int) (bool, error)
	// Forget destroys the key without asking.
	Forget bool
}

// Destroy removes the key of an epoch that is only searched; its check value stays. What it stamped cannot be found
// by token any more. Copies of the file, and what the disk keeps of overwritten blocks, are out of its reach.
func Destroy(path string, epoch int, o DestroyOptions) error {
	return change(path, func(r *Ring) ([]*key, error) {
		k := find(r.keys, epoch)
		if k == nil {
			return nil, fmt.Errorf("epoch %d is not in the ring", epoch)
		}
		if s := r.state(k); s != StateSearch {
			return nil, fmt.Errorf("epoch %d must be in state %s to be destroyed, found %s", epoch, StateSearch, s)
		}
		if err := o.allow(epoch); err != nil {
			return nil, fmt.Errorf("destroy epoch %d: %w", epoch, err)
		}
		k.secret, k.states = nil, nil
		k.marks.Destroyed = time.Now().UTC().Truncate(time.Second)
		return r.keys, nil
	})
}

func (o DestroyOptions) allow(epoch int) error {
	if o.Forget {
		return nil
	}
	if o.Holds == nil {
		return errors.New("no archive was given to ask whether it holds the epoch")
	}
	held, err := o.Holds(epoch)
	if err != nil {
		return fmt.Errorf("ask the archive: %w", err)
	}
	if held {
		return ErrEpochHeld
	}
	return nil
}

// change rewrites the ring at path: one changer at a time, and readers see the old file or the new one.
func change(path string, edit func(*Ring) ([]*key, error)) error {
	path, err := filepath.EvalSymlinks(path) // replace the file, not a link to it
	if err != nil {
		return fmt.Errorf("key ring: %w", err)
	}
	unlock, err := lockDir(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("key ring %s: lock its directory: %w", path, err)
	}
	defer unlock()
	r, err := Load(path)
	if err != nil {
		return err
	}
	keys, err := edit(r)
	if err != nil {
		return fmt.Errorf("key ring %s: %w", path, err)
	}
	data, err := encodeRing(r.id, keys)
	if err != nil {
		return err
	}
	// Only a ring that loads may replace one that did.
	if _, err := Parse(data, time.Now()); err != nil {
		return fmt.Errorf("key ring %s: the change would break it: %w", path, err)
	}
	if err := replace(path, data); err != nil {
		return fmt.Errorf("write key ring: %w", err)
	}
	return nil
}

func replace(path string, data []byte) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	temp, err := writeTemp(path, data)
	if err != nil {
		return err
	}
	// The collector may run as another user than the one who rotates: it must still be able to read its ring.
	err = errors.Join(keepOwner(temp, info), os.Chmod(temp, info.Mode().Perm()))
	if err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	return syncDir(filepath.Dir(path))
}
