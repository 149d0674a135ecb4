package query

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/archive"
	"github.com/keytrail/keytrail/internal/journal"
	"github.com/keytrail/keytrail/internal/seal"
)

func keyOf(t *testing.T, b byte) *seal.Key {
	t.Helper()
	master := bytes.Repeat([]byte{b}, seal.KeySize)
	master[0]++ // not one byte repeated, which is no key
	k, err := seal.NewKey(journal.KeyLabel, master)
	require.NoError(t, err)
	return k
}

// Segments under several keys are found with all of them; what stays shut is one sentence, however many segments it is.
func TestASealedJournalIsSearchedWithItsKeys(t *testing.T) {
	dir := t.TempDir()
	where := filepath.Join(dir, "journal")
	require.NoError(t, os.Mkdir(filepath.Join(dir, "archive"), 0o700))
	old, now := keyOf(t, 1), keyOf(t, 2)
	var seals atomic.Pointer[seal.Key]
	seals.Store(old)
	j, err := journal.Open(journal.Options{
		Dir: where, SegmentSize: 1 << 20, MaxSize: 32 << 20, Destinations: []journal.Destination{{Name: "archive", Required: true}},
		Keys: func() (seal.Keys, error) { return seal.Keys{seals.Load(), old}, nil },
	})
	require.NoError(t, err)
	for n := range 4 {
		require.NoError(t, j.Append(context.Background(), [][]byte{request(n, alice).Append(nil)}))
		seals.Store(now)
		require.NoError(t, j.Rotate())
	}
	require.NoError(t, j.Close())

	search := func(keys ...*seal.Key) ([]int64, *Report) {
		t.Helper()
		s, err := Open(filepath.Join(dir, "archive"), where, keys...)
		require.NoError(t, err)
		events, rep, err := s.Events(context.Background(), archive.Selection{Fingerprints: []string{alice}}, Filter{})
		require.NoError(t, err)
		return numbers(events), rep
	}
	found, rep := search(now, old)
	require.Equal(t, []int64{0, 1, 2, 3}, found)
	require.Empty(t, rep.Unreadable)

	partly, rep := search(now)
	require.Len(t, rep.Unreadable, 1)
	var shut *SealedError
	require.ErrorAs(t, rep.Unreadable[0], &shut)
	require.ErrorIs(t, shut, journal.ErrNoKey)
	require.Equal(t, 4-len(partly), shut.Segments, "what is not found is spoken of")

	found, rep = search()
	require.Empty(t, found)
	require.Len(t, rep.Unreadable, 1, "one sentence for four segments")
	require.Contains(t, rep.Warnings()[0], "and 3 more like it")
	require.Zero(t, rep.Journal)

	s, err := Open(filepath.Join(dir, "archive"), where)
	require.NoError(t, err)
	_, err = s.Epochs(context.Background())
	require.ErrorIs(t, err, journal.ErrNoKey, "nobody may think that an epoch is not held")
}
