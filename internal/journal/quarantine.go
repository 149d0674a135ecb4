package journal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

const (
	quarantineName = "quarantine"

	// maxQuarantine bounds the files kept: enough to see what a bad disk does, a gigabyte at most. A later bad
	// segment is counted all the same.
	maxQuarantine = 16
)

// quarantine copies a damaged file to where somebody can look at it: the journal itself goes on and removes it.
func quarantine(dir, path string) error {
	into := filepath.Join(dir, quarantineName)
	if err := os.MkdirAll(into, 0o700); err != nil {
		return fmt.Errorf("journal: quarantine: %w", err)
	}
	kept, err := os.ReadDir(into)
	if err != nil {
		return fmt.Errorf("journal: quarantine: %w", err)
	}
	if len(kept) >= maxQuarantine {
		return nil
	}
	if err := copyFile(path, filepath.Join(into, filepath.Base(path))); err != nil {
		return fmt.Errorf("journal: quarantine: %w", err)
	}
	return nil
}

func copyFile(from, to string) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	if err == nil {
		err = dst.Sync()
	}
	return errors.Join(err, dst.Close())
}
