package buckettest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/archive/bucket"
)

// Run tells each story to a bucket of its own, which open makes empty.
func Run(t *testing.T, open func(t *testing.T) bucket.Bucket) {
	for name, story := range map[string]func(*testing.T, bucket.Bucket){
		"keeps objects in order":               keepsObjects,
		"reads ranges":                         readsRanges,
		"lists more than a page":               listsPages,
		"put if absent has one winner":         oneWinner,
		"compare and swap loses no update":     swaps,
		"compare and swap refuses":             refusesSwaps,
		"a big object is put whole":            bigObject,
		"keys cannot leave the bucket":         badKeys,
		"a put that fails leaves nothing":      failedPut,
		"a call without time leaves no change": cancelled,
	} {
		t.Run(name, func(t *testing.T) { story(t, open(t)) })
	}
}

func put(t testing.TB, b bucket.Bucket, key, text string, o bucket.PutOptions) error {
	t.Helper()
	return b.Put(t.Context(), key, strings.NewReader(text), int64(len(text)), o)
}

func read(t testing.TB, b bucket.Bucket, key string) string {
	t.Helper()
	got, err := b.GetRange(t.Context(), key, 0, -1)
	require.NoError(t, err)
	return string(got)
}

func keys(t testing.TB, b bucket.Bucket, prefix, after string) []string {
	t.Helper()
	var all []string
	for o, err := range b.List(t.Context(), prefix, after) {
		require.NoError(t, err)
		all = append(all, o.Key)
	}
	return all
}

func keepsObjects(t *testing.T, b bucket.Bucket) {
	for _, k := range []string{"a/b", "a-b", "a/c/d", "b", "a/b0", "class=full/dt=2026-11-23/x.parquet", "_commit/x.json"} {
		require.NoError(t, put(t, b, k, "text of "+k, bucket.PutOptions{Tags: map[string]string{"class": "full"}}))
	}
	assert.Equal(t, []string{"_commit/x.json", "a-b", "a/b", "a/b0", "a/c/d", "b", "class=full/dt=2026-11-23/x.parquet"},
		keys(t, b, "", ""), "in order of key")
	assert.Equal(t, []string{"a/b", "a/b0"}, keys(t, b, "a/b", ""), "a prefix need not end at a slash")
	assert.Equal(t, []string{"a/c/d", "b", "class=full/dt=2026-11-23/x.parquet"}, keys(t, b, "", "a/b0"))
	assert.Equal(t, []string{"a/b0", "a/c/d"}, keys(t, b, "a/", "a/b"))
	assert.Empty(t, keys(t, b, "none/", ""))

	o, err := b.Head(t.Context(), "a/c/d")
	require.NoError(t, err)
	assert.Equal(t, int64(len("text of a/c/d")), o.Size)
	assert.Equal(t, "a/c/d", o.Key)
	assert.NotEmpty(t, o.ETag)
	assert.False(t, o.Modified.IsZero())
	_, err = b.Head(t.Context(), "a/c")
	require.ErrorIs(t, err, bucket.ErrNotFound, "the beginning of a key is no object")

	require.NoError(t, put(t, b, "a/c/d", "other text", bucket.PutOptions{}))
	assert.Equal(t, "other text", read(t, b, "a/c/d"))
	require.NoError(t, b.Delete(t.Context(), "a/c/d"))
	require.NoError(t, b.Delete(t.Context(), "a/c/d"), "twice is once")
	_, err = b.Head(t.Context(), "a/c/d")
	require.ErrorIs(t, err, bucket.ErrNotFound)
	assert.Equal(t, bucket.Permanent, bucket.ClassOf(err))
}

