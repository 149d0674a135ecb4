//go:build scenario

package servers

import (
	"errors"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/lifecycle"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/archive/bucket"
	"github.com/keytrail/keytrail/testbed/harness"
)

// Two archives and somebody else share one bucket and its lifecycle.
func TestLifecycleRulesOfOneArchiveLeaveTheOthers(t *testing.T) {
	store := harness.MinIO(t)
	c := store.MakeBucket(harness.Bucket{Name: "shared", Versioned: true})
	foreign := lifecycle.NewConfiguration()
	foreign.Rules = []lifecycle.Rule{{ID: "theirs", Status: "Enabled", RuleFilter: lifecycle.Filter{Prefix: "logs/"},
		Expiration: lifecycle.Expiration{Days: 30}}}
	require.NoError(t, store.Client().SetBucketLifecycle(t.Context(), "shared", foreign))

	at := func(prefix string) *bucket.S3 {
		c := c
		c.Prefix = prefix
		return open(t, c, bucket.Options{})
	}
	one, two, all := at("team/one"), at("team/two"), at("")
	full := bucket.Expiry{Name: "full", Prefix: "v1/class=full/", Days: 10, Noncurrent: 3}
	trail := bucket.Expiry{Name: "trail", Prefix: "v1/class=trail/", Days: 93, Noncurrent: 3}
	require.NoError(t, one.PutLifecycle(t.Context(), []bucket.Expiry{full, trail}))
	require.NoError(t, two.PutLifecycle(t.Context(), []bucket.Expiry{full}))
	require.NoError(t, one.PutLifecycle(t.Context(), []bucket.Expiry{trail}), "a class that is gone takes its rule along")

	is := func(b *bucket.S3, want ...bucket.Expiry) {
		t.Helper()
		got, err := b.Lifecycle(t.Context())
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	is(one, trail)
	is(two, full)
	require.NoError(t, all.PutLifecycle(t.Context(), []bucket.Expiry{full}))
	is(all, full)
	is(one, trail)
	is(two, full)

	raw, err := store.Client().GetBucketLifecycle(t.Context(), "shared")
	require.NoError(t, err)
	assert.Equal(t, "theirs", raw.Rules[0].ID)
	for _, r := range raw.Rules {
		assert.NotEmpty(t, r.RuleFilter.Prefix, r.ID)
	}
	require.NoError(t, one.PutLifecycle(t.Context(), nil))
	is(one)
}

// versitygw has no lifecycle, and says so.
func TestAStoreWithoutLifecycleSaysSo(t *testing.T) {
	b := open(t, harness.Versitygw(t).MakeBucket(harness.Bucket{Name: "plain"}), bucket.Options{})
	err := b.PutLifecycle(t.Context(), []bucket.Expiry{{Name: "full", Prefix: "v1/class=full/", Days: 10, Noncurrent: 3}})
	require.ErrorIs(t, err, errors.ErrUnsupported)
}

func TestMinIOEncryptsWhatIsAskedFor(t *testing.T) {
	store := harness.MinIO(t)
	c := store.MakeBucket(harness.Bucket{Name: "sealed"})
	for want, mode := range map[string]bucket.SSEConfig{"AES256": {Mode: bucket.SSES3}, "aws:kms": {Mode: bucket.SSEKMS, KMSKeyID: "keytrail-test"}} {
		c.SSE = mode
		b := open(t, c, bucket.Options{})
		require.NoError(t, put(b, "k", "text", bucket.PutOptions{}))
		got, err := b.GetRange(t.Context(), "k", 1, 2)
		require.NoError(t, err)
		assert.Equal(t, "ex", string(got))
		info, err := store.Client().StatObject(t.Context(), "sealed", "k", minio.StatObjectOptions{})
		require.NoError(t, err)
		assert.Equal(t, want, info.Metadata.Get("X-Amz-Server-Side-Encryption"))
		o, err := b.Head(t.Context(), "k")
		require.NoError(t, err)
		require.NoError(t, put(b, "k", "other", bucket.PutOptions{IfMatch: o.ETag}), "an encrypted object can be swapped")
	}
}
