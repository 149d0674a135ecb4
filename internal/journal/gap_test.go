package journal

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What a destination was taken past is its gap until it says otherwise, whatever happens to the process and however
// far the destination has come behind the gap.
func TestAGapOutlivesTheProcess(t *testing.T) {
	o := smallOptions(t.TempDir())
	o.MaxSize = 4 * o.SegmentSize
	o.Destinations = []Destination{{Name: "archive", Required: true}, {Name: "loki"}}
	reopen := func() *Journal {
		t.Helper()
		j, err := Open(o)
		require.NoError(t, err)
		return j
	}
	j := reopen()
	_, any := j.Gap("loki")
	require.False(t, any)
	appendAll(t, j, "got by both")
	require.NoError(t, j.Rotate())
	for _, d := range []string{"archive", "loki"} {
		s, err := j.Next(t.Context(), d)
		require.NoError(t, err)
		require.NoError(t, j.Commit(d, s.Seq()))
	}
	// Held by what the archive has not got: at its own pace the archive passes, and loki is shed at half.
	last := uint64(0)
	for range 3 {
		for i := range 10 {
			appendAll(t, j, fmt.Sprintf("%d %s", i, strings.Repeat("x", 1000)))
		}
		require.NoError(t, j.Rotate())
		for j.Stats().Destinations["archive"].Records > 0 {
			s, err := j.Next(t.Context(), "archive")
			require.NoError(t, err)
			last = s.Seq()
			require.NoError(t, j.Commit("archive", last))
		}
	}
	gap, any := j.Gap("loki")
	require.True(t, any)
	require.EqualValues(t, 2, gap.From)
	require.Less(t, gap.To, last)
	skipped := j.Stats().Destinations["loki"].Skipped
	require.Positive(t, skipped)

	next, err := j.Next(t.Context(), "loki")
	require.NoError(t, err)
	require.Equal(t, gap.To+1, next.Seq(), "what is still here is not in the gap")
	require.NoError(t, j.Commit("loki", next.Seq()))
	require.NoError(t, j.Fill("loki", gap.From+1))
	require.NoError(t, j.Close())

	j = reopen()
	again, any := j.Gap("loki")
	require.True(t, any)
	require.Equal(t, gap.From+2, again.From)
	require.GreaterOrEqual(t, again.To, gap.To, "what was delivered behind a gap may come again, and is the same")
	require.NoError(t, j.Fill("loki", again.To))
	_, any = j.Gap("loki")
	require.False(t, any)
	require.NoError(t, j.Close())
	j = reopen()
	_, any = j.Gap("loki")
	require.False(t, any)
	require.NoError(t, j.Close())

	o.Destinations = append(o.Destinations, Destination{Name: "new"})
	j = reopen()
	_, any = j.Gap("new")
	require.False(t, any, "a destination begins with what is there")
	require.NoError(t, j.Close())
}
