package journal

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// smallDisk mounts a file system of so many bytes; without the right to mount there is nothing to test on.
func smallDisk(t *testing.T, size int) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", size)); err != nil {
		t.Logf("no right to mount a small disk (%v): the faults of TestNoRoomForASegment stand in", err)
		return ""
	}
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(dir, 0)) })
	return filepath.Join(dir, "journal")
}

// On a real full disk the journal refuses, keeps what it acknowledged, still moves its cursors, and goes on when
// there is room again.
func TestARealFullDisk(t *testing.T) {
	dir := smallDisk(t, 64<<10)
	if dir == "" {
		return
	}
	o := smallOptions(dir)
	j, err := Open(o)
	require.NoError(t, err)
	var acked []string
	for i := 0; err == nil; i++ {
		r := fmt.Sprintf("%0900d", i)
		if err = j.Append(t.Context(), [][]byte{[]byte(r)}); err == nil {
			acked = append(acked, r)
		}
	}
	require.ErrorIs(t, err, ErrFull)
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.NotEmpty(t, acked)
	require.Equal(t, acked, tail(t, dir))

	filler := filepath.Join(dir, "filler") // not a byte is left, a second cursor file has no room
	f, err := os.Create(filler)
	require.NoError(t, err)
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	require.NoError(t, f.Close())
	s := next(t, j, "archive")
	require.NoError(t, j.Commit("archive", s.Seq()))
	require.NoError(t, os.Remove(filler))
	acked = acked[s.Count():]

	var delivered []string
	appendAll(t, j, "there is room again")
	for _, seg := range drain(t, j, "archive") {
		delivered = append(delivered, seg...)
	}
	require.Equal(t, append(acked, "there is room again"), delivered)
	require.NoError(t, j.Close())
}