func readsRanges(t *testing.T, b bucket.Bucket) {
	require.NoError(t, put(t, b, "k", "0123456789", bucket.PutOptions{}))
	f := func(off, n int64, want string) {
		t.Helper()
		got, err := b.GetRange(t.Context(), "k", off, n)
		require.NoError(t, err)
		assert.Equal(t, want, string(got), "%d+%d", off, n)
	}
	f(0, -1, "0123456789")
	f(0, 10, "0123456789")
	f(0, 4, "0123")
	f(3, 4, "3456")
	f(3, -1, "3456789")
	f(8, 100, "89")
	f(9, 1, "9")
	f(4, 0, "")
	f(10, -1, "")
	f(10, 5, "")
	for _, off := range []int64{11, -1} {
		_, err := b.GetRange(t.Context(), "k", off, 1)
		assert.ErrorContains(t, err, "outside", "%d", off)
	}
	_, err := b.GetRange(t.Context(), "none", 0, 1)
	require.ErrorIs(t, err, bucket.ErrNotFound)

	require.NoError(t, put(t, b, "empty", "", bucket.PutOptions{IfAbsent: true}))
	got, err := b.GetRange(t.Context(), "empty", 0, -1)
	require.NoError(t, err)
	assert.Empty(t, got)
	assert.Equal(t, []string{"empty", "k"}, keys(t, b, "", ""))
}

// pageAndMore is more than any store gives in one answer.
const pageAndMore = 1103

func listsPages(t *testing.T, b bucket.Bucket) {
	var want []string
	work := make(chan string)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for k := range work {
				assert.NoError(t, put(t, b, k, "x", bucket.PutOptions{}))
			}
		})
	}
	for i := range pageAndMore {
		key := fmt.Sprintf("p/%05d", i)
		want = append(want, key)
		work <- key
	}
	close(work)
	wg.Wait()
	require.NoError(t, put(t, b, "q", "x", bucket.PutOptions{}))
	assert.Equal(t, want, keys(t, b, "p/", ""))
	assert.Equal(t, want[700:], keys(t, b, "p/", want[699]))
	for o, err := range b.List(t.Context(), "", "") { // whoever stops early is left alone
		require.NoError(t, err)
		assert.Equal(t, want[0], o.Key)
		break
	}
}

func oneWinner(t *testing.T, b bucket.Bucket) {
	var wg sync.WaitGroup
	won := make(chan string, 16)
	for i := range 16 {
		wg.Go(func() {
			text := strings.Repeat(string(rune('a'+i)), 100)
			err := put(t, b, "deep/er/key", text, bucket.PutOptions{IfAbsent: true})
			if err == nil {
				won <- text
				return
			}
			assert.ErrorIs(t, err, bucket.ErrExists)
			assert.Equal(t, bucket.Permanent, bucket.ClassOf(err))
		})
	}
	wg.Wait()
	close(won)
	require.Len(t, won, 1)
	assert.Equal(t, <-won, read(t, b, "deep/er/key"))
}

// swaps lets several count in one object. Each reads, adds one and swaps; whoever lost reads again.
func swaps(t *testing.T, b bucket.Bucket) {
	const counters, steps = 4, 10
	require.NoError(t, put(t, b, "count", "0", bucket.PutOptions{IfAbsent: true}))
	var wg sync.WaitGroup
	for range counters {
		wg.Go(func() {
			for range steps {
				for !increment(t, b) {
					if t.Failed() {
						return
					}
				}
			}
		})
	}
	wg.Wait()
	assert.Equal(t, strconv.Itoa(counters*steps), read(t, b, "count"))
}

func increment(t *testing.T, b bucket.Bucket) bool {
	o, err := b.Head(t.Context(), "count")
	if !assert.NoError(t, err) {
		return false
	}
	text, err := b.GetRange(t.Context(), "count", 0, -1)
	if !assert.NoError(t, err) {
		return false
	}
	n, err := strconv.Atoi(string(text))
	if !assert.NoError(t, err) {
		return false
	}
	err = put(t, b, "count", strconv.Itoa(n+1), bucket.PutOptions{IfMatch: o.ETag})
	if err != nil {
		assert.ErrorIs(t, err, bucket.ErrChanged)
	}
	return err == nil
}

