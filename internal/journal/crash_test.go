package journal

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// childDir names the directory in which a re-run of this test binary appends until it is killed.
const childDir = "KEYTRAIL_JOURNAL_CHILD"

// child appends from several senders and prints each record once it is acknowledged.
func child(dir string) int {
	o := smallOptions(dir)
	o.MaxSize = 1 << 30
	j, err := Open(o)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	acked := make(chan string)
	for s := range 4 {
		go func() {
			for i := 0; ; i++ {
				r := fmt.Sprintf("%d-%d-%d", os.Getpid(), s, i)
				if err := j.Append(context.Background(), [][]byte{[]byte(r)}); err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
				acked <- r
			}
		}()
	}
	for r := range acked {
		fmt.Println(r)
	}
	return 0
}

// A process killed at any moment loses nothing it acknowledged, and its successor goes on.
func TestKillMinusNine(t *testing.T) {
	dir := t.TempDir()
	var acked []string
	for range 8 {
		acked = append(acked, killed(t, dir, 1+rand.IntN(300))...)
	}
	j := open(t, smallOptions(dir))
	require.Zero(t, j.Stats().Quarantined)
	got := slices.Concat(drain(t, j, "archive")...)
	slices.Sort(got)
	require.Equal(t, len(got), len(slices.Compact(slices.Clone(got))), "nothing twice")
	for _, r := range acked {
		_, found := slices.BinarySearch(got, r)
		require.True(t, found, "%s was acknowledged", r)
	}
}

// killed runs the child until it has acknowledged n records, kills it and returns all it acknowledged.
func killed(t *testing.T, dir string, n int) []string {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	var acked []string
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		acked = append(acked, lines.Text())
		if len(acked) == n {
			require.NoError(t, cmd.Process.Kill())
		}
	}
	require.Error(t, cmd.Wait(), "it was killed")
	require.GreaterOrEqual(t, len(acked), n)
	return acked
}

// liveSegment returns the bytes of a segment as a crash leaves it, with the offsets where its records end.
func liveSegment(t testing.TB) (content []byte, ends []int, records []string) {
	dir := t.TempDir()
	j := open(t, smallOptions(dir))
	end := headerSize
	for i := range 20 {
		r := fmt.Sprintf("record %d of the live segment", i)
		appendAll(t, j, r)
		end += frameSize + len(r)
		records, ends = append(records, r), append(ends, end)
	}
	b, err := os.ReadFile(filepath.Join(dir, segmentNames(t, dir)[0]))
	require.NoError(t, err)
	return b, ends, records
}

func writeJournal(t testing.TB, content []byte) (dir string) {
	dir = t.TempDir()
	require.NoError(t, os.WriteFile(segmentPath(dir, 1), content, 0o600))
	return dir
}

// Wherever the disk stopped writing, the whole records before are recovered, in order, and nothing else.
func TestTornTailAtEveryByte(t *testing.T) {
	content, ends, want := liveSegment(t)
	for cut := 0; cut <= ends[len(ends)-1]; cut += 23 {
		for _, zeroes := range []bool{false, true} {
			torn := slices.Clone(content[:cut])
			if zeroes {
				torn = append(torn, make([]byte, len(content)-cut)...) // the allocated rest
			}
			whole := 0
			for whole < len(ends) && ends[whole] <= cut {
				whole++
			}
			dir := writeJournal(t, torn)
			if cut >= headerSize {
				require.Equal(t, want[:whole], nilIfEmpty(tail(t, dir)), "cut at %d", cut)
			}
			j, err := Open(smallOptions(dir))
			require.NoError(t, err, "cut at %d", cut)
			require.Equal(t, want[:whole], nilIfEmpty(slices.Concat(drain(t, j, "archive")...)), "cut at %d", cut)
			require.NoError(t, j.Close())
		}
	}
}

func nilIfEmpty(s []string) []string { return append([]string{}, s...) }

