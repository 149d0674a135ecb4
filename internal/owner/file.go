package owner

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// MaxFileBytes is what a million rows with names and mail addresses take, and what fits in memory twice during a
// reload. A larger file is refused as a whole, like any other bad file.
const MaxFileBytes = 256 << 20

// coarse is the step of the coarsest file clock we know. A file younger than this when it was read may have changed
// since under the same time and size, so it is read again.
const coarse = 2 * time.Second

// Format is how a directory file is written.
type Format string

// The formats of directory files.
const (
	YAML  Format = "yaml"
	CSV   Format = "csv"
	JSONL Format = "jsonl"
)

// FormatOf tells the format from the file's name.
func FormatOf(path string) (Format, error) {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".yaml", ".yml":
		return YAML, nil
	case ".csv":
		return CSV, nil
	case ".jsonl", ".ndjson":
		return JSONL, nil
	}
	return "", fmt.Errorf("must end in .yaml, .yml, .csv or .jsonl, found %q", filepath.Base(path))
}

// File is a directory in a file. It loads the whole file when it has changed.
type File struct {
	path string

	seen fs.FileInfo // of the content read last, good or bad; nil where the next read is of news
	read time.Time
	sum  Mark
}

// errRefused says that the file is still the one whose rows were refused; why has been told.
var errRefused = errors.New("file is unchanged since it was refused")

// NewFile makes the loader of the file at path.
func NewFile(path string) *File { return &File{path: path} }

// Load gives the rows of the file where it is another than at since.
func (f *File) Load(_ context.Context, since Mark, row func(*Row) error) (Mark, bool, error) {
	format, err := FormatOf(f.path)
	if err != nil {
		return since, false, err
	}
	data, changed, err := f.content()
	switch {
	case err != nil:
		return since, false, err
	case !changed && since != f.sum:
		return since, false, errRefused
	case !changed:
		return since, false, nil
	}
	if err := readRows(format, data, row); err != nil {
		return f.sum, false, err
	}
	return f.sum, true, nil
}

// content returns the file's bytes and whether they differ from those read last.
func (f *File) content() ([]byte, bool, error) {
	info, err := os.Stat(f.path)
	if err != nil {
		f.seen = nil // whatever comes back is new, even if it is the same file
		return nil, false, err
	}
	if f.same(info) {
		return nil, false, nil
	}
	read := time.Now()
	data, err := readFile(f.path)
	if err != nil {
		f.seen = nil
		return nil, false, err
	}
	sum := sha256.Sum256(data)
	mark := Mark(hex.EncodeToString(sum[:]))
	changed := f.seen == nil || mark != f.sum
	f.seen, f.read, f.sum = info, read, mark
	return data, changed, nil
}

func (f *File) same(info fs.FileInfo) bool {
	return f.seen != nil && os.SameFile(f.seen, info) && f.seen.Size() == info.Size() &&
		f.seen.ModTime().Equal(info.ModTime()) && f.read.Sub(info.ModTime()) > coarse
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxFileBytes+1))
	if err != nil {
		return nil, err
	}
	if len(data) > MaxFileBytes {
		return nil, fmt.Errorf("file must be at most %d bytes", MaxFileBytes)
	}
	return data, nil
}
