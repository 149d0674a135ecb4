package tokentrailexporter

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/keytrail/keytrail/internal/archive"
	"github.com/keytrail/keytrail/internal/archive/bucket"
	"github.com/keytrail/keytrail/internal/event"
)

// lazyArchive opens the archive when it is needed: one that cannot be opened now must not keep the collector from
// starting, for the journal can wait.
type lazyArchive struct {
	name   string // for messages
	opener func() (bucket.Bucket, error)
	opts   archive.WriterOptions

	between func(bucket.Bucket) bucket.Bucket

	mu     sync.Mutex
	bucket bucket.Bucket
	writer *archive.Writer
}

func newLazyArchive(cfg *Config, o archive.WriterOptions) *lazyArchive {
	c := &cfg.Destinations.Archive
	a := &lazyArchive{name: c.Directory, opts: o, between: cfg.between}
	a.opener = func() (bucket.Bucket, error) { return bucket.OpenDir(c.Directory) }
	if c.S3.HasValue() {
		s3 := *c.S3.Get()
		a.name = "s3://" + s3.Bucket + "/" + s3.Prefix
		a.opener = func() (bucket.Bucket, error) { return bucket.OpenS3(s3, bucket.Options{}) }
	}
	return a
}

func (a *lazyArchive) open() (bucket.Bucket, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.bucket == nil {
		b, err := a.opener()
		if err != nil {
			return nil, err
		}
		if a.between != nil {
			b = a.between(b)
		}
		a.bucket = b
	}
	return a.bucket, nil
}

// segmentWriter returns the writer, which one goroutine uses.
func (a *lazyArchive) segmentWriter() (*archive.Writer, error) {
	if a.writer != nil {
		return a.writer, nil
	}
	b, err := a.open()
	if err != nil {
		return nil, err
	}
	w, err := archive.NewWriter(checkedBucket{b}, a.opts)
	if err != nil {
		return nil, err
	}
	a.writer = w
	return w, nil
}

// admits asks whether the archive knows the key epoch by the same check value, or not at all.
func (a *lazyArchive) admits(s event.Scope) error {
	b, err := a.open()
	if err != nil {
		return err
	}
	o := a.opts
	o.Ring = s
	if _, err := archive.NewWriter(b, o); err != nil {
		return fmt.Errorf("archive %s: %w", a.name, err)
	}
	return nil
}

func (a *lazyArchive) close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c, ok := a.bucket.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// checkedBucket reads back every object that is put into it. What a store acknowledged and does not give back as it
// was must be found while the journal still has it: before the commit, and before the cursor moves.
type checkedBucket struct{ bucket.Bucket }

var errNotAsPut = errors.New("the store does not give back what was put")

// Put stores the object and compares what stands then. After an error the writer puts it again: it compares too.
func (b checkedBucket) Put(ctx context.Context, key string, data io.Reader, size int64, o bucket.PutOptions) error {
	body, sum, err := summed(data)
	if err != nil {
		return fmt.Errorf("put %s: %w", key, err)
	}
	if err := b.Bucket.Put(ctx, key, body, size, o); err != nil {
		return err
	}
	got, err := b.GetRange(ctx, key, 0, -1)
	if err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	if sha256.Sum256(got) != sum {
		return fmt.Errorf("%w: %s, %d bytes of %d", errNotAsPut, key, len(got), size)
	}
	return nil
}

// summed returns the data, still to be read and rewound, and its hash.
func summed(data io.Reader) (io.ReadSeeker, [sha256.Size]byte, error) {
	body, ok := data.(io.ReadSeeker)
	if !ok {
		all, err := io.ReadAll(data)
		return bytes.NewReader(all), sha256.Sum256(all), err
	}
	start, err := body.Seek(0, io.SeekCurrent)
	if err != nil {
		return nil, [sha256.Size]byte{}, err
	}
	h := sha256.New()
	if _, err := io.Copy(h, body); err != nil {
		return nil, [sha256.Size]byte{}, err
	}
	_, err = body.Seek(start, io.SeekStart)
	return body, [sha256.Size]byte(h.Sum(nil)), err
}
