package fingerprint

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

const (
	// EnvPath is the environment variable that names the key ring where the configuration does not.
	EnvPath = "KEYTRAIL_KEYRING"
	// DefaultPath is where the key ring is otherwise.
	DefaultPath = "data/keyring.yaml"

	ringMode = 0o600
	dirMode  = 0o700
)

// ResolvePath returns where the key ring is: the configured path, else $KEYTRAIL_KEYRING, else data/keyring.yaml.
func ResolvePath(configured string) string {
	if configured != "" {
		return configured
	}
	if env := os.Getenv(EnvPath); env != "" {
		return env
	}
	return filepath.FromSlash(DefaultPath)
}

// ModeError is the refusal of a key ring that somebody else can read or change.
type ModeError struct {
	Path string
	Mode fs.FileMode
	Rule string
}

func (e *ModeError) Error() string {
	return fmt.Sprintf("key ring %s: %s, found mode %04o; chmod 600 it", e.Path, e.Rule, e.Mode.Perm())
}

// Load reads the key ring at path as it stands now.
func Load(path string) (*Ring, error) {
	data, err := readRing(path)
	if err != nil {
		return nil, err
	}
	r, err := Parse(data, time.Now())
	if err != nil {
		return nil, fmt.Errorf("key ring %s: %w", path, err)
	}
	return r, nil
}

func readRing(path string) ([]byte, error) {
	f, err := openRing(path)
	if err != nil {
		return nil, fmt.Errorf("key ring: %w", err)
	}
	defer f.Close()
	info, err := f.Stat() // of the open file: the name may point elsewhere a moment later
	if err != nil {
		return nil, fmt.Errorf("key ring: %w", err)
	}
	if err := checkMode(path, info.Mode()); err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, maxRingBytes+1))
	if err != nil {
		return nil, fmt.Errorf("key ring: %w", err)
	}
	if len(data) > maxRingBytes {
		return nil, fmt.Errorf("key ring %s: must be at most %d bytes", path, maxRingBytes)
	}
	return data, nil
}

func openRing(path string) (*os.File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() { // before the open: opening a pipe would wait for ever
		return nil, fmt.Errorf("%s must be a regular file, found %s", path, info.Mode().Type())
	}
	return os.Open(path)
}

func checkMode(path string, mode fs.FileMode) error {
	if runtime.GOOS == "windows" { // its access lists do not show in the mode
		return nil
	}
	switch {
	case mode&0o007 != 0:
		return &ModeError{path, mode, "others must have no access to it"}
	case mode&0o020 != 0:
		return &ModeError{path, mode, "its group must not be able to write it"}
	}
	return nil
}

// Guard says whether something exists that a new key ring would orphan, and what. Create asks before it writes.
type Guard func() (what string, err error)

// OrphanError is the refusal to create a key ring beside data that another one stamped.
type OrphanError struct{ Path, What string }

func (e *OrphanError) Error() string {
	return fmt.Sprintf("key ring %s is missing, but %s was stamped with one: restore the ring from its copy, "+
		"or move the archive away to begin anew", e.Path, e.What)
}

// besideArchive guards the layout of the embedded default: the archive in the folder of the ring. A collector that
// is told to create its ring has no other way to know that it is about to orphan one.
func besideArchive(path string) Guard {
	return func() (string, error) {
		archive := filepath.Join(filepath.Dir(path), "archive")
		entries, err := os.ReadDir(filepath.Join(archive, "_commit"))
		if errors.Is(err, fs.ErrNotExist) {
			return "", nil
		}
		if err != nil {
			return "", fmt.Errorf("look for an archive beside the key ring: %w", err)
		}
		if len(entries) == 0 {
			return "", nil
		}
		return "archive " + archive, nil
	}
}

// writeTemp leaves data, synced, in a new file beside path that nobody else can read.
func writeTemp(path string, data []byte) (name string, err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return "", err
	}
	defer func() {
		err = errors.Join(err, f.Close())
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	if err := f.Chmod(ringMode); err != nil {
		return "", err
	}
	if _, err := f.Write(data); err != nil {
		return "", err
	}
	return f.Name(), f.Sync()
}

func syncDir(path string) error {
	if runtime.GOOS == "windows" { // a directory cannot be opened for writing there
		return nil
	}
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
