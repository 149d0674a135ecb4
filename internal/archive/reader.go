package archive

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/keytrail/keytrail/internal/archive/bucket"
)

// SegmentID names one journal segment.
type SegmentID struct {
	Writer  string
	Segment uint64
}

// Reader searches an archive. It is safe for concurrent use.
type Reader struct {
	bucket  bucket.Bucket
	aliases aliasMap

	mu      sync.Mutex
	commits map[string]*Commit // by key: a commit never changes
	classes classDocuments
}

// NewReader returns a reader of b; it reads nothing yet.
func NewReader(b bucket.Bucket) *Reader {
	return &Reader{bucket: b, commits: make(map[string]*Commit), classes: classDocuments{bucket: b}}
}

// CommitError says that a commit could not be read: the blocks it names are missing from the answer.
type CommitError struct {
	Key string
	Err error
}

func (e *CommitError) Error() string { return "commit " + e.Key + ": " + e.Err.Error() }

func (e *CommitError) Unwrap() error { return e.Err }

// Commits returns every commit, oldest flush day first; those read before come from memory. When some could not be
// read the others are returned along with the error.
func (r *Reader) Commits(ctx context.Context) ([]*Commit, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []*Commit
	var bad []error
	seen := make(map[string]*Commit, len(r.commits))
	for o, err := range r.bucket.List(ctx, commitPrefix, "") {
		if err != nil {
			return nil, err
		}
		c, ok := r.commits[o.Key]
		if !ok {
			c, err = readCommit(ctx, r.bucket, o.Key)
			switch {
			case errors.Is(err, bucket.ErrNotFound): // swept just now
				continue
			case err != nil:
				bad = append(bad, &CommitError{o.Key, err})
				continue
			}
		}
		seen[o.Key] = c
		list = append(list, c)
	}
	r.commits = seen
	return list, errors.Join(bad...)
}

// Committed returns the segments whose records stand in blocks, so that a reader of the journal can leave them out.
func (r *Reader) Committed(ctx context.Context) (map[SegmentID]bool, error) {
	commits, err := r.Commits(ctx)
	m := make(map[SegmentID]bool, len(commits))
	for _, c := range commits {
		m[SegmentID{c.Writer, c.Segment}] = true
	}
	return m, err
}

// Newest returns the time of the newest event in blocks, zero in an empty archive.
func (r *Reader) Newest(ctx context.Context) (time.Time, error) {
	commits, err := r.Commits(ctx)
	var newest time.Time
	for _, c := range commits {
		if c.Newest.After(newest) && len(c.Files) > 0 {
			newest = c.Newest
		}
	}
	return newest, err
}

// Epochs returns the key epochs that stamped any record of the archive, by ring and epoch.
func (r *Reader) Epochs(ctx context.Context) ([]Epoch, error) {
	commits, err := r.Commits(ctx)
	var epochs []Epoch
	for _, c := range commits {
		for _, e := range c.Rings {
			if !slices.Contains(epochs, e) {
				epochs = append(epochs, e)
			}
		}
	}
	slices.SortFunc(epochs, func(a, b Epoch) int {
		if c := strings.Compare(a.Ring, b.Ring); c != 0 {
			return c
		}
		return a.Epoch - b.Epoch
	})
	return epochs, err
}

func (r *Reader) class(ctx context.Context, hash string) (Class, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.classes.get(ctx, hash)
}
