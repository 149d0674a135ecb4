package buckettest

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/archive/bucket"
)

// RunVersions tells the stories of a bucket with versioning.
func RunVersions(t *testing.T, open func(t *testing.T) bucket.Bucket) {
	b := open(t)
	v := b.(bucket.Versions)
	require.NoError(t, put(t, b, "a", "one", bucket.PutOptions{}))
	require.NoError(t, put(t, b, "a", "two", bucket.PutOptions{}))
	require.NoError(t, b.Delete(t.Context(), "a"))
	require.NoError(t, put(t, b, "b/c", "three", bucket.PutOptions{}))
	assert.Equal(t, []string{"b/c"}, keys(t, b, "", ""), "what is deleted is not listed")

	all := versions(t, v, "")
	require.Len(t, all, 4)
	assert.True(t, all[0].Marker && all[0].Latest && all[0].Key == "a")
	assert.False(t, all[1].Marker)
	assert.Equal(t, []int64{3, 3, 5}, []int64{all[1].Size, all[2].Size, all[3].Size})
	assert.True(t, all[3].Latest && all[3].Key == "b/c")
	assert.Len(t, versions(t, v, "b/"), 1)

	require.NoError(t, v.DeleteVersion(t.Context(), "a", all[0].ID, false), "without its marker the object is back")
	assert.Equal(t, "two", read(t, b, "a"))
	for _, old := range all[1:3] {
		require.NoError(t, v.DeleteVersion(t.Context(), "a", old.ID, false))
		require.NoError(t, v.DeleteVersion(t.Context(), "a", old.ID, false), "twice is once")
	}
	assert.Len(t, versions(t, v, ""), 1)
}

// RunLocks tells the stories of a bucket with Object Lock.
func RunLocks(t *testing.T, open func(t *testing.T) bucket.Bucket) {
	for name, story := range map[string]func(*testing.T, bucket.Bucket, bucket.Versions){
		"governance yields to who may bypass it": governance,
		"compliance yields to nobody":            compliance,
		"a hold outlasts every lock":             holds,
		"a lock can be made longer":              longer,
	} {
		t.Run(name, func(t *testing.T) {
			b := open(t)
			story(t, b, b.(bucket.Versions))
		})
	}
}

func versions(t testing.TB, v bucket.Versions, prefix string) []bucket.Version {
	t.Helper()
	var all []bucket.Version
	for one, err := range v.Versions(t.Context(), prefix) {
		require.NoError(t, err)
		all = append(all, one)
	}
	return all
}

func soon() time.Time { return time.Now().Add(time.Hour).UTC().Truncate(time.Second) }

func governance(t *testing.T, b bucket.Bucket, v bucket.Versions) {
	lock := bucket.Lock{Mode: bucket.Governance, Until: soon()}
	require.NoError(t, put(t, b, "k", "x", bucket.PutOptions{IfAbsent: true, Lock: lock}))
	id := versions(t, v, "")[0].ID
	got, hold, err := v.LockOf(t.Context(), "k", id)
	require.NoError(t, err)
	assert.Equal(t, lock.Mode, got.Mode)
	assert.True(t, lock.Until.Equal(got.Until), "%s", got.Until)
	assert.False(t, hold)

	err = v.DeleteVersion(t.Context(), "k", id, false)
	require.ErrorIs(t, err, bucket.ErrLocked)
	assert.Equal(t, bucket.Permanent, bucket.ClassOf(err))
	assert.Equal(t, "x", read(t, b, "k"))
	require.NoError(t, v.DeleteVersion(t.Context(), "k", id, true))
	assert.Empty(t, versions(t, v, ""))
}

func compliance(t *testing.T, b bucket.Bucket, v bucket.Versions) {
	require.NoError(t, put(t, b, "k", "x", bucket.PutOptions{Lock: bucket.Lock{Mode: bucket.Compliance, Until: soon()}}))
	id := versions(t, v, "")[0].ID
	for _, bypass := range []bool{false, true} {
		require.ErrorIs(t, v.DeleteVersion(t.Context(), "k", id, bypass), bucket.ErrLocked)
	}
	require.Error(t, v.SetLock(t.Context(), "k", id, bucket.Lock{Mode: bucket.Compliance, Until: time.Now().Add(time.Minute)}, true))
	require.NoError(t, b.Delete(t.Context(), "k"), "a marker changes nothing under it")
	assert.Len(t, versions(t, v, ""), 2)
}

func holds(t *testing.T, b bucket.Bucket, v bucket.Versions) {
	require.NoError(t, put(t, b, "k", "x", bucket.PutOptions{Hold: true}))
	id := versions(t, v, "")[0].ID
	_, hold, err := v.LockOf(t.Context(), "k", id)
	require.NoError(t, err)
	assert.True(t, hold)
	require.ErrorIs(t, v.DeleteVersion(t.Context(), "k", id, true), bucket.ErrLocked)
	require.NoError(t, v.SetHold(t.Context(), "k", id, false))
	_, hold, err = v.LockOf(t.Context(), "k", id)
	require.NoError(t, err)
	assert.False(t, hold)
	require.NoError(t, v.SetHold(t.Context(), "k", id, true))
	require.ErrorIs(t, v.DeleteVersion(t.Context(), "k", id, true), bucket.ErrLocked)
	require.NoError(t, v.SetHold(t.Context(), "k", "", false), "no id is the latest version")
	require.NoError(t, v.DeleteVersion(t.Context(), "k", id, false))
}

func longer(t *testing.T, b bucket.Bucket, v bucket.Versions) {
	require.NoError(t, put(t, b, "k", "x", bucket.PutOptions{}))
	id := versions(t, v, "")[0].ID
	lock, _, err := v.LockOf(t.Context(), "k", id)
	require.NoError(t, err)
	assert.Empty(t, lock.Mode)
	for _, until := range []time.Time{soon(), soon().Add(time.Hour)} {
		require.NoError(t, v.SetLock(t.Context(), "k", id, bucket.Lock{Mode: bucket.Governance, Until: until}, false))
		lock, _, err = v.LockOf(t.Context(), "k", id)
		require.NoError(t, err)
		assert.True(t, until.Equal(lock.Until), "%s", lock.Until)
	}
	shorter := bucket.Lock{Mode: bucket.Governance, Until: soon()}
	err = v.SetLock(t.Context(), "k", id, shorter, false)
	require.Error(t, err)
	require.False(t, errors.Is(err, bucket.ErrNotFound))
	require.NoError(t, v.SetLock(t.Context(), "k", id, shorter, true))
}
