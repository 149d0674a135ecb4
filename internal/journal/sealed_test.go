package journal

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/seal"
)

func testKeys(t testing.TB) seal.Keys {
	t.Helper()
	master := make([]byte, seal.KeySize)
	_, _ = rand.Read(master)
	keys, err := seal.NewKeys(KeyLabel, master)
	require.NoError(t, err)
	return keys
}

func sealedOptions(dir string, keys seal.Keys) Options {
	o := smallOptions(dir)
	o.Keys = func() (seal.Keys, error) { return keys, nil }
	return o
}

func tailWith(dir string, keys seal.Keys) (got []string, errs []error) {
	for e, err := range Tail(dir, keys...) {
		if err != nil {
			errs = append(errs, err)
			continue
		}
		got = append(got, string(e.Payload))
	}
	return got, errs
}

// What is sealed is read back, over many segments and after a crash, and stands nowhere in clear.
func TestSealedRecords(t *testing.T) {
	dir, keys := t.TempDir(), testKeys(t)
	j := open(t, sealedOptions(dir, keys))
	var want []string
	for i := range 200 {
		r := fmt.Sprintf("canary %03d %s", i, strings.Repeat("x", i))
		appendAll(t, j, r, "canary, the second of its group")
		want = append(want, r, "canary, the second of its group")
	}
	got, errs := tailWith(dir, keys)
	require.Empty(t, errs)
	require.Equal(t, want, got)
	require.Greater(t, len(segmentNames(t, dir)), 5)
	for _, name := range segmentNames(t, dir) {
		b, err := os.ReadFile(dir + "/" + name)
		require.NoError(t, err)
		require.NotContains(t, string(b), "canary")
	}
	crashed := t.TempDir() // what a killed process leaves
	require.NoError(t, os.CopyFS(crashed, os.DirFS(dir)))
	again := open(t, sealedOptions(crashed, keys))
	require.Equal(t, want, slices.Concat(drain(t, again, "archive")...))
	require.Zero(t, again.Stats().Quarantined)
}

// Switching encryption on, changing the key and switching it off again leave what is there readable.
func TestKeysComeAndGo(t *testing.T) {
	dir, first, second := t.TempDir(), testKeys(t), testKeys(t)
	add := func(record string, keys seal.Keys) {
		t.Helper()
		o := smallOptions(dir)
		if keys != nil {
			o = sealedOptions(dir, keys)
		}
		j, err := Open(o)
		require.NoError(t, err)
		appendAll(t, j, record)
		require.NoError(t, j.Close())
	}
	add("plain", nil)
	add("under the first key", first)
	both := append(slices.Clone(second), first...)
	add("under the second", both)

	_, err := Open(smallOptions(dir))
	require.ErrorIs(t, err, ErrNoKey)
	require.ErrorContains(t, err, "segment 2 is sealed with key "+first[0].ID().String())
	got, errs := tailWith(dir, second)
	require.Equal(t, []string{"plain", "under the second"}, got)
	require.Len(t, errs, 1)
	require.ErrorIs(t, errs[0], ErrNoKey)

	j := open(t, sealedOptions(dir, both))
	require.Equal(t, [][]string{{"plain"}, {"under the first key"}, {"under the second"}}, drain(t, j, "archive"))
}

// sealedSegment returns the bytes of a live sealed segment with the offsets where its records begin.
func sealedSegment(t testing.TB, keys seal.Keys, records ...string) (content []byte, starts []int) {
	t.Helper()
	dir := t.TempDir()
	j := open(t, sealedOptions(dir, keys))
	at := sealedHeaderSize
	for _, r := range records {
		appendAll(t, j, r)
		starts = append(starts, at)
		at += frameSize + len(r) + seal.Overhead
	}
	content, err := os.ReadFile(dir + "/" + segmentNames(t, dir)[0])
	require.NoError(t, err)
	return content[:at], starts
}

