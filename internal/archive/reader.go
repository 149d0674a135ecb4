package archive

import (
	"context"
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

// Commits returns the commits that count, oldest day first: those of segments and the newest replace-commit of each class
// and day. Those read before come from memory. When some could not be read the others are returned along with the error.
// What is in them need not be live: see Live.
func (r *Reader) Commits(ctx context.Context) ([]*Commit, error) {
	cat, err := r.catalog(ctx)
	if err != nil {
		return nil, err
	}
	return cat.counting(), cat.err()
}

// Live returns the blocks that stand for the rows of the archive, each row in exactly one. When some commits could not be
// read the blocks of the others are returned along with the error.
func (r *Reader) Live(ctx context.Context) ([]*File, error) {
	cat, err := r.catalog(ctx)
	if err != nil {
		return nil, err
	}
	return cat.live(), cat.err()
}

// catalog lists the commits and reads the new ones. Two searches that begin at once may read one twice, rather than wait
// for each other.
func (r *Reader) catalog(ctx context.Context) (*catalog, error) {
	r.mu.Lock()
	know := r.commits
	r.mu.Unlock()
	cat, err := loadCatalog(ctx, r.bucket, know, false)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	r.commits = cat.known()
	r.mu.Unlock()
	return cat, nil
}

// Stored says which journal segments stand in blocks.
type Stored struct {
	commits map[SegmentID]bool
	below   map[string]uint64 // by writer: of those whose commits were swept
}

// Has reports whether the segment's records stand in blocks, or did until their classes ended.
func (s *Stored) Has(id SegmentID) bool {
	return s.commits[id] || id.Segment < s.below[id.Writer]
}

// Committed returns the segments whose records stand in blocks, so that a reader of the journal can leave them out.
func (r *Reader) Committed(ctx context.Context) (*Stored, error) {
	commits, err := r.Commits(ctx)
	s := &Stored{commits: make(map[SegmentID]bool, len(commits)), below: make(map[string]uint64)}
	for _, c := range commits {
		if c.Generation == 0 {
			s.commits[SegmentID{c.Writer, c.Segment}] = true
		}
	}
	for o, listErr := range r.bucket.List(ctx, writerPrefix, "") {
		if listErr != nil {
			return nil, listErr
		}
		var m mark
		if err := getDocument(ctx, r.bucket, o.Key, &m); err != nil {
			return nil, err
		}
		s.below[m.Writer] = m.Below
	}
	return s, err
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
