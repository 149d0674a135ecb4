package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		os.Exit(child(dir))
	}
	goleak.VerifyTestMain(m)
}

var archiveOnly = []Destination{{Name: "archive", Required: true}}

// smallOptions make segments that a test can fill.
func smallOptions(dir string) Options {
	return Options{Dir: dir, SegmentSize: 4096, MaxSize: 1 << 20, SegmentAge: time.Hour, Destinations: archiveOnly}
}

func open(t testing.TB, o Options) *Journal {
	t.Helper()
	j, err := Open(o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, j.Close()) })
	return j
}

func appendAll(t testing.TB, j *Journal, records ...string) {
	t.Helper()
	var p [][]byte
	for _, r := range records {
		p = append(p, []byte(r))
	}
	require.NoError(t, j.Append(t.Context(), p))
}

// tail reads everything in dir, which must be readable.
func tail(t testing.TB, dir string) []string {
	t.Helper()
	var got []string
	for e, err := range Tail(dir) {
		require.NoError(t, err)
		got = append(got, string(e.Payload))
	}
	return got
}

// drain delivers everything that is closed and returns it, segment by segment.
func drain(t testing.TB, j *Journal, destination string) [][]string {
	t.Helper()
	j.Drain()
	var all [][]string
	for {
		s, err := j.Next(t.Context(), destination)
		if errors.Is(err, ErrClosed) {
			return all
		}
		require.NoError(t, err)
		all = append(all, records(t, s))
		require.NoError(t, j.Commit(destination, s.Seq()))
	}
}

func records(t testing.TB, s *Segment) []string {
	t.Helper()
	var got []string
	for b, err := range s.Records() {
		require.NoError(t, err)
		got = append(got, string(b))
	}
	return got
}

func segmentNames(t testing.TB, dir string) []string {
	t.Helper()
	files, err := listSegments(dir)
	require.NoError(t, err)
	var names []string
	for _, f := range files {
		names = append(names, filepath.Base(f.path))
	}
	return names
}

func TestWhatIsAppendedIsReadInOrder(t *testing.T) {
	dir := t.TempDir()
	j := open(t, smallOptions(dir))
	appendAll(t, j, "a", "b")
	appendAll(t, j, "c")
	require.Equal(t, []string{"a", "b", "c"}, tail(t, dir), "visible while the segment is live")
	require.Equal(t, [][]string{{"a", "b", "c"}}, drain(t, j, "archive"))
	require.Empty(t, tail(t, dir))
	require.Empty(t, segmentNames(t, dir), "passed by everybody")
}

func TestFilesAreClosedToOthers(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "journal")
	require.NoError(t, os.Mkdir(dir, 0o755))
	j := open(t, smallOptions(dir))
	appendAll(t, j, "a")
	require.NoError(t, j.Rotate())
	s, err := j.Next(t.Context(), "archive")
	require.NoError(t, err)
	require.NoError(t, j.Advance("archive", s.Seq(), headerSize))
	require.NoError(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		require.NoError(t, err)
		fi, err := d.Info()
		require.NoError(t, err)
		require.Zero(t, fi.Mode().Perm()&0o077, "%s has mode %o", path, fi.Mode().Perm())
		return nil
	}))
}

func TestOneWriter(t *testing.T) {
	dir := t.TempDir()
	open(t, smallOptions(dir))
	_, err := Open(smallOptions(dir))
	require.ErrorContains(t, err, "is in use by another process")
}

func TestWriterIsStableAndMovesOnWithTheDirectory(t *testing.T) {
	dir := t.TempDir()
	j := open(t, smallOptions(dir))
	writer := j.Writer()
	appendAll(t, j, "a")
	require.NoError(t, j.Close())

	require.NoError(t, os.Remove(filepath.Join(dir, writerName)))
	j = open(t, smallOptions(dir))
	require.Equal(t, writer, j.Writer(), "the segments say whose they are")
	require.Len(t, drain(t, j, "archive"), 1)
	require.NoError(t, j.Close())

	j = open(t, smallOptions(dir))
	require.Equal(t, writer, j.Writer())
	require.NoError(t, j.Close())

	require.NoError(t, os.Remove(filepath.Join(dir, cursorsName)))
	j = open(t, smallOptions(dir))
	require.NotEqual(t, writer, j.Writer(), "its sequence numbers start anew, so must its name")
}

func TestSequenceNumbersAreNeverUsedAgain(t *testing.T) {
	dir := t.TempDir()
	var last uint64
	for i := range 3 {
		j := open(t, smallOptions(dir))
		appendAll(t, j, fmt.Sprint(i))
		require.NoError(t, j.Rotate())
		s, err := j.Next(t.Context(), "archive")
		require.NoError(t, err)
		require.Greater(t, s.Seq(), last)
		last = s.Seq()
		require.NoError(t, j.Commit("archive", s.Seq()))
		require.NoError(t, j.Close())
		require.Empty(t, segmentNames(t, dir))
	}
}

func TestMixedJournalsAreRefused(t *testing.T) {
	one, two := t.TempDir(), t.TempDir()
	for _, dir := range []string{one, two} {
		j := open(t, smallOptions(dir))
		appendAll(t, j, "a")
		require.NoError(t, j.Close())
	}
	b, err := os.ReadFile(filepath.Join(two, segmentNames(t, two)[0]))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(one, segmentNames(t, two)[0]), b, 0o600))
	_, err = Open(smallOptions(one))
	require.ErrorContains(t, err, "two journals are mixed in one directory")
}