// A record changed with its checksum made to fit, or moved to another's place, is damage: it ends its segment, which
// is copied and counted, and is never taken for a write that was cut short.
func TestForgedRecordsAreDamage(t *testing.T) {
	keys := testKeys(t)
	check := func(what string, forge func(b []byte, starts []int)) {
		t.Helper()
		b, starts := sealedSegment(t, keys, "record 1", "record 2", "record 3")
		forge(b, starts)
		dir := writeJournal(t, b)
		got, errs := tailWith(dir, keys)
		require.Equal(t, []string{"record 1"}, got, what)
		require.Len(t, errs, 1, what)
		require.ErrorIs(t, errs[0], errBadRecord, what)
		j := open(t, sealedOptions(dir, keys))
		j.Drain()
		s, err := j.Next(t.Context(), "archive")
		require.NoError(t, err)
		got = nil
		for payload, err := range s.Records() {
			if err != nil {
				require.ErrorIs(t, err, ErrDamaged, what)
				break
			}
			got = append(got, string(payload))
		}
		require.Equal(t, []string{"record 1"}, got, what)
		require.EqualValues(t, 1, j.Stats().Quarantined, what)
		require.FileExists(t, dir+"/quarantine/00000000000000000001.seg")
	}
	check("changed", func(b []byte, starts []int) {
		frame := b[starts[1]:starts[2]]
		frame[frameSize] ^= 1
		binary.LittleEndian.PutUint32(frame[4:], crc32.Checksum(frame[frameSize:], castagnoli))
	})
	check("the last one in the place of the second", func(b []byte, starts []int) {
		copy(b[starts[1]:starts[2]], b[starts[2]:])
	})
	check("the first repeated", func(b []byte, starts []int) {
		copy(b[starts[1]:starts[2]], b[starts[0]:starts[1]])
	})
	check("from another segment", func(b []byte, starts []int) {
		other, from := sealedSegment(t, keys, "record 1", "record 2", "record 3")
		copy(b[starts[1]:starts[2]], other[from[1]:from[2]])
	})
}

// Whatever one byte of a sealed segment becomes, no record is invented.
func TestSealedSegmentWithAnyByteChanged(t *testing.T) {
	keys := testKeys(t)
	want := []string{"record 1", "record 2"}
	content, _ := sealedSegment(t, keys, want...)
	for i := range content {
		b := bytes.Clone(content)
		b[i] ^= 0x55
		got, _ := tailWith(writeJournal(t, b), keys)
		require.LessOrEqual(t, len(got), len(want))
		require.Equal(t, want[:len(got)], nilIfEmpty(got), "byte %d", i)
	}
}

// After a failed write the segment is left: its offsets may have been written, and with them their nonces.
func TestAFailedWriteEndsASealedSegment(t *testing.T) {
	for _, before := range []int{0, 2} {
		dir, keys, f := t.TempDir(), testKeys(t), &faults{}
		o := sealedOptions(dir, keys)
		o.create = f.create
		j := open(t, o)
		var want []string
		for i := range before {
			want = append(want, fmt.Sprint("before ", i))
			appendAll(t, j, want[i])
		}
		if before == 0 { // the first segment is ready, and so is the next: nothing but the append meets the fault
			require.NoError(t, j.Rotate())
			require.Eventually(t, func() bool { return len(segmentNames(t, dir)) == 1 }, 10*time.Second, time.Millisecond)
		} else {
			require.Eventually(t, func() bool { return len(segmentNames(t, dir)) == 2 }, 10*time.Second, time.Millisecond)
		}
		f.set(fault{write: syscall.ENOSPC, tear: 30})
		require.ErrorIs(t, j.Append(t.Context(), [][]byte{[]byte("refused")}), ErrFull)
		f.set(fault{})
		// The segment that was being prepared met the fault as well; the one after it is whole.
		require.Eventually(t, func() bool { return j.Append(t.Context(), [][]byte{[]byte("after")}) == nil }, 10*time.Second, time.Millisecond)
		require.Equal(t, append(want, "after"), slices.Concat(drain(t, j, "archive")...))
		require.Zero(t, j.Stats().Quarantined)
		require.NoError(t, j.Close())
	}
}

// Keys that cannot be had refuse an append as a full disk does: the sender keeps what it has.
func TestWithoutKeysNothingIsAcknowledged(t *testing.T) {
	o := smallOptions(t.TempDir())
	o.Keys = func() (seal.Keys, error) { return nil, nil }
	j := open(t, o)
	err := j.Append(t.Context(), [][]byte{[]byte("record")})
	require.ErrorIs(t, err, ErrFull)
	require.ErrorContains(t, err, "journal: keys: none is given")
}

// FuzzSealed reads a sealed segment whose bytes were changed at will: it never panics and never invents a record.
func FuzzSealed(f *testing.F) {
	keys := testKeys(f)
	content, _ := sealedSegment(f, keys, "record 1", "record 2")
	f.Add(uint16(80), []byte{1})
	f.Add(uint16(sealedHeaderSize), []byte{0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, at uint16, over []byte) {
		b := bytes.Clone(content)
		copy(b[min(int(at), len(b)):], over)
		for e, err := range Tail(writeJournal(t, b), keys...) {
			if err == nil && string(e.Payload) != "record 1" && string(e.Payload) != "record 2" {
				t.Fatalf("invented %q", e.Payload)
			}
		}
	})
}
