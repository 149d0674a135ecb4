package archive

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/archive/bucket"
)

func sweep(t *testing.T, b bucket.Bucket, now time.Time) SweepReport {
	t.Helper()
	r, err := Sweep(t.Context(), b, now)
	require.NoError(t, err)
	return r
}

func TestSweepTakesEachClassAtItsTime(t *testing.T) {
	b := openTemp(t)
	c := write(t, newTestWriter(t, b), 1, request(1, today, fp(1)))
	midnight := today.Truncate(day).Add(day) // the event day ends

	assert.Equal(t, SweepReport{Kept: 2}, sweep(t, b, midnight.Add(7*day-time.Second)), "the last moment of the week")
	r := sweep(t, b, midnight.Add(7*day))
	assert.Equal(t, SweepReport{Files: 1, Rows: 1, Bytes: c.Files[0].Size, Kept: 1}, r)
	assert.Equal(t, []string{c.Files[1].Key}, list(t, b, dataPrefix))
	assert.Equal(t, SweepReport{Kept: 1}, sweep(t, b, midnight.Add(7*day)), "a second sweep finds nothing to do")

	hits, report := search1(t, b, Selection{Now: midnight.Add(7 * day)})
	assert.Equal(t, []string{"trail 2"}, ids(hits))
	assert.Empty(t, report.Unreadable, "a block that was swept in its time is not missing")

	r = sweep(t, b, midnight.Add(90*day))
	assert.Equal(t, 1, r.Files)
	assert.Equal(t, 1, r.Commits)
	assert.Empty(t, list(t, b, commitPrefix))
	assert.Empty(t, list(t, b, dataPrefix))
}

func TestWhatHasEndedIsNotShownBeforeTheSweep(t *testing.T) {
	b := openTemp(t)
	write(t, newTestWriter(t, b), 1, request(1, today, fp(1)))
	assert.Equal(t, []string{"trail 2"}, ids(find(t, b, Selection{Now: today.Add(8*day + time.Hour)})))
}

func TestAClassKeepsWhatItPromisedWhenItWrote(t *testing.T) {
	b := openTemp(t)
	classes := ShippedClasses()
	write(t, newTestWriter(t, b), 1, request(1, today, fp(1)))
	classes[0].Keep = day // the configuration changes; what stands does not
	w, err := NewWriter(b, WriterOptions{Writer: writerA, Classes: classes})
	require.NoError(t, err)
	write(t, w, 2, request(2, today, fp(1)))
	assert.Equal(t, 1, sweep(t, b, today.Add(4*day)).Files)
}

func TestSweepTakesOrphansAfterTheirGrace(t *testing.T) {
	b := openTemp(t)
	c := write(t, newTestWriter(t, b), 1, request(1, today, fp(1)))
	orphan := c.Files[0].Key[:len(c.Files[0].Key)-len("00.parquet")] + "ff.parquet"
	putBytes(t, b, orphan, []byte("left by a crash"))
	left := filepath.Join(b.Path(), ".tmp", "put-left")
	require.NoError(t, os.WriteFile(left, []byte("x"), 0o600))

	o, err := b.Head(t.Context(), orphan)
	require.NoError(t, err)
	assert.Zero(t, sweep(t, b, o.Modified.Add(orphanGrace-time.Minute)).Orphans, "its writer may still commit it")
	assert.FileExists(t, left)
	assert.Equal(t, 1, sweep(t, b, o.Modified.Add(orphanGrace+time.Minute)).Orphans)
	assert.NoFileExists(t, left)
	assert.Equal(t, c.Files[0].Key, list(t, b, dataPrefix)[0])
}

func TestSweepDeletesNothingItCannotAccountFor(t *testing.T) {
	b := openTemp(t)
	write(t, newTestWriter(t, b), 1, request(1, today, fp(1)))
	putBytes(t, b, "_commit/2026-11-24/"+writerA+"-000000000009.json", []byte("{torn"))
	_, err := Sweep(t.Context(), b, today.Add(1000*day))
	require.Error(t, err)
	before := list(t, b, dataPrefix)
	assert.Empty(t, before, "what a readable commit accounts for goes")

	b = openTemp(t)
	c := write(t, newTestWriter(t, b), 1, request(1, today, fp(1)))
	require.NoError(t, b.Delete(t.Context(), classKey(c.Files[0].ClassHash)))
	_, err = Sweep(t.Context(), b, today.Add(1000*day))
	require.ErrorIs(t, err, bucket.ErrNotFound)
	assert.Len(t, list(t, b, dataPrefix), 2)
}
