package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/keytrail/keytrail/internal/archive/bucket"
)

const archiveUsage = "archive: a directory, or s3://bucket/prefix?endpoint=…&region=…&path_style=true with credentials from the environment ($KEYTRAIL_ARCHIVE)"

func archiveDefault() string { return cmp.Or(os.Getenv("KEYTRAIL_ARCHIVE"), "data/archive") }

// remote reports whether an archive lies in an object store.
func remote(location string) bool { return strings.HasPrefix(location, "s3://") }

// archiveStands says what to do where there is no archive. One in an object store is asked when it is read.
func archiveStands(location string) error {
	if remote(location) {
		return nil
	}
	if _, err := os.Stat(location); errors.Is(err, fs.ErrNotExist) {
		return hint(missingArchive{location}, "pass --archive, or start a collector: otelcol-keytrail --config embedded:quickstart")
	}
	return nil
}

type missingArchive struct{ location string }

func (e missingArchive) Error() string { return "no archive at " + e.location }

func (missingArchive) Unwrap() error { return fs.ErrNotExist }

// journalBeside finds the journal that stands beside an archive in a directory; blind says that there is none.
func journalBeside(location string) (journal string, blind bool) {
	if remote(location) {
		return "", true
	}
	journal = filepath.Join(filepath.Dir(filepath.Clean(location)), "journal")
	if _, err := os.Stat(journal); errors.Is(err, fs.ErrNotExist) {
		return "", true
	}
	return journal, false
}

// openArchive opens an archive that stands.
func openArchive(ctx context.Context, location string, readOnly bool) (bucket.Bucket, error) {
	if err := archiveStands(location); err != nil {
		return nil, err
	}
	b, err := bucket.Open(ctx, location, bucket.Options{ReadOnly: readOnly})
	if err != nil {
		return nil, fmt.Errorf("archive: %w", err)
	}
	return b, nil
}
