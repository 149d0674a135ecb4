package bucket_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/archive/bucket"
	"github.com/keytrail/keytrail/internal/archive/bucket/buckettest"
)

func TestDirectoryIsABucket(t *testing.T) {
	buckettest.Run(t, func(t *testing.T) bucket.Bucket {
		b, err := bucket.Open(t.Context(), filepath.Join(t.TempDir(), "archive"), bucket.Options{})
		require.NoError(t, err)
		return b
	})
}

func TestADirectoryDoesNotPretendToLock(t *testing.T) {
	b, err := bucket.OpenDir(t.TempDir())
	require.NoError(t, err)
	for _, o := range []bucket.PutOptions{{Hold: true}, {Lock: bucket.Lock{Mode: bucket.Governance}}} {
		require.ErrorContains(t, b.Put(t.Context(), "k", strings.NewReader("x"), 1, o), "cannot lock")
	}
	_, keepsVersions := bucket.Bucket(b).(bucket.Versions)
	require.False(t, keepsVersions)
}
