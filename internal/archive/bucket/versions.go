package bucket

import (
	"context"
	"iter"
	"time"
)

// Version is one version of an object, or a marker that says the object was deleted.
type Version struct {
	Key      string
	ID       string
	Size     int64
	Modified time.Time
	ETag     string
	Latest   bool
	Marker   bool
}

// Versions is what a bucket that keeps versions can do besides. S3 does; a Directory keeps none. On an S3 bucket
// without versioning each object is its one version, with the id "null".
type Versions interface {
	// Versions yields the versions and markers of the keys that start with prefix, in order of key, newest first.
	Versions(ctx context.Context, prefix string) iter.Seq2[Version, error]
	// DeleteVersion removes a version for good; ErrLocked where a lock or a hold forbids it. bypass lifts a governance
	// lock for those who may. A version that is not there is no error.
	DeleteVersion(ctx context.Context, key, id string, bypass bool) error
	// SetHold places or lifts a legal hold. An empty id is the latest version.
	SetHold(ctx context.Context, key, id string, on bool) error
	// LockOf tells what keeps a version from being removed. An empty id is the latest version.
	LockOf(ctx context.Context, key, id string) (lock Lock, hold bool, err error)
	// SetLock sets the lock of a version. Only bypass, and only under governance, makes it shorter.
	SetLock(ctx context.Context, key, id string, lock Lock, bypass bool) error
}