// FuzzRecover opens a directory with a segment whose bytes were cut and changed at will: it never panics, never
// invents a record, and what stands before the change is there.
func FuzzRecover(f *testing.F) {
	content, ends, want := liveSegment(f)
	content = content[:ends[len(ends)-1]+64]
	f.Add(uint16(200), uint16(210), byte(0xff))
	f.Add(uint16(5), uint16(60000), byte(1))
	f.Add(uint16(60), uint16(900), byte(0x80))
	f.Fuzz(func(t *testing.T, cut, at uint16, flip byte) {
		b := slices.Clone(content[:min(int(cut), len(content))])
		good := 0
		for good < len(ends) && ends[good] <= min(len(b), int(at)) {
			good++
		}
		if int(at) < len(b) {
			b[at] ^= flip
		} else {
			good = 0
			for good < len(ends) && ends[good] <= len(b) {
				good++
			}
		}
		dir := writeJournal(t, b)
		for _, err := range Tail(dir) {
			_ = err
		}
		j, err := Open(smallOptions(dir))
		if err != nil {
			return
		}
		defer j.Close()
		got := slices.Concat(drain(t, j, "archive")...)
		require.LessOrEqual(t, len(got), len(want))
		require.Equal(t, want[:len(got)], nilIfEmpty(got))
		if len(b) >= headerSize && int(at) >= headerSize {
			require.GreaterOrEqual(t, len(got), good)
		}
	})
}

// A bad record in the middle ends its own segment only. The file is kept aside, and the segments after it go on.
func TestDamageEndsItsOwnSegmentOnly(t *testing.T) {
	for _, closed := range []bool{true, false} {
		t.Run(fmt.Sprintf("closed=%t", closed), func(t *testing.T) {
			dir := t.TempDir()
			j := open(t, smallOptions(dir))
			appendAll(t, j, "good", "bad", "lost")
			require.NoError(t, j.Rotate())
			appendAll(t, j, "next")
			require.NoError(t, j.Close())
			path := filepath.Join(dir, segmentNames(t, dir)[0])
			damage(t, path, closed)

			var errs []error
			var seen []string
			for e, err := range Tail(dir) {
				if err != nil {
					errs = append(errs, err)
					continue
				}
				seen = append(seen, string(e.Payload))
			}
			require.Equal(t, []string{"good", "next"}, seen)
			require.Len(t, errs, 1, "a search must know that it could not see everything")

			j = open(t, smallOptions(dir))
			s := next(t, j, "archive")
			got, err := untilError(s)
			require.Equal(t, []string{"good"}, got)
			if closed {
				require.ErrorIs(t, err, ErrDamaged)
				_, err = untilError(s)
				require.ErrorIs(t, err, ErrDamaged)
			} else {
				require.NoError(t, err, "recovery has closed it before the damage")
			}
			require.EqualValues(t, 1, j.Stats().Quarantined, "counted once")
			kept, err := os.ReadDir(filepath.Join(dir, quarantineName))
			require.NoError(t, err)
			require.Len(t, kept, 1)
			require.NoError(t, j.Commit("archive", s.Seq()))
			require.Equal(t, []string{"next"}, records(t, next(t, j, "archive")))
		})
	}
}

// damage flips a bit of the second record; a segment that counts as live has no seal.
func damage(t *testing.T, path string, closed bool) {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	b[headerSize+frameSize+len("good")+frameSize] ^= 1
	if !closed {
		clear(b[sealOffset:headerSize])
	}
	require.NoError(t, os.WriteFile(path, b, 0o600))
}

func untilError(s *Segment) (got []string, err error) {
	for b, err := range s.Records() {
		if err != nil {
			return got, err
		}
		got = append(got, string(b))
	}
	return got, nil
}

