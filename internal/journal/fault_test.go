package journal

import (
	"errors"
	"io"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var errDisk = errors.New("the disk says no")

// fault is what a segment file answers instead of doing its work; the zero fault lets everything through.
type fault struct {
	write, sync, truncate, allocate error
	tear                            int // bytes of a failing write that reach the file all the same
}

// faults is the fault in force.
type faults struct {
	mu  sync.Mutex
	now fault
}

func (f *faults) set(to fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = to
}

func (f *faults) get() fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

type faultyFile struct {
	osFile
	f *faults
}

func (f faultyFile) WriteAt(b []byte, off int64) (int, error) {
	if now := f.f.get(); now.write != nil {
		n, _ := f.osFile.WriteAt(b[:min(now.tear, len(b))], off)
		return n, now.write
	}
	return f.osFile.WriteAt(b, off)
}

func (f faultyFile) Datasync() error {
	if err := f.f.get().sync; err != nil {
		return err
	}
	return f.osFile.Datasync()
}

func (f faultyFile) Truncate(size int64) error {
	if err := f.f.get().truncate; err != nil {
		return err
	}
	return f.osFile.Truncate(size)
}

func (f faultyFile) Preallocate(size int64) error {
	if err := f.f.get().allocate; err != nil {
		return err
	}
	return f.osFile.Preallocate(size)
}

func (f *faults) create(path string) (file, error) {
	inner, err := createFile(path)
	if err != nil {
		return nil, err
	}
	return faultyFile{inner.(osFile), f}, nil
}

// openFaulty opens a journal whose segments fail as f says, once the next segment is ready too: from then on a
// fault meets nothing but appends.
func openFaulty(t *testing.T, dir string, f *faults) *Journal {
	t.Helper()
	o := smallOptions(dir)
	o.create = f.create
	j := open(t, o)
	appendAll(t, j, "first")
	require.Eventually(t, func() bool {
		files, err := listSegments(dir)
		require.NoError(t, err)
		ready := 0
		for _, f := range files {
			if fi, err := os.Stat(f.path); err == nil && fi.Size() >= o.SegmentSize {
				ready++
			}
		}
		return ready == 2
	}, 10*time.Second, time.Millisecond)
	return j
}

func TestAFailedWriteLeavesNoTrace(t *testing.T) {
	dir := t.TempDir()
	var f faults
	j := openFaulty(t, dir, &f)
	f.set(fault{write: errDisk, tear: 9})
	require.ErrorIs(t, j.Append(t.Context(), [][]byte{[]byte("refused")}), errDisk)
	f.set(fault{})
	appendAll(t, j, "second")
	require.Equal(t, []string{"first", "second"}, tail(t, dir))
	require.Equal(t, [][]string{{"first", "second"}}, drain(t, j, "archive"))
}

func TestAFullDiskIsRetryable(t *testing.T) {
	var f faults
	j := openFaulty(t, t.TempDir(), &f)
	f.set(fault{write: syscall.ENOSPC})
	require.ErrorIs(t, j.Append(t.Context(), [][]byte{[]byte("refused")}), ErrFull)
	f.set(fault{})
	appendAll(t, j, "second")
}

// Room that was given back with a failed write and cannot be had again closes the segment: what it holds goes on.
func TestASegmentThatLostItsRoomIsClosed(t *testing.T) {
	dir := t.TempDir()
	var f faults
	j := openFaulty(t, dir, &f)
	f.set(fault{write: syscall.ENOSPC, allocate: syscall.ENOSPC})
	require.ErrorIs(t, j.Append(t.Context(), [][]byte{[]byte("refused")}), ErrFull)
	f.set(fault{})
	require.Equal(t, []string{"first"}, records(t, next(t, j, "archive")))
	appendAll(t, j, "second")
	require.Equal(t, []string{"first", "second"}, tail(t, dir))
}

func TestAFailedSyncClosesTheJournal(t *testing.T) {
	dir := t.TempDir()
	var f faults
	j := openFaulty(t, dir, &f)
	f.set(fault{sync: errDisk})
	require.ErrorIs(t, j.Append(t.Context(), [][]byte{[]byte("unknown")}), errDisk)
	f.set(fault{})
	require.ErrorIs(t, j.Append(t.Context(), [][]byte{[]byte("refused")}), errDisk, "nobody knows what the disk holds")
	require.True(t, j.Stats().Failed)
	require.NoError(t, j.Close())

	j = open(t, smallOptions(dir))
	got := tail(t, dir)
	require.Equal(t, "first", got[0], "what was acknowledged is there")
	require.NotContains(t, got, "refused")
	appendAll(t, j, "again")
}

func TestAFailedCutClosesTheJournal(t *testing.T) {
	dir := t.TempDir()
	var f faults
	j := openFaulty(t, dir, &f)
	f.set(fault{write: errDisk, tear: 9, truncate: errDisk})
	require.ErrorIs(t, j.Append(t.Context(), [][]byte{[]byte("torn and long enough")}), errDisk)
	require.ErrorContains(t, j.Append(t.Context(), [][]byte{[]byte("refused")}), "closed after the disk failed")
	require.NoError(t, j.Close())

	j = open(t, smallOptions(dir))
	require.EqualValues(t, 1, j.Stats().TornTails)
	require.Equal(t, [][]string{{"first"}}, drain(t, j, "archive"))
}

// A disk without room for a segment refuses before anything is acknowledged, and is asked again with every append.
func TestNoRoomForASegment(t *testing.T) {
	o := smallOptions(t.TempDir())
	var f faults
	f.set(fault{allocate: syscall.ENOSPC})
	o.create = f.create
	j := open(t, o)
	for range 2 { // the second attempt takes what the first has started
		err := j.Append(t.Context(), [][]byte{[]byte("refused")})
		require.ErrorIs(t, err, ErrFull)
		require.ErrorIs(t, err, syscall.ENOSPC)
	}
	require.Empty(t, segmentNames(t, o.Dir))
}

// zeroFill stands in where the file system cannot allocate.
func TestZeroFill(t *testing.T) {
	f, err := createFile(segmentPath(t.TempDir(), 1))
	require.NoError(t, err)
	defer f.Close()
	_, err = f.WriteAt([]byte("x"), 0)
	require.NoError(t, err)
	require.NoError(t, f.(osFile).zeroFill(3<<20))
	n, err := f.(osFile).Seek(0, io.SeekEnd)
	require.NoError(t, err)
	require.EqualValues(t, 3<<20, n)
}
