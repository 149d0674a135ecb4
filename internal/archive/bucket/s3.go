package bucket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/encrypt"
)

// S3 is a Bucket in a bucket of S3, or of a store that speaks its language. Every object is one PUT: a multipart upload
// would lose the condition on the way.
type S3 struct {
	client    *minio.Core
	transport *http.Transport
	config    S3Config
	sse       encrypt.ServerSide
	readOnly  bool
	observe   func(Request)
	backoff   func(attempt int) time.Duration
}

var (
	_ Bucket   = (*S3)(nil)
	_ Versions = (*S3)(nil)
)

// OpenS3 makes a client of the bucket. Nothing is sent before the first call.
func OpenS3(c S3Config, o Options) (*S3, error) {
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("s3: %w", err)
	}
	c.Prefix = strings.Trim(c.Prefix, "/")
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}
	if c.MaxAttempts == 0 {
		c.MaxAttempts = DefaultMaxAttempts
	}
	host, secure, err := c.endpoint()
	if err != nil {
		return nil, fmt.Errorf("s3: %w", err)
	}
	if c.Region == "" && host != amazon {
		c.Region = defaultRegion
	}
	transport, err := newTransport(c)
	if err != nil {
		return nil, fmt.Errorf("s3: %w", err)
	}
	creds, err := c.credentials(transport)
	if err != nil {
		return nil, fmt.Errorf("s3: %w", err)
	}
	lookup := minio.BucketLookupAuto
	if c.PathStyle {
		lookup = minio.BucketLookupPath
	}
	client, err := minio.NewCore(host, &minio.Options{Creds: creds, Secure: secure, Transport: transport,
		Region: c.Region, BucketLookup: lookup, MaxRetries: 1}) // we retry: each attempt is classified and counted
	if err != nil {
		return nil, fmt.Errorf("s3: %w", err)
	}
	s := &S3{client: client, transport: transport, config: c, readOnly: o.ReadOnly, observe: o.Observer, backoff: backoff}
	return s, s.encryption()
}

func (s *S3) encryption() (err error) {
	switch s.config.SSE.Mode {
	case SSES3:
		s.sse = encrypt.NewSSE()
	case SSEKMS:
		s.sse, err = encrypt.NewSSEKMS(s.config.SSE.KMSKeyID, nil)
	}
	return err
}

// Close closes idle connections. The S3 can be used on.
func (s *S3) Close() error {
	s.transport.CloseIdleConnections()
	return nil
}

// Bucket returns the bucket's name.
func (s *S3) Bucket() string { return s.config.Bucket }

// name returns the key in the bucket. A key has no empty part and none that begins with a dot, so nothing that is
// joined to the prefix is read as something outside it.
func (s *S3) name(key string) (string, error) {
	if err := checkKey(key); err != nil {
		return "", err
	}
	return s.under(key), nil
}

func (s *S3) under(rest string) string {
	if s.config.Prefix == "" {
		return rest
	}
	return s.config.Prefix + "/" + rest
}

// key is the inverse of name; ok is false for an object that is not ours.
func (s *S3) key(name string) (key string, ok bool) {
	key, ok = name, true
	if s.config.Prefix != "" {
		key, ok = strings.CutPrefix(name, s.config.Prefix+"/")
	}
	return key, ok && checkKey(key) == nil
}

// GetRange reads a part of an object.
func (s *S3) GetRange(ctx context.Context, key string, off, n int64) (b []byte, err error) {
	name, err := s.name(key)
	if err != nil {
		return nil, err
	}
	if off < 0 {
		return nil, fmt.Errorf("get %s: offset %d lies outside the object", key, off)
	}
	if n == 0 {
		n = 1 // S3 knows no empty range; asking for a byte still tells whether the object is there
		defer func() { b = b[:0] }()
	}
	err = s.try(ctx, opGet, key, func(ctx context.Context, _ int) (traffic, error) {
		b, err = s.get(ctx, name, off, n)
		return traffic{received: int64(len(b))}, err
	})
	if f, ok := errors.AsType[*Failure](err); ok && f.Reason == outside {
		return s.atEnd(ctx, key, off)
	}
	if err != nil {
		return nil, err
	}
	return b, nil
}

func (s *S3) get(ctx context.Context, name string, off, n int64) (b []byte, err error) {
	var o minio.GetObjectOptions
	switch {
	case n > 0:
		err = o.SetRange(off, off+n-1)
	case off > 0:
		err = o.SetRange(off, 0)
	}
	if err != nil {
		return nil, err
	}
	body, info, header, err := s.client.GetObject(ctx, s.config.Bucket, name, o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, body.Close()) }()
	if off > 0 && header.Get("Content-Range") == "" {
		return nil, errIgnoresRanges
	}
	if n > 0 {
		info.Size = min(info.Size, n)
	}
	b = make([]byte, info.Size)
	if _, err := io.ReadFull(body, b); err != nil {
		return nil, fmt.Errorf("%w: %w", errCut, err)
	}
	return b, nil
}

// atEnd answers a range that begins where the object ends, which is empty, or beyond, which is wrong.
func (s *S3) atEnd(ctx context.Context, key string, off int64) ([]byte, error) {
	o, err := s.Head(ctx, key)
	if err != nil {
		return nil, err
	}
	if off != o.Size {
		return nil, fmt.Errorf("get %s: offset %d lies outside its %d bytes", key, off, o.Size)
	}
	return []byte{}, nil
}

// Head describes an object.
func (s *S3) Head(ctx context.Context, key string) (Object, error) {
	info, err := s.stat(ctx, key, "")
	if err != nil {
		return Object{}, err
	}
	return Object{Key: key, Size: info.Size, Modified: info.LastModified, ETag: info.ETag}, nil
}

func (s *S3) stat(ctx context.Context, key, version string) (info minio.ObjectInfo, err error) {
	name, err := s.name(key)
	if err != nil {
		return info, err
	}
	err = s.try(ctx, opHead, key, func(ctx context.Context, _ int) (traffic, error) {
		info, err = s.client.StatObject(ctx, s.config.Bucket, name, minio.StatObjectOptions{VersionID: version})
		return traffic{}, err
	})
	return info, err
}

// Delete removes an object. In a bucket with versioning it only lays a marker over it: see DeleteVersion.
func (s *S3) Delete(ctx context.Context, key string) error {
	return s.remove(ctx, key, minio.RemoveObjectOptions{})
}

func (s *S3) remove(ctx context.Context, key string, o minio.RemoveObjectOptions) error {
	err := s.write(ctx, opDelete, key, func(ctx context.Context, name string) error {
		return s.client.RemoveObject(ctx, s.config.Bucket, name, o)
	})
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}
