package bucket

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// swapLock, in the root, is locked while a name is compared and given to another file. Whoever overwrites or removes
// takes it too; it is never removed itself, since a lock on a removed file excludes nobody. Its name is no key.
const swapLock = ".swap.lock"

// locked runs f while no other process, and no other goroutine of this one, overwrites or removes an object. Nothing in
// f waits for the disk.
func (d *Directory) locked(f func() error) (err error) {
	lock, err := os.OpenFile(filepath.Join(d.root, swapLock), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }() // which unlocks
	for {
		err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX)
		if err == nil {
			return f()
		}
		if !errors.Is(err, syscall.EINTR) {
			return fmt.Errorf("lock %s: %w", swapLock, err)
		}
	}
}

// replace renames the finished file to its name; with an ETag only while the object there still bears it.
func (d *Directory) replace(tmp, name, ifMatch string) error {
	return d.locked(func() error {
		if ifMatch != "" {
			info, err := os.Lstat(name)
			if errors.Is(err, fs.ErrNotExist) || err == nil && etag(info) != ifMatch {
				return ErrChanged
			}
			if err != nil {
				return err
			}
		}
		return os.Rename(tmp, name)
	})
}

// unlink removes a file that may be gone.
func (d *Directory) unlink(name string) error {
	return d.locked(func() error {
		if err := os.Remove(name); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	})
}

// etag tells a file from any other that stood or will stand under its name: each Put makes a new one and stamps it to
// the nanosecond.
func etag(info fs.FileInfo) string {
	inode := uint64(0)
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		inode = st.Ino
	}
	return fmt.Sprintf("%x-%x-%x", info.Size(), info.ModTime().UnixNano(), inode)
}
