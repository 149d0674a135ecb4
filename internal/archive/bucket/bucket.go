package bucket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"
)

// What a Bucket's methods answer, wrapped, when the state of a key forbids them.
var (
	ErrExists   = errors.New("object exists")
	ErrNotFound = errors.New("object not found")
	ErrChanged  = errors.New("object changed")
	ErrLocked   = errors.New("object is locked")
)

// Object is what a bucket knows of one object without reading it.
type Object struct {
	Key      string
	Size     int64
	Modified time.Time
	// ETag changes with every Put of other bytes under the key.
	ETag string
}

// PutOptions qualify a Put.
type PutOptions struct {
	// IfAbsent answers ErrExists and changes nothing when the key is taken.
	IfAbsent bool
	// IfMatch, the ETag of an earlier Head, answers ErrChanged and changes nothing when the object is another by now or
	// gone. Who swaps what he read calls Head first, then GetRange: a change between the two then fails the swap.
	IfMatch string
	// Lock and Hold need a bucket with Object Lock; elsewhere the Put fails with errors.ErrUnsupported, since a promise
	// that nobody keeps is worse than none.
	Lock Lock
	Hold bool
	// Tags are for those who read the bucket with other tools; a directory has no place for them and leaves them out.
	Tags map[string]string
}

// LockMode says who may remove a locked object before its time.
type LockMode string

// The modes of S3 Object Lock. The zero LockMode is no lock.
const (
	Governance LockMode = "governance" // whoever has the permission to bypass it
	Compliance LockMode = "compliance" // nobody, the owner of the account included
)

// Lock keeps a version of an object from being removed until a time.
type Lock struct {
	Mode  LockMode
	Until time.Time
}

// Bucket is the little that the archive asks of a store. A Put is atomic and durable when it returns; a key that was
// put is at once seen by Head, GetRange and List.
type Bucket interface {
	Put(ctx context.Context, key string, data io.Reader, size int64, o PutOptions) error
	// GetRange returns n bytes from off, fewer only at the end of the object; n < 0 means up to the end.
	GetRange(ctx context.Context, key string, off, n int64) ([]byte, error)
	Head(ctx context.Context, key string) (Object, error)
	// List yields the objects whose key starts with prefix and sorts after startAfter, in order of key.
	List(ctx context.Context, prefix, startAfter string) iter.Seq2[Object, error]
	// Delete removes an object; one that is not there is no error, so that a sweep can be repeated.
	Delete(ctx context.Context, key string) error
}

// maxKey is below the limit of every object store and every file system we write to.
const maxKey = 512

// checkKey admits the keys the archive itself makes and nothing that a file system could read otherwise.
func checkKey(key string) error {
	if key == "" || len(key) > maxKey {
		return fmt.Errorf("key must have 1 to %d bytes, found %d", maxKey, len(key))
	}
	for _, part := range strings.Split(key, "/") {
		if part == "" || part[0] == '.' {
			return fmt.Errorf("key %q: a part must not be empty or begin with a dot", key)
		}
	}
	for i := 0; i < len(key); i++ {
		if !keyByte(key[i]) {
			return fmt.Errorf("key %q: byte %#02x is not allowed", key, key[i])
		}
	}
	return nil
}

func keyByte(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	return strings.IndexByte("._-=/", c) >= 0
}
