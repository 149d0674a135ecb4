//go:build scenario

package servers

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/archive/bucket"
	"github.com/keytrail/keytrail/internal/archive/bucket/buckettest"
	"github.com/keytrail/keytrail/testbed/harness"
)

func TestVersitygwIsABucket(t *testing.T) { conforms(t, harness.Versitygw(t)) }

func TestMinIOIsABucket(t *testing.T) { conforms(t, harness.MinIO(t)) }

// conforms tells every story to the store, each in its own corner of a bucket.
func conforms(t *testing.T, store *harness.ObjectStore) {
	plain := store.MakeBucket(harness.Bucket{Name: "plain"})
	buckettest.Run(t, corner(plain))
	t.Run("versions", func(t *testing.T) {
		buckettest.RunVersions(t, corner(store.MakeBucket(harness.Bucket{Name: "versioned", Versioned: true})))
	})
	t.Run("locks", func(t *testing.T) {
		buckettest.RunLocks(t, corner(store.MakeBucket(harness.Bucket{Name: "locked", ObjectLock: true})))
	})
}

// corner gives each test its own prefix, two parts deep.
func corner(c bucket.S3Config) func(t *testing.T) bucket.Bucket {
	n := 0
	return func(t *testing.T) bucket.Bucket {
		n++
		c := c
		c.Prefix = "team/archive" + string(rune('a'+n))
		return open(t, c, bucket.Options{})
	}
}

func open(t *testing.T, c bucket.S3Config, o bucket.Options) *bucket.S3 {
	t.Helper()
	b, err := bucket.OpenS3(c, o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	return b
}
