package bucket

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
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

func TestAnEmptyDirectoryDoesNotStay(t *testing.T) {
	d := openTemp(t)
	putBytes(t, d, "a/c/d", []byte("x"))
	putBytes(t, d, "a/b", []byte("x"))
	_, err := d.Head(t.Context(), "a/c")
	require.ErrorIs(t, err, ErrNotFound, "a directory is no object")
	require.NoError(t, d.Delete(t.Context(), "a/c/d"))
	_, err = os.Stat(filepath.Join(d.Path(), "a", "c"))
	require.ErrorIs(t, err, fs.ErrNotExist)
	assert.Equal(t, []string{"a/b"}, list(t, d, ""))
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

func TestALosersFileDoesNotStay(t *testing.T) {
	d := openTemp(t)
	putBytes(t, d, "k", []byte("first"))
	for _, o := range []PutOptions{{IfAbsent: true}, {IfMatch: "another"}} {
		require.Error(t, d.Put(t.Context(), "k", strings.NewReader("second"), 6, o))
	}
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
