package bucket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Directory is a Bucket in a local directory. A Put writes a temporary file, syncs it, links it to its name and syncs
// the directories above: no reader ever sees half an object and no crash leaves one.
type Directory struct{ root string }

// tempDir holds unfinished puts; its name is not a valid part of a key, so List never meets it.
const tempDir = ".tmp"

// OpenDir opens the archive in the directory at path, which is created, for its owner alone, when it is not there.
func OpenDir(path string) (*Directory, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("archive directory %q: %w", path, err)
	}
	d := &Directory{root: abs}
	if err := d.mkdir(filepath.Join(abs, tempDir)); err != nil {
		return nil, fmt.Errorf("archive directory: %w", err)
	}
	return d, nil
}

// ReadDir opens an archive only to read: nothing is created, and a directory that is not there is an error.
func ReadDir(path string) (*Directory, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("archive directory %q: %w", path, err)
	}
	info, err := os.Stat(abs)
	if err != nil {
		return nil, fmt.Errorf("archive directory: %w", err)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("archive directory %q is not a directory", abs)
	}
	return &Directory{root: abs}, nil
}

// Path returns the root directory.
func (d *Directory) Path() string { return d.root }

func (d *Directory) file(key string) (string, error) {
	if err := checkKey(key); err != nil {
		return "", err
	}
	return filepath.Join(d.root, filepath.FromSlash(key)), nil
}

// Put stores an object.
func (d *Directory) Put(ctx context.Context, key string, data io.Reader, size int64, o PutOptions) error {
	name, err := d.file(key)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if o.Lock != (Lock{}) || o.Hold {
		return fmt.Errorf("put %s: a directory cannot lock an object: %w", key, errors.ErrUnsupported)
	}
	tmp, err := d.writeTemp(data, size)
	if err != nil {
		return fmt.Errorf("put %s: %w", key, err)
	}
	defer func() { _ = os.Remove(tmp) }() // gone already when it was renamed
	if err := d.place(tmp, name, o); err != nil {
		if errors.Is(err, fs.ErrExist) {
			err = ErrExists
		}
		return fmt.Errorf("put %s: %w", key, err)
	}
	return nil
}

// placeTries is how often a Put makes its directory again when a Delete removes it, empty, at the same moment.
const placeTries = 5

// place gives the finished file its name. link(2) fails when the name is taken, which a rename would overwrite.
func (d *Directory) place(tmp, name string, o PutOptions) (err error) {
	dir := filepath.Dir(name)
	for range placeTries {
		if err = d.mkdir(dir); err != nil {
			return err
		}
		if o.IfAbsent {
			err = os.Link(tmp, name)
		} else {
			err = d.replace(tmp, name, o.IfMatch)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	if err != nil {
		return err
	}
	return syncDir(dir)
}

func (d *Directory) writeTemp(data io.Reader, size int64) (name string, err error) {
	f, err := os.CreateTemp(filepath.Join(d.root, tempDir), "put-*") // mode 0600
	if errors.Is(err, fs.ErrNotExist) {
		if err = d.mkdir(filepath.Join(d.root, tempDir)); err == nil {
			f, err = os.CreateTemp(filepath.Join(d.root, tempDir), "put-*")
		}
	}
	if err != nil {
		return "", err
	}
	defer func() {
		err = errors.Join(err, f.Close())
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	n, err := io.Copy(f, data)
	if err != nil {
		return "", err
	}
	if n != size {
		return "", fmt.Errorf("object has %d bytes, %d were announced", n, size)
	}
	// The kernel's own stamp is some milliseconds coarse: two puts within them would bear one ETag.
	now := time.Now()
	if err := os.Chtimes(f.Name(), now, now); err != nil {
		return "", err
	}
	return f.Name(), f.Sync()
}

// mkdir makes dir and what is missing above it, each for the owner alone and each durable in its parent.
func (d *Directory) mkdir(dir string) error {
	err := os.Mkdir(dir, 0o700)
	switch {
	case errors.Is(err, fs.ErrExist):
		return nil
	case errors.Is(err, fs.ErrNotExist):
		parent := filepath.Dir(dir)
		if parent == dir {
			return err
		}
		if err := d.mkdir(parent); err != nil {
			return err
		}
		return d.mkdir(dir)
	case err != nil:
		return err
	}
	return syncDir(filepath.Dir(dir))
}

func syncDir(dir string) (err error) {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return f.Sync()
}

// GetRange reads a part of an object.
func (d *Directory) GetRange(ctx context.Context, key string, off, n int64) (b []byte, err error) {
	f, err := d.open(ctx, key)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", key, err)
	}
	rest := info.Size() - off
	if off < 0 || rest < 0 {
		return nil, fmt.Errorf("get %s: offset %d lies outside its %d bytes", key, off, info.Size())
	}
	if n < 0 || n > rest {
		n = rest
	}
	b = make([]byte, n)
	if _, err := f.ReadAt(b, off); err != nil && (!errors.Is(err, io.EOF) || n != 0) {
		return nil, fmt.Errorf("get %s: %w", key, err)
	}
	return b, nil
}

func (d *Directory) open(ctx context.Context, key string) (*os.File, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	name, err := d.file(key)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("get %s: %w", key, ErrNotFound)
	}
	return f, err
}

// Head describes an object.
func (d *Directory) Head(ctx context.Context, key string) (Object, error) {
	if err := ctx.Err(); err != nil {
		return Object{}, err
	}
	name, err := d.file(key)
	if err != nil {
		return Object{}, err
	}
	info, err := os.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) || (err == nil && !info.Mode().IsRegular()) {
		return Object{}, fmt.Errorf("head %s: %w", key, ErrNotFound)
	}
	if err != nil {
		return Object{}, fmt.Errorf("head %s: %w", key, err)
	}
	return Object{Key: key, Size: info.Size(), Modified: info.ModTime(), ETag: etag(info)}, nil
}

// Delete removes an object and the directories it leaves empty.
func (d *Directory) Delete(ctx context.Context, key string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	name, err := d.file(key)
	if err != nil {
		return err
	}
	if err := d.unlink(name); err != nil {
		return fmt.Errorf("delete %s: %w", key, err)
	}
	return syncDir(d.prune(filepath.Dir(name)))
}

// prune removes empty directories upwards and returns the first that stays. A Put that raced it makes them again.
func (d *Directory) prune(dir string) string {
	for dir != d.root {
		if err := syscall.Rmdir(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return dir
		}
		dir = filepath.Dir(dir)
	}
	return dir
}

// SweepTemp removes what puts of a killed process left unfinished.
func (d *Directory) SweepTemp(before time.Time) error {
	dir := filepath.Join(d.root, tempDir)
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || info.ModTime().After(before) {
			continue // gone, or perhaps still being written
		}
		if err := os.Remove(filepath.Join(dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