func TestSegmentClosesBySizeAndByAge(t *testing.T) {
	o := smallOptions(t.TempDir())
	o.SegmentAge = 20 * time.Millisecond
	j := open(t, o)
	appendAll(t, j, "old enough soon")
	s, err := j.Next(t.Context(), "archive") // returns when the age has closed it
	require.NoError(t, err)
	require.Equal(t, []string{"old enough soon"}, records(t, s))

	big := string(make([]byte, 3000)) + "x"
	appendAll(t, j, big)
	appendAll(t, j, big)
	require.NoError(t, j.Commit("archive", s.Seq()))
	s, err = j.Next(t.Context(), "archive")
	require.NoError(t, err)
	require.Equal(t, []string{big}, records(t, s), "two do not fit into one segment")
}

func TestAGroupLargerThanASegmentGetsOneForItself(t *testing.T) {
	dir := t.TempDir()
	j := open(t, smallOptions(dir))
	appendAll(t, j, "before")
	var many []string
	for i := range 100 {
		many = append(many, fmt.Sprintf("%0200d", i))
	}
	appendAll(t, j, many...)
	appendAll(t, j, "after")
	require.Equal(t, [][]string{{"before"}, many, {"after"}}, drain(t, j, "archive"))
}

func TestRecordBounds(t *testing.T) {
	j := open(t, smallOptions(t.TempDir()))
	require.NoError(t, j.Append(t.Context(), nil))
	require.ErrorIs(t, j.Append(t.Context(), [][]byte{{}}), ErrTooLarge)
	require.ErrorIs(t, j.Append(t.Context(), [][]byte{make([]byte, MaxRecord+1)}), ErrTooLarge)
}

func TestOptionsAreChecked(t *testing.T) {
	f := func(change func(*Options), want string) {
		t.Helper()
		o := smallOptions(t.TempDir())
		change(&o)
		_, err := Open(o)
		require.ErrorContains(t, err, want)
	}
	f(func(o *Options) { o.Dir = "" }, "directory must not be empty")
	f(func(o *Options) { o.SegmentSize = 10 }, "segment size 10")
	f(func(o *Options) { o.SegmentAge = -1 }, "must be positive")
	f(func(o *Options) { o.MaxSize = 5000 }, "max size 5000 must hold two segments of 4096")
	f(func(o *Options) { o.Destinations = nil }, "at least one destination")
}

// A required destination that does not come fills the journal, which then refuses until there is room again.
func TestFullJournalRefusesAndRecovers(t *testing.T) {
	dir := t.TempDir()
	o := smallOptions(dir)
	o.MaxSize = 2 * o.SegmentSize
	j := open(t, o)
	var acked []string
	var err error
	for i := 0; err == nil; i++ {
		r := fmt.Sprintf("%0500d", i)
		if err = j.Append(t.Context(), [][]byte{[]byte(r)}); err == nil {
			acked = append(acked, r)
		}
	}
	require.ErrorIs(t, err, ErrFull)
	require.EqualValues(t, 1, j.Stats().Full)
	require.Equal(t, acked, tail(t, dir))

	s, err := j.Next(t.Context(), "archive")
	require.NoError(t, err)
	require.NoError(t, j.Commit("archive", s.Seq()))
	appendAll(t, j, "there is room again")
}

// Many senders share few syncs, every acknowledged record is there once, and each sender's records keep their order.
func TestConcurrentSenders(t *testing.T) {
	dir := t.TempDir()
	o := smallOptions(dir)
	o.SegmentSize, o.MaxSize = 64<<10, 64<<20
	j := open(t, o)
	const senders, each = 16, 200
	var wg sync.WaitGroup
	for s := range senders {
		wg.Go(func() {
			for i := range each {
				if err := j.Append(t.Context(), [][]byte{fmt.Appendf(nil, "%02d/%04d", s, i)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	st := j.Stats()
	require.EqualValues(t, senders*each, st.Records)
	require.Less(t, st.Syncs, st.Records, "group commit")

	got := slices.Concat(drain(t, j, "archive")...)
	slices.SortStableFunc(got, func(a, b string) int { return int(a[0])*256 + int(a[1]) - int(b[0])*256 - int(b[1]) })
	i := 0
	for s := range senders {
		for n := range each {
			require.Equal(t, fmt.Sprintf("%02d/%04d", s, n), got[i])
			i++
		}
	}
	require.Len(t, got, i)
}

func TestAppendAfterCloseIsRefused(t *testing.T) {
	j := open(t, smallOptions(t.TempDir()))
	require.NoError(t, j.Close())
	require.NoError(t, j.Close())
	require.ErrorIs(t, j.Append(t.Context(), [][]byte{[]byte("a")}), ErrClosed)
	require.ErrorIs(t, j.Rotate(), ErrClosed)
	_, err := j.Next(t.Context(), "archive")
	require.ErrorIs(t, err, ErrClosed)
	require.ErrorIs(t, j.Commit("archive", 1), ErrClosed)
}

func TestStatsOfWhatIsPending(t *testing.T) {
	dir := t.TempDir()
	j := open(t, smallOptions(dir))
	before := time.Now()
	appendAll(t, j, "one", "two")
	p := j.Stats().Destinations["archive"]
	require.EqualValues(t, 2, p.Records)
	require.EqualValues(t, 2*(frameSize+3), p.Bytes)
	require.False(t, p.Oldest.Before(before))
	require.NoError(t, j.Close())

	j = open(t, smallOptions(dir))
	require.EqualValues(t, 2, j.Stats().Destinations["archive"].Records, "a restart knows it from the seal")
	s, err := j.Next(t.Context(), "archive")
	require.NoError(t, err)
	require.EqualValues(t, 2, s.Count())
	require.NoError(t, j.Commit("archive", s.Seq()))
	require.Zero(t, j.Stats().Destinations["archive"])
	require.Zero(t, j.Stats().Held)
}
