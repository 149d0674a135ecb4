package bucket

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
)

// Versions yields the versions and delete markers under prefix.
func (s *S3) Versions(ctx context.Context, prefix string) iter.Seq2[Version, error] {
	return func(yield func(Version, error) bool) {
		after := ""
		for {
			page, last, err := s.versionPage(ctx, prefix, after)
			if err != nil {
				yield(Version{}, err)
				return
			}
			for _, v := range page {
				if !yield(v, nil) {
					return
				}
			}
			if last == "" {
				return
			}
			after = last
		}
	}
}

// versionPage returns all versions of the next keys, about pageSize of them, and the name of the last key where more may
// follow. A page ends with a key, since a list can go on behind a key but, in this client, not behind a version.
func (s *S3) versionPage(ctx context.Context, prefix, after string) (page []Version, last string, err error) {
	err = s.try(ctx, opVersions, prefix, func(ctx context.Context, _ int) (traffic, error) {
		page, last = page[:0], ""
		name, seen := "", 0
		for info := range s.client.ListObjectsIter(ctx, s.config.Bucket, minio.ListObjectsOptions{
			Prefix: s.under(prefix), StartAfter: after, Recursive: true, WithVersions: true, MaxKeys: pageSize}) {
			if info.Err != nil {
				return traffic{}, info.Err
			}
			if seen >= pageSize && info.Key != name {
				last = name
				break
			}
			name = info.Key
			seen++
			if key, ok := s.key(info.Key); ok {
				page = append(page, Version{Key: key, ID: info.VersionID, Size: info.Size, Modified: info.LastModified,
					ETag: info.ETag, Latest: info.IsLatest, Marker: info.IsDeleteMarker})
			}
		}
		return traffic{}, ctx.Err()
	})
	return page, last, err
}

// DeleteVersion removes a version for good. Stores word a refusal each in its own way, Amazon that of a locked version
// as any lack of permission, versitygw that of a version that is gone as a wrong argument: so the version is asked.
func (s *S3) DeleteVersion(ctx context.Context, key, id string, bypass bool) error {
	err := s.remove(ctx, key, minio.RemoveObjectOptions{VersionID: id, GovernanceBypass: bypass})
	if err == nil || s.readOnly || ClassOf(err) == Retry {
		return err
	}
	lock, hold, lockErr := s.LockOf(ctx, key, id)
	if lockErr == nil && (hold || lock.Until.After(time.Now())) {
		return &Failure{Op: opDelete, Key: key, Reason: Locked}
	}
	if gone, listErr := s.gone(ctx, key, id); listErr == nil && gone {
		return nil
	}
	return err
}

func (s *S3) gone(ctx context.Context, key, id string) (bool, error) {
	for v, err := range s.Versions(ctx, key) {
		if err != nil || v.Key == key && v.ID == id {
			return false, err
		}
	}
	return true, nil
}

// SetHold places or lifts a legal hold.
func (s *S3) SetHold(ctx context.Context, key, id string, on bool) error {
	status := minio.LegalHoldDisabled
	if on {
		status = minio.LegalHoldEnabled
	}
	return s.write(ctx, opHold, key, func(ctx context.Context, name string) error {
		return s.client.PutObjectLegalHold(ctx, s.config.Bucket, name, minio.PutObjectLegalHoldOptions{Status: &status, VersionID: id})
	})
}

// SetLock sets the lock of a version.
func (s *S3) SetLock(ctx context.Context, key, id string, lock Lock, bypass bool) error {
	o := minio.PutObjectRetentionOptions{GovernanceBypass: bypass, VersionID: id}
	if lock.Mode != "" {
		mode := lock.Mode.retention()
		o.Mode, o.RetainUntilDate = &mode, &lock.Until
	}
	return s.write(ctx, opLock, key, func(ctx context.Context, name string) error {
		return s.client.PutObjectRetention(ctx, s.config.Bucket, name, o)
	})
}

// write tries a call that changes something.
func (s *S3) write(ctx context.Context, op, key string, f func(ctx context.Context, name string) error) error {
	name, err := s.name(key)
	if err != nil {
		return err
	}
	if s.readOnly {
		return errReadOnly(op, key)
	}
	return s.try(ctx, op, key, func(ctx context.Context, _ int) (traffic, error) { return traffic{}, f(ctx, name) })
}

// LockOf tells what keeps a version from being removed. The store tells those who may read locks; to others every
// version looks free.
func (s *S3) LockOf(ctx context.Context, key, id string) (lock Lock, hold bool, err error) {
	info, err := s.stat(ctx, key, id)
	if err != nil {
		return lock, false, err
	}
	if mode := info.Metadata.Get("X-Amz-Object-Lock-Mode"); mode != "" {
		lock.Mode = LockMode(strings.ToLower(mode))
		lock.Until, err = time.Parse(time.RFC3339, info.Metadata.Get("X-Amz-Object-Lock-Retain-Until-Date"))
		if err != nil {
			return lock, false, fmt.Errorf("lock of %s: %w", key, err)
		}
	}
	return lock, info.Metadata.Get("X-Amz-Object-Lock-Legal-Hold") == string(minio.LegalHoldEnabled), nil
}