func TestAClosedSegmentThatBecameShorterIsDamaged(t *testing.T) {
	dir := t.TempDir()
	j := open(t, smallOptions(dir))
	appendAll(t, j, "kept", "lost")
	require.NoError(t, j.Close())
	path := filepath.Join(dir, segmentNames(t, dir)[0])
	require.NoError(t, os.Truncate(path, headerSize+frameSize+4))
	j = open(t, smallOptions(dir))
	require.EqualValues(t, 1, j.Stats().Quarantined)
	require.Equal(t, [][]string{{"kept"}}, drain(t, j, "archive"))
}

func TestNewerSegmentsAreRefused(t *testing.T) {
	content, _, _ := liveSegment(t)
	content[len(magic)] = 9
	binary.LittleEndian.PutUint32(content[32:], crc32.Checksum(content[:32], castagnoli))
	dir := writeJournal(t, content)
	_, err := Open(smallOptions(dir))
	require.ErrorContains(t, err, "segment version 9 is not known, want 1")
	for _, err := range Tail(dir) {
		require.ErrorContains(t, err, "segment version 9")
	}
}

func TestQuarantineIsBounded(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x")
	require.NoError(t, os.WriteFile(path, []byte("x"), 0o600))
	for i := range maxQuarantine + 3 {
		p := fmt.Sprintf("%s%d", path, i)
		require.NoError(t, os.Rename(path, p))
		require.NoError(t, quarantine(dir, p))
		path = p
	}
	kept, err := os.ReadDir(filepath.Join(dir, quarantineName))
	require.NoError(t, err)
	require.Len(t, kept, maxQuarantine)
}

// A reader beside the writer sees a growing prefix, whatever the writer does meanwhile.
func TestTailBesideTheWriter(t *testing.T) {
	dir := t.TempDir()
	j := open(t, smallOptions(dir))
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		for i := 0; ; i++ {
			err := j.Append(ctx, [][]byte{fmt.Appendf(nil, "%0100d", i)})
			if errors.Is(err, ErrFull) {
				s, nerr := j.Next(ctx, "archive")
				if nerr == nil {
					err = j.Commit("archive", s.Seq())
				}
				i--
			}
			if err != nil {
				ended <- err
				return
			}
		}
	}()
	until := time.Now().Add(300 * time.Millisecond)
	for time.Now().Before(until) {
		last := -1
		for e, err := range Tail(dir) {
			require.NoError(t, err)
			var n int
			_, err = fmt.Sscanf(string(e.Payload), "%d", &n)
			require.NoError(t, err)
			if last >= 0 {
				require.Equal(t, last+1, n)
			}
			last = n
			require.Equal(t, j.Writer(), e.Writer)
		}
	}
	stop()
	require.ErrorIs(t, <-ended, context.Canceled)
}

func TestTailOfNothing(t *testing.T) {
	require.Empty(t, tail(t, filepath.Join(t.TempDir(), "nowhere")))
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(segmentPath(dir, 1), make([]byte, headerSize), 0o600))
	require.Empty(t, tail(t, dir), "a segment being created")
	require.NoError(t, os.WriteFile(segmentPath(dir, 2), []byte("something else entirely, long enough to be looked at as a header …"), 0o600))
	for _, err := range Tail(dir) {
		require.ErrorIs(t, err, errBadHeader)
	}
}

// FuzzScan reads any bytes as the records of a segment.
func FuzzScan(f *testing.F) {
	f.Add(appendFrame(appendFrame(nil, []byte("a")), []byte("b")))
	f.Add([]byte{1, 0, 0, 0, 0, 0, 0, 0, 5})
	f.Add([]byte{255, 255, 255, 255, 1, 1, 1, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "s")
		require.NoError(t, os.WriteFile(path, b, 0o600))
		r, err := os.Open(path)
		require.NoError(t, err)
		defer r.Close()
		for _, end := range []int64{0, int64(len(b))} {
			s := newScanner(r, 0, end)
			for err = nil; err == nil; {
				_, err = s.next()
			}
			require.True(t, errors.Is(err, io.EOF) || errors.Is(err, errBadRecord))
			require.LessOrEqual(t, s.off, int64(len(b)))
			s.damaged()
		}
	})
}
