package archive

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/archive/bucket"
	"github.com/keytrail/keytrail/internal/event"
)

// storedIn reads all blocks of a backlog.
func storedIn(t *testing.T, b bucket.Bucket, files []BacklogFile) (all []*event.Record) {
	t.Helper()
	for _, f := range files {
		for r, err := range Events(t.Context(), b, f.File) {
			require.NoError(t, err)
			own := r.Clone()
			all = append(all, &own)
		}
	}
	return all
}

func idsOf(records []*event.Record) (ids []string) {
	for _, r := range records {
		ids = append(ids, r.Attrs.Str(event.KeyEventID))
	}
	slices.Sort(ids)
	return ids
}

// id is that of request n.
func id(n int) string { return fmt.Sprintf("%032x", n+1) }

func backlog(t *testing.T, b bucket.Bucket, from, to uint64, classes ...string) ([]BacklogFile, int) {
	t.Helper()
	files, missing, err := Backlog(t.Context(), b, writerA, from, to, classes)
	require.NoError(t, err)
	return files, missing
}

func segmentsOf(files []BacklogFile) (seqs []uint64) {
	for _, f := range files {
		seqs = append(seqs, f.Segment)
	}
	return seqs
}

// A destination that is sent views, and one that catches up from blocks, must be told the same.
func TestAViewIsWhatABlockHolds(t *testing.T) {
	b := openTemp(t)
	classes := append(ShippedClasses(),
		Class{Name: "nobody", Keep: 7 * day, Fields: []string{FieldsAll}, Owner: OwnerDrop}.WithDefaults(),
		Class{Name: "few", Keep: 7 * day, Fields: []string{event.KeyStatus}}.WithDefaults())
	w, err := NewWriter(b, WriterOptions{Writer: writerA, Classes: classes, Now: func() time.Time { return today }})
	require.NoError(t, err)
	r := request(1, today, fp(1))
	r.Classes = nil
	for _, c := range classes {
		r.Classes = append(r.Classes, c.Name)
	}
	write(t, w, 1, r)

	viewer := NewViewer(b, classes)
	for _, c := range classes {
		view := r.Clone()
		require.NoError(t, viewer.View(t.Context(), c.Name, &view))
		files, missing := backlog(t, b, 1, 1, c.Name)
		require.Zero(t, missing)
		stored := storedIn(t, b, files)
		require.Len(t, stored, 1, c.Name)
		assert.True(t, sameRecord(stored[0], &view), "class %s: the block holds\n%v\nthe view is\n%v", c.Name, stored[0].Attrs, view.Attrs)
	}
	view := r.Clone()
	require.ErrorContains(t, viewer.View(t.Context(), "other", &view), `class "other" is not known`)
}

func TestAViewerHearsOfAnErasure(t *testing.T) {
	b := openTemp(t)
	write(t, newTestWriter(t, b), 1, request(1, today, fp(1)))
	v := NewViewer(b, ShippedClasses())
	anna, late := request(2, today.Add(-time.Minute), fp(1)), request(3, today.Add(time.Hour), fp(1))
	assert.False(t, v.Erased(anna), "nothing was asked yet")
	require.NoError(t, v.Refresh(t.Context()))
	assert.False(t, v.Erased(anna))

	erase(t, b, EraseOptions{Fingerprint: fp(1), Until: today})
	assert.False(t, v.Erased(anna), "it asks when it is told to")
	require.NoError(t, v.Refresh(t.Context()))
	assert.True(t, v.Erased(anna))
	assert.False(t, v.Erased(late), "what happened after the erasure is another matter")
}

func TestABacklogIsTheBlocksOfTheSegments(t *testing.T) {
	b := openTemp(t)
	w := newTestWriter(t, b)
	for s := range 5 {
		if s == 2 {
			continue // a segment that never came to blocks
		}
		write(t, w, uint64(s+1), request(s, today.Add(time.Duration(-s)*time.Minute), fp(1)))
	}
	other, err := NewWriter(b, WriterOptions{Writer: "01JD0000000000000000000009", Classes: ShippedClasses()})
	require.NoError(t, err)
	write(t, other, 2, request(50, today, fp(1)))

	files, missing := backlog(t, b, 2, 4, "trail")
	assert.Equal(t, 1, missing)
	assert.Equal(t, []uint64{2, 4}, segmentsOf(files), "in the order of the journal, whatever the events' times")
	assert.Equal(t, []string{id(1), id(3)}, idsOf(storedIn(t, b, files)))
	files, _ = backlog(t, b, 1, 5, "trail", "full")
	assert.Len(t, files, 2*4)
	files, missing = backlog(t, b, 1, 2, "security")
	assert.Empty(t, files)
	assert.Zero(t, missing, "segments without a block of the class are not missing")
}

// What was compacted meanwhile holds the missed rows among others: whoever takes all of it misses nothing.
func TestABacklogReachesIntoCompactedBlocks(t *testing.T) {
	b := openTemp(t)
	w := newTestWriter(t, b)
	segments(t, w, smallBlocks, 2, today)
	compact(t, b, today.Add(time.Minute))
	write(t, w, smallBlocks+1, request(100, today, fp(1)))
	write(t, w, smallBlocks+2, request(101, today, fp(2)))

	files, missing := backlog(t, b, 3, smallBlocks+1, "trail")
	assert.Zero(t, missing)
	assert.Equal(t, []uint64{0, smallBlocks + 1}, segmentsOf(files), "compacted rows are older and come first")
	assert.Equal(t, 1, files[0].File.Level)
	var want []string
	for n := range 2 * smallBlocks {
		want = append(want, id(n))
	}
	assert.Equal(t, append(want, id(100)), idsOf(storedIn(t, b, files)), "every event once")

	_, err := Sweep(t.Context(), b, today.Add(3*day))
	require.NoError(t, err)
	files, missing = backlog(t, b, 3, smallBlocks+1, "trail")
	assert.Equal(t, smallBlocks-2, missing, "a sweep takes the commits that only compacted blocks stand for")
	assert.Equal(t, []uint64{smallBlocks + 1}, segmentsOf(files))
}

func TestEventsOfABlock(t *testing.T) {
	b := openTemp(t)
	two := request(1, today, fp(1))
	two.Attrs.Add(event.KeyOthers, event.Strings([]string{fp(2) + " query.key unknown"}))
	c := write(t, newTestWriter(t, b), 1, two, request(2, today, ""))
	files, _ := backlog(t, b, 1, 1, "full")
	require.Equal(t, int64(3), files[0].File.Rows)
	assert.Equal(t, []string{id(1), id(2)}, idsOf(storedIn(t, b, files)), "an event comes once, however many tokens it carries")

	n := 0
	for range Events(t.Context(), b, files[0].File) {
		n++
		break
	}
	assert.Equal(t, 1, n, "who has enough may leave")

	damaged := *files[0].File
	damaged.SHA256 = hexSum(nil)
	var got error
	for _, err := range Events(t.Context(), b, &damaged) {
		got = err
	}
	var bad *BlockError
	require.ErrorAs(t, got, &bad)
	assert.Equal(t, damaged.Key, bad.Key)

	require.NoError(t, b.Delete(t.Context(), c.Files[0].Key))
	assert.Empty(t, storedIn(t, b, []BacklogFile{{1, &c.Files[0]}}), "a block whose class has ended has nothing to give")
}
