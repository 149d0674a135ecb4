//go:build scenario

package scenarios

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/testbed/harness"
)

// smallDisk mounts a file system of so many bytes at dir.
func smallDisk(t *testing.T, dir, size string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(dir, 0o700))
	require.NoError(t, syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size), "a small file system needs root")
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
}

// fillDisk takes what room a disk has left; the returned function gives it back.
func fillDisk(t *testing.T, dir string) (free func()) {
	t.Helper()
	filler := filepath.Join(dir, "filler")
	require.ErrorIs(t, os.WriteFile(filler, make([]byte, 32<<20), 0o600), syscall.ENOSPC)
	return func() { require.NoError(t, os.Remove(filler)) }
}

func lastLine(text string) string {
	text = strings.TrimSpace(text)
	return text[strings.LastIndexByte(text, '\n')+1:]
}

// With the archive on S3, the disk under the journal fills and so does the one under the directory where a compaction
// makes its blocks. The first refuses before it acknowledges; the second stops nothing but the compaction, which says so
// and is done when there is room. No staged block stays behind, and each event is there once.
func TestFullDisksWithTheArchiveOnS3(t *testing.T) {
	dir := harness.Dir(t)
	store, name, location := bucketFor(t)
	ring := filepath.Join(dir, "keyring.yaml")
	staging := filepath.Join(dir, "tmp")
	k := newKeeper(t, dir, ring, "max_size: 67108864", onS3(store, store.Address, name, "")+"\ncompaction: {interval: 1s}")
	smallDisk(t, k.journal(), "16m")
	smallDisk(t, staging, "8m")
	t.Setenv("TMPDIR", staging)
	l := newTraffic("full-disks-token-00000000001")
	l.age, l.pace = 72*time.Hour, 20*time.Millisecond // a day that is over is compacted at once
	freeStaging := fillDisk(t, staging)
	k.start()
	end := l.run(k.ingest, 4)

	harness.Eventually(t, 30*time.Second, "compaction fails for want of room", func() error {
		if k.metric("maintenance_failures", "task", "compaction") == 0 {
			return errors.New("no failure yet")
		}
		return nil
	})
	require.Zero(t, k.metric("delivery_failures"), "blocks of segments need no staging")
	require.Contains(t, k.process.Log(), "no space left on device")
	freeStaging()
	harness.Eventually(t, 30*time.Second, "compaction is done when there is room", func() error {
		if k.metric("compacted_blocks") == 0 {
			return fmt.Errorf("none yet: %s", lastLine(k.process.Log()))
		}
		return nil
	})

	store.Kill() // so that the journal keeps what it has
	freeJournal := fillDisk(t, k.journal())
	more := newTraffic(l.token) // as fast as it can: the segments at hand are already allocated
	more.n, more.age = 1<<30, l.age
	endMore := more.run(k.ingest, 4)
	harness.Eventually(t, 60*time.Second, "the journal refuses", func() error {
		if l.refusals(http.StatusServiceUnavailable) < 10 {
			return fmt.Errorf("%d acknowledged", l.count()+more.count())
		}
		return nil
	})
	refused := l.count()
	freeJournal()
	store.Start()
	harness.Eventually(t, 60*time.Second, "the journal takes again", func() error {
		if l.count() < refused+500 {
			return errors.New("still refused")
		}
		return nil
	})
	end()
	endMore()
	for p := range more.known() {
		l.acked[p] = true
	}
	k.process.Stop()
	left, err := os.ReadDir(staging)
	require.NoError(t, err)
	require.Empty(t, left, "a staged block stays behind")
	l.requireTrail(t, dir, "two full disks, the bucket alone", "--archive", location, "--keyring", ring)
}

// A byte of a closed segment flips while the collector is stopped and the store away. What stands before it and in all
// other segments is delivered once; the file is set aside, counted, and spoken of.
func TestCorruptSegmentWithTheArchiveOnS3(t *testing.T) {
	dir := harness.Dir(t)
	store, name, location := bucketFor(t)
	ring := filepath.Join(dir, "keyring.yaml")
	k := newKeeper(t, dir, ring, "max_size: 67108864", onS3(store, store.Address, name, ""))
	store.Kill()
	var parts []*traffic // each in segments of its own, but for the first and last of its events
	k.start()
	for i := range 3 {
		l := newTraffic(fmt.Sprintf("rotten-segment-token-000000%d", i))
		end := l.run(k.ingest, 2)
		have := len(segmentFiles(t, k.journal()))
		harness.Eventually(t, 30*time.Second, "a segment closes", func() error {
			if len(segmentFiles(t, k.journal())) < have+2 {
				return fmt.Errorf("%d segments", have)
			}
			return nil
		})
		end()
		parts = append(parts, l)
	}
	k.process.Kill()

	rotten := holderOf(t, k.journal(), parts[1])
	b, err := os.ReadFile(rotten)
	require.NoError(t, err)
	b[len(b)/2] ^= 0x40
	require.NoError(t, os.WriteFile(rotten, b, 0o600))
	spoilt := pathsIn(b)
	require.Greater(t, len(spoilt), 100)

	store.Start()
	k.start()
	harness.Eventually(t, 30*time.Second, "the damage is set aside", func() error {
		if n := k.metric("journal_quarantined"); n != 1 {
			return fmt.Errorf("%v quarantined", n)
		}
		return nil
	})
	harness.Eventually(t, 30*time.Second, "the journal is empty", func() error { // what is damaged is never delivered
		if n := k.metric("pending_records", "destination", "archive"); n != 0 {
			return fmt.Errorf("%v pending", n)
		}
		return nil
	})
	k.process.Stop()
	kept, err := filepath.Glob(filepath.Join(k.journal(), "quarantine", "*"))
	require.NoError(t, err)
	require.Len(t, kept, 1)
	require.Contains(t, k.process.Log(), "segment is damaged")

	before, after, gone := 0, 0, 0
	for _, l := range parts {
		acked := l.known()
		seen, err := paths(t, dir, l.token, "--archive", location, "--keyring", ring)
		require.NoError(t, err)
		_, twice := compare(acked, seen)
		require.Zero(t, twice)
		for p := range acked {
			if seen[p] == 0 {
				gone++
				require.True(t, l == parts[1] && spoilt[p], "%s of token %s is lost and was not in the damaged segment", p, l.token)
			}
		}
		before, after = before+len(acked), after+len(seen)
	}
	t.Logf("%d acknowledged before, %d found after, %d behind the damage in their own segment of %d, 0 twice", before, after, gone, len(spoilt))
	require.Positive(t, gone, "the damage was real")
	require.Less(t, gone, len(spoilt), "what stands before the damage is kept")
}

// holderOf returns a segment that is full of one token's events.
func holderOf(t *testing.T, journal string, l *traffic) string {
	t.Helper()
	best, most := "", 0
	acked := l.known()
	for _, f := range segmentFiles(t, journal) {
		b, err := os.ReadFile(f)
		require.NoError(t, err)
		n := 0
		for p := range pathsIn(b) {
			if acked[p] {
				n++
			}
		}
		if n > most {
			best, most = f, n
		}
	}
	require.NotEmpty(t, best)
	return best
}

// pathsIn returns the paths that stand in a plain segment.
func pathsIn(b []byte) map[string]bool {
	all := map[string]bool{}
	for _, part := range strings.Split(string(b), "/v1/items/item-")[1:] {
		end := strings.IndexFunc(part, func(r rune) bool { return r < '0' || r > '9' })
		all["/v1/items/item-"+part[:max(end, 0)]] = true
	}
	return all
}
