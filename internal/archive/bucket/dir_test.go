package bucket

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func openTemp(t testing.TB) *Directory {
	t.Helper()
	d, err := OpenDir(filepath.Join(t.TempDir(), "archive"))
	require.NoError(t, err)
	return d
}

func list(t testing.TB, b Bucket, prefix string) []string {
	t.Helper()
	var keys []string
	for o, err := range b.List(t.Context(), prefix, "") {
		require.NoError(t, err)
		keys = append(keys, o.Key)
	}
	return keys
}

func putBytes(t testing.TB, b Bucket, key string, data []byte) {
	t.Helper()
	require.NoError(t, b.Put(t.Context(), key, bytes.NewReader(data), int64(len(data)), PutOptions{}))
}

func TestDirectoryKeepsObjects(t *testing.T) {
	d := openTemp(t)
	for _, k := range []string{"a/b", "a-b", "a/c/d", "b", "a/b0"} {
		putBytes(t, d, k, []byte("text of "+k))
	}
	assert.Equal(t, []string{"a-b", "a/b", "a/b0", "a/c/d", "b"}, list(t, d, ""), "in order of key")
	assert.Equal(t, []string{"a/b", "a/b0"}, list(t, d, "a/b"), "a prefix need not end at a slash")

	var after []string
	for o, err := range d.List(t.Context(), "", "a/b0") {
		require.NoError(t, err)
		after = append(after, o.Key)
	}
	assert.Equal(t, []string{"a/c/d", "b"}, after)

	got, err := d.GetRange(t.Context(), "a/c/d", 8, 3)
	require.NoError(t, err)
	assert.Equal(t, "a/c", string(got))
	_, err = d.GetRange(t.Context(), "a/c/d", 100, 1)
	require.ErrorContains(t, err, "outside")
	_, err = d.GetRange(t.Context(), "a/none", 0, 1)
	require.ErrorIs(t, err, ErrNotFound)
	_, err = d.Head(t.Context(), "a/c")
	require.ErrorIs(t, err, ErrNotFound, "a directory is no object")

	require.NoError(t, d.Delete(t.Context(), "a/c/d"))
	require.NoError(t, d.Delete(t.Context(), "a/c/d"), "twice is once")
	_, err = os.Stat(filepath.Join(d.Path(), "a", "c"))
	require.ErrorIs(t, err, fs.ErrNotExist, "an empty directory does not stay")
}

func TestDirectoryIsForItsOwnerAlone(t *testing.T) {
	d := openTemp(t)
	putBytes(t, d, "a/b", []byte("x"))
	require.NoError(t, filepath.WalkDir(filepath.Dir(d.Path()), func(path string, e fs.DirEntry, err error) error {
		require.NoError(t, err)
		if path == filepath.Dir(d.Path()) {
			return nil
		}
		info, err := e.Info()
		require.NoError(t, err)
		assert.Zero(t, info.Mode().Perm()&0o077, path)
		return nil
	}))
	assert.Empty(t, tempFiles(t, d))
}

func tempFiles(t *testing.T, d *Directory) []os.DirEntry {
	t.Helper()
	e, err := os.ReadDir(filepath.Join(d.Path(), tempDir))
	require.NoError(t, err)
	return e
}

func TestKeysCannotLeaveTheDirectory(t *testing.T) {
	d := openTemp(t)
	for _, k := range []string{"", "/", "a//b", "../x", "a/../../x", ".tmp/x", "a/.hidden", "a\x00b", "a\\b", "a b", "é",
		"/etc/passwd", "a/", strings.Repeat("k", maxKey+1)} {
		err := d.Put(t.Context(), k, strings.NewReader("x"), 1, PutOptions{})
		assert.Error(t, err, "%q", k)
		_, err = d.GetRange(t.Context(), k, 0, -1)
		assert.Error(t, err, "%q", k)
		assert.Error(t, d.Delete(t.Context(), k), "%q", k)
	}
	assert.Empty(t, list(t, d, ""))
}

func TestPutIfAbsentHasOneWinner(t *testing.T) {
	d := openTemp(t)
	var wg sync.WaitGroup
	won := make(chan string, 16)
	for i := range 16 {
		wg.Go(func() {
			text := strings.Repeat(string(rune('a'+i)), 100)
			err := d.Put(context.Background(), "deep/er/key", strings.NewReader(text), 100, PutOptions{IfAbsent: true})
			if err == nil {
				won <- text
			} else {
				assert.ErrorIs(t, err, ErrExists)
			}
		})
	}
	wg.Wait()
	close(won)
	require.Len(t, won, 1)
	got, err := d.GetRange(t.Context(), "deep/er/key", 0, -1)
	require.NoError(t, err)
	assert.Equal(t, <-won, string(got))
	assert.Empty(t, tempFiles(t, d))
}

func TestAPutThatFailsLeavesNothing(t *testing.T) {
	d := openTemp(t)
	require.Error(t, d.Put(t.Context(), "k", strings.NewReader("short"), 100, PutOptions{}))
	require.Error(t, d.Put(t.Context(), "k", failing{}, 1, PutOptions{}))
	assert.Empty(t, list(t, d, ""))
	assert.Empty(t, tempFiles(t, d))
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("source broke") }

func TestReadDirCreatesNothing(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "none")
	_, err := ReadDir(missing)
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = os.Stat(missing)
	require.ErrorIs(t, err, fs.ErrNotExist)
}