func refusesSwaps(t *testing.T, b bucket.Bucket) {
	err := put(t, b, "lease", "x", bucket.PutOptions{IfMatch: "0123456789abcdef0123456789abcdef"})
	require.ErrorIs(t, err, bucket.ErrChanged, "there is nothing to swap")
	assert.Equal(t, bucket.Permanent, bucket.ClassOf(err))
	assert.Empty(t, keys(t, b, "", ""))

	require.NoError(t, put(t, b, "lease", "first", bucket.PutOptions{}))
	first, err := b.Head(t.Context(), "lease")
	require.NoError(t, err)
	require.NoError(t, put(t, b, "lease", "second", bucket.PutOptions{}))
	require.ErrorIs(t, put(t, b, "lease", "third", bucket.PutOptions{IfMatch: first.ETag}), bucket.ErrChanged)
	assert.Equal(t, "second", read(t, b, "lease"))

	second, err := b.Head(t.Context(), "lease")
	require.NoError(t, err)
	require.NoError(t, b.Delete(t.Context(), "lease"))
	require.ErrorIs(t, put(t, b, "lease", "third", bucket.PutOptions{IfMatch: second.ETag}), bucket.ErrChanged)
	for o, err := range b.List(t.Context(), "", "") {
		require.NoError(t, err)
		t.Errorf("%s was made by a swap", o.Key)
	}
}

// bigObject is bigger than what a client of S3 likes to cut into parts, where it would lose the condition.
func bigObject(t *testing.T, b bucket.Bucket) {
	data := bytes.Repeat([]byte("0123456789abcdef"), 20<<20/16)
	big := func() error {
		return b.Put(t.Context(), "big", bytes.NewReader(data), int64(len(data)), bucket.PutOptions{IfAbsent: true})
	}
	require.NoError(t, big())
	require.ErrorIs(t, big(), bucket.ErrExists)
	got, err := b.GetRange(t.Context(), "big", 0, -1)
	require.NoError(t, err)
	assert.True(t, bytes.Equal(data, got))
	got, err = b.GetRange(t.Context(), "big", 16<<20, 16)
	require.NoError(t, err)
	assert.Equal(t, "0123456789abcdef", string(got))
}

func badKeys(t *testing.T, b bucket.Bucket) {
	for _, k := range []string{"", "/", "a//b", "../x", "a/../../x", ".tmp/x", "a/.hidden", "a\x00b", "a\\b", "a b", "é",
		"/etc/passwd", "a/", strings.Repeat("k", 513)} {
		assert.Error(t, put(t, b, k, "x", bucket.PutOptions{}), "%q", k)
		_, err := b.GetRange(t.Context(), k, 0, -1)
		assert.Error(t, err, "%q", k)
		_, err = b.Head(t.Context(), k)
		assert.Error(t, err, "%q", k)
		assert.Error(t, b.Delete(t.Context(), k), "%q", k)
	}
	assert.Empty(t, keys(t, b, "", ""))
}

func failedPut(t *testing.T, b bucket.Bucket) {
	require.Error(t, b.Put(t.Context(), "k", strings.NewReader("short"), 100, bucket.PutOptions{}))
	require.Error(t, b.Put(t.Context(), "k", strings.NewReader("too long"), 3, bucket.PutOptions{}))
	require.Error(t, b.Put(t.Context(), "k", broken{}, 1, bucket.PutOptions{}))
	assert.Empty(t, keys(t, b, "", ""))
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("source broke") }

func cancelled(t *testing.T, b bucket.Bucket) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := b.Put(ctx, "k", strings.NewReader("x"), 1, bucket.PutOptions{})
	require.ErrorIs(t, err, context.Canceled)
	assert.True(t, bucket.IsRetryable(err))
	_, err = b.GetRange(ctx, "k", 0, -1)
	require.ErrorIs(t, err, context.Canceled)
	for _, err := range b.List(ctx, "", "") {
		require.ErrorIs(t, err, context.Canceled)
	}
	assert.Empty(t, keys(t, b, "", ""))
}
