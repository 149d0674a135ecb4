package journal

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var archiveAndLoki = []Destination{{Name: "archive", Required: true}, {Name: "loki"}}

// next returns the segment that the destination has to deliver.
func next(t *testing.T, j *Journal, destination string) *Segment {
	t.Helper()
	s, err := j.Next(t.Context(), destination)
	require.NoError(t, err)
	return s
}

func TestASegmentStaysUntilEveryDestinationHasPassed(t *testing.T) {
	dir := t.TempDir()
	o := smallOptions(dir)
	o.Destinations = archiveAndLoki
	j := open(t, o)
	appendAll(t, j, "a")
	require.NoError(t, j.Rotate())
	seq := next(t, j, "archive").Seq()
	require.Equal(t, seq, next(t, j, "archive").Seq(), "the same until it is committed")
	require.NoError(t, j.Commit("archive", seq))
	require.Equal(t, []string{"a"}, tail(t, dir))
	require.NoError(t, j.Commit("loki", seq))
	require.Empty(t, tail(t, dir))
	require.NoError(t, j.Commit("loki", seq), "again is no error")
}

func TestCursorGoesOnInsideASegmentAfterARestart(t *testing.T) {
	dir := t.TempDir()
	j := open(t, smallOptions(dir))
	appendAll(t, j, "a", "b", "c")
	require.NoError(t, j.Rotate())
	s := next(t, j, "archive")
	for b := range s.Records() {
		if string(b) == "b" {
			break
		}
	}
	require.NoError(t, j.Advance("archive", s.Seq(), s.Offset()))
	require.NoError(t, j.Advance("archive", s.Seq(), headerSize), "a cursor does not go back")
	require.ErrorContains(t, j.Advance("archive", s.Seq(), s.Bytes()+1), "lies behind the end")
	require.ErrorContains(t, j.Commit("archive", s.Seq()+1), "is not closed")
	require.ErrorContains(t, j.Commit("nobody", s.Seq()), `destination "nobody" is not configured`)
	require.NoError(t, j.Close())

	j = open(t, smallOptions(dir))
	s = next(t, j, "archive")
	require.Equal(t, []string{"c"}, records(t, s))
	require.EqualValues(t, frameSize+1, j.Stats().Destinations["archive"].Bytes)
}

// A destination that is not required leaves the journal when it is half full, but only segments that are in blocks.
func TestOptionalDestinationIsTakenPastWhatIsInBlocks(t *testing.T) {
	o := smallOptions(t.TempDir())
	o.Destinations = archiveAndLoki
	o.MaxSize = 5 * o.SegmentSize
	j := open(t, o)
	for i := range 6 {
		appendAll(t, j, fmt.Sprintf("%03000d", i))
		require.NoError(t, j.Rotate())
	}
	require.Zero(t, j.Stats().Destinations["loki"].Skipped, "the archive has none of them yet")
	first := next(t, j, "archive").Seq()
	require.NoError(t, j.Commit("archive", first))
	require.EqualValues(t, 1, j.Stats().Destinations["loki"].Skipped)
	require.Equal(t, first+1, next(t, j, "loki").Seq())
	for i := range uint64(4) {
		require.NoError(t, j.Commit("archive", first+i))
	}
	require.EqualValues(t, 3, j.Stats().Destinations["loki"].Skipped, "the rest takes less than half")
	require.Equal(t, first+3, next(t, j, "loki").Seq())
}

func TestLostCursorsCostDeliveriesNotRecords(t *testing.T) {
	for name, damage := range map[string]string{"missing": "", "garbage": "{", "behind the end": `{"version":1,"cursors":{"archive":{"segment":1,"offset":99999}}}`} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			j := open(t, smallOptions(dir))
			appendAll(t, j, "a")
			require.NoError(t, j.Close())
			if damage != "" {
				require.NoError(t, os.WriteFile(filepath.Join(dir, cursorsName), []byte(damage), 0o600))
			}
			j = open(t, smallOptions(dir))
			if name == "behind the end" {
				require.Empty(t, drain(t, j, "archive"))
				return
			}
			require.Equal(t, [][]string{{"a"}}, drain(t, j, "archive"))
		})
	}
}

func TestNewerCursorsAreRefused(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, cursorsName), []byte(`{"version":2}`), 0o600))
	_, err := Open(smallOptions(dir))
	require.ErrorContains(t, err, "cursors version 2 is not known, want 1")
}

func TestCursorFileNeedsNoSecondRoom(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, saveCursors(dir, map[string]cursor{"archive": {1, 72}}))
	path := filepath.Join(dir, cursorsName)
	long := map[string]cursor{strings.Repeat("x", 100): {1 << 60, 1 << 60}, "archive": {7, 8}}
	require.NoError(t, saveCursors(dir, long))
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Len(t, b, cursorsRoom)
	require.NoError(t, overwriteFile(path, b))
	got, highest, err := loadCursors(dir, archiveOnly)
	require.NoError(t, err)
	require.Equal(t, cursor{7, 8}, got["archive"])
	require.EqualValues(t, 1<<60, highest)
}
