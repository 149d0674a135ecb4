package bucket

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/minio/minio-go/v7"
)

// putMark is the metadata under which an object keeps which Put wrote it.
const putMark = "Keytrail-Put"

// Put stores an object with one request, or the same request again. An attempt that timed out may have been carried out
// all the same, and the next one then fails its own condition. The object's mark tells that from another writer's
// object: it is drawn anew for each Put. Where all attempts fail the outcome is unknown; who puts again, with IfAbsent,
// may be answered ErrExists by his own object.
func (s *S3) Put(ctx context.Context, key string, data io.Reader, size int64, o PutOptions) error {
	name, err := s.name(key)
	if err != nil {
		return err
	}
	if s.readOnly {
		return errReadOnly(opPut, key)
	}
	b, err := newBody(data, size)
	if err != nil {
		return fmt.Errorf("put %s: %w", key, err)
	}
	mark := rand.Text()
	tries := 0
	err = s.try(ctx, opPut, key, func(ctx context.Context, attempt int) (traffic, error) {
		tries = attempt
		return s.send(ctx, name, b, s.putOptions(o, mark))
	})
	failure, failed := errors.AsType[*Failure](err)
	if !failed || o.IfMatch == "" && !o.IfAbsent || failure.Reason != Exists && failure.Reason != NotFound {
		return err
	}
	if tries > 1 && s.wrote(ctx, key, mark) {
		return nil
	}
	if o.IfMatch != "" {
		failure.Reason = Changed
	}
	return failure
}

func (s *S3) send(ctx context.Context, name string, b *body, o minio.PutObjectOptions) (traffic, error) {
	if _, err := b.data.Seek(b.start, io.SeekStart); err != nil {
		return traffic{}, err
	}
	_, err := s.client.PutObject(ctx, s.config.Bucket, name, io.LimitReader(b.data, b.size), b.size, b.md5, b.sha256, o)
	return traffic{sent: b.size}, err
}

// wrote reports whether the object that stands under key bears the mark.
func (s *S3) wrote(ctx context.Context, key, mark string) bool {
	info, err := s.stat(ctx, key, "")
	if err != nil {
		return false
	}
	for k, v := range info.UserMetadata {
		if strings.EqualFold(k, putMark) {
			return v == mark
		}
	}
	return info.Metadata.Get("X-Amz-Meta-"+putMark) == mark
}

func (s *S3) putOptions(o PutOptions, mark string) minio.PutObjectOptions {
	p := minio.PutObjectOptions{
		UserMetadata:         map[string]string{putMark: mark},
		UserTags:             o.Tags,
		ServerSideEncryption: s.sse,
		DisableMultipart:     true,
		DisableContentSha256: true, // of the stream: the whole body's is signed instead
	}
	if o.IfAbsent {
		p.SetMatchETagExcept("*")
	}
	if o.IfMatch != "" {
		p.SetMatchETag(o.IfMatch)
	}
	if o.Lock.Mode != "" {
		p.Mode, p.RetainUntilDate = o.Lock.Mode.retention(), o.Lock.Until
	}
	if o.Hold {
		p.LegalHold = minio.LegalHoldEnabled
	}
	return p
}

// body is what a Put sends, which it may have to send again. Its sums are in every request: the store refuses what was
// spoilt on the way, and demands one where the object is locked.
type body struct {
	data        io.ReadSeeker
	start, size int64
	md5, sha256 string
}

func newBody(data io.Reader, size int64) (*body, error) {
	b := &body{size: size}
	if rs, ok := data.(io.ReadSeeker); ok {
		start, err := rs.Seek(0, io.SeekCurrent)
		if err != nil {
			return nil, err
		}
		b.data, b.start = rs, start
	} else {
		all, err := io.ReadAll(io.LimitReader(data, size+1))
		if err != nil {
			return nil, err
		}
		b.data = bytes.NewReader(all)
	}
	m, h := md5.New(), sha256.New()
	n, err := io.Copy(io.MultiWriter(m, h), b.data)
	if err != nil {
		return nil, err
	}
	if n != size {
		return nil, fmt.Errorf("object has %d bytes, %d were announced", n, size)
	}
	b.md5, b.sha256 = base64.StdEncoding.EncodeToString(m.Sum(nil)), hex.EncodeToString(h.Sum(nil))
	return b, nil
}

func errReadOnly(op, key string) error {
	return &Failure{Op: op, Key: key, Reason: Refused, Err: errors.New("the archive is open only to be read")}
}

func (m LockMode) retention() minio.RetentionMode {
	return minio.RetentionMode(strings.ToUpper(string(m)))
}
