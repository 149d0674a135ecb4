package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/archive/bucket"
	"github.com/keytrail/keytrail/internal/event"
)

func compact(t testing.TB, b bucket.Bucket, now time.Time) CompactReport {
	t.Helper()
	r, err := Compact(t.Context(), b, CompactOptions{Staging: t.TempDir(), Now: func() time.Time { return now }})
	require.NoError(t, err)
	return r
}

// liveFiles returns the live blocks of a class.
func liveFiles(t testing.TB, b bucket.Bucket, class string) []*File {
	t.Helper()
	files, err := NewReader(b).Live(t.Context())
	require.NoError(t, err)
	return slices.DeleteFunc(files, func(f *File) bool { return f.Class != class })
}

// rowSet is every row of the archive in one order, with all it says.
func rowSet(t testing.TB, b bucket.Bucket, now time.Time) []string {
	t.Helper()
	var rows []string
	for _, h := range find(t, b, Selection{Now: now}) {
		var attrs strings.Builder
		for _, a := range sortedAttrs(h.Record.Attrs) {
			fmt.Fprintf(&attrs, " %s=%s", a.Key, a.Value.AppendJSON(nil))
		}
		rows = append(rows, fmt.Sprint(h.Record.Classes[0], h.Fingerprint, h.Primary, h.Record.Time, h.Record.TraceID, attrs.String()))
	}
	slices.Sort(rows)
	return rows
}

func segments(t testing.TB, w *Writer, n, events int, from time.Time) {
	t.Helper()
	for s := range n {
		var records []*event.Record
		for i := range events {
			k := s*events + i
			records = append(records, request(k, from.Add(time.Duration(k)*time.Second), fp(k%7)))
		}
		write(t, w, uint64(s+1), records...)
	}
}

func TestADayBecomesOneBlockOfAClass(t *testing.T) {
	b := openTemp(t)
	segments(t, newTestWriter(t, b), smallBlocks, 20, today)
	before := rowSet(t, b, today)

	assert.Equal(t, 0, compact(t, b, today.Add(time.Minute)).Superseded)
	for _, class := range []string{"full", "trail"} {
		files := liveFiles(t, b, class)
		require.Len(t, files, 1, "many small blocks of a day under way are merged")
		assert.Equal(t, 1, files[0].Level)
	}
	assert.Equal(t, before, rowSet(t, b, today))

	over := today.Truncate(day).Add(day + lateness)
	r := compact(t, b, over)
	assert.Equal(t, 2, r.Commits)
	assert.Equal(t, r.RowsIn, r.RowsOut)
	files := liveFiles(t, b, "full")
	require.Len(t, files, 1)
	assert.Equal(t, lastLevel, files[0].Level)
	assert.Equal(t, before, rowSet(t, b, today))
	assert.Zero(t, compact(t, b, over).Commits, "nothing is left to do")

	hits := find(t, b, Selection{Fingerprints: []string{fp(3)}})
	assert.Len(t, hits, 2*len(slices.DeleteFunc(intRange(smallBlocks*20), func(i int) bool { return i%7 != 3 })))
}

func intRange(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

func TestCompactionDropsWhatStandsTwice(t *testing.T) {
	b := openTemp(t)
	w := newTestWriter(t, b)
	for s := range uint64(3) { // a sender who did not hear the answer sends again
		write(t, w, s+1, request(1, today, fp(1)), request(2, today, fp(1)))
	}
	nameless := func() *event.Record {
		r := request(3, today, fp(1))
		r.Attrs.Delete(func(k string, _ event.Value) bool { return k == event.KeyEventID })
		return r
	}
	write(t, w, 4, nameless(), nameless())

	r := compact(t, b, today.Add(2*day))
	assert.Equal(t, int64(8), r.Duplicates)
	assert.Len(t, find(t, b, Selection{Primary: true}), 2*(2+2), "rows without an event id are never taken for one")
}

func TestABlockIsCutBetweenFingerprints(t *testing.T) {
	b := openTemp(t)
	segments(t, newTestWriter(t, b), 3, 50, today)
	files := liveFiles(t, b, "full")
	m := &merger{bucket: b, staging: t.TempDir(), now: time.Now, classes: &classDocuments{bucket: b}, stones: &tombstones{}}
	class, err := m.classes.get(t.Context(), files[0].ClassHash)
	require.NoError(t, err)
	out := newShards(t.Context(), m, unit{"full", files[0].Day}, class, lastLevel, files)
	out.limit = 30
	in := newConfluence(t.Context(), m, files)
	var report ReplaceReport
	require.NoError(t, m.pour(t.Context(), in, out, &report))
	made, err := out.finish()
	require.NoError(t, err)
	require.NoError(t, report.count(files, made))
	require.Len(t, made, 4, "150 rows of 7 tokens")
	for i := 1; i < len(made); i++ {
		assert.Less(t, made[i-1].MaxFingerprint, made[i].MinFingerprint)
	}
	require.NoError(t, in.close())
}

func TestADamagedBlockIsNotLaundered(t *testing.T) {
	b := openTemp(t)
	segments(t, newTestWriter(t, b), 3, 10, today)
	damage(t, b, liveFiles(t, b, "full")[1].Key, 200)
	r, err := Compact(t.Context(), b, CompactOptions{Staging: t.TempDir(), Now: func() time.Time { return today.Add(2 * day) }})
	var bad *BlockError
	require.ErrorAs(t, err, &bad)
	assert.Equal(t, 1, r.Failed)
	assert.Len(t, liveFiles(t, b, "full"), 3, "it stays what it is, and is reported by every search")
	assert.Len(t, liveFiles(t, b, "trail"), 1, "the other class is merged all the same")
}

func TestOneCompactsAtATime(t *testing.T) {
	b := openTemp(t)
	segments(t, newTestWriter(t, b), 3, 10, today)
	now := today.Add(2 * day)
	mine, err := takeLease(t.Context(), b, "another", now)
	require.NoError(t, err)
	require.True(t, mine)
	assert.True(t, compact(t, b, now.Add(leaseTime-time.Second)).Busy)
	assert.Equal(t, 2, compact(t, b, now.Add(leaseTime)).Commits, "the other one died")
	assert.False(t, compact(t, b, now.Add(leaseTime)).Busy, "who is done gives the lease back")
}

func TestLateRowsAreMergedBesideTheDay(t *testing.T) {
	b := openTemp(t)
	w := newTestWriter(t, b)
	segments(t, w, 2, 100, today)
	now := today.Add(2 * day)
	compact(t, b, now)
	late := request(999, today.Add(time.Hour), fp(99))
	late.Observed = now.UnixNano()
	write(t, w, 3, late)
	before := rowSet(t, b, now)
	assert.Zero(t, compact(t, b, now.Add(time.Minute)).Commits, "it waits for company")
	compact(t, b, now.Add(2*time.Hour))
	assert.Equal(t, []int{1, 2}, levels(liveFiles(t, b, "full")), "a day is not rewritten for one row")
	assert.Equal(t, before, rowSet(t, b, now))
}

func levels(files []*File) []int {
	var out []int
	for _, f := range files {
		out = append(out, f.Level)
	}
	slices.Sort(out)
	return out
}

// A search that takes long is overtaken by a compaction and a sweep: what it had not come to yet is gone.
func TestASearchFindsTheBlocksThatTookOthersPlace(t *testing.T) {
	b := openTemp(t)
	const events = 3 * scanAhead
	segments(t, newTestWriter(t, b), events, 1, today)
	hits, report := NewReader(b).Search(t.Context(), Selection{Now: today})
	seen := make(map[string]int)
	for h, err := range hits {
		require.NoError(t, err)
		if len(seen) == 0 {
			compact(t, b, today.Add(2*day))
			require.Equal(t, 2*events+2, sweep(t, b, today.Add(2*day).Add(readGrace)).Replaced, "and what the first of two merges made")
		}
		seen[h.Record.Classes[0]+h.eventID()]++
	}
	assert.Empty(t, report.Unreadable)
	assert.Len(t, seen, 2*events)
	for id, n := range seen {
		assert.Equal(t, 1, n, id)
	}
}

// errKilled is what every call answers once the process is dead.
var errKilled = errors.New("killed")

// mortal is a process's sight of a bucket: it dies at its nth call, before or after that call took effect.
type mortal struct {
	bucket.Bucket
	mu    sync.Mutex
	calls int
	after bool
	step  func() // before each call
}

func (m *mortal) call(do func() error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.step != nil {
		m.step()
	}
	m.calls--
	switch {
	case m.calls > 0:
		return do()
	case m.calls == 0 && m.after:
		_ = do()
	}
	return errKilled
}

func (m *mortal) Put(ctx context.Context, key string, r io.Reader, size int64, o bucket.PutOptions) error {
	return m.call(func() error { return m.Bucket.Put(ctx, key, r, size, o) })
}

func (m *mortal) GetRange(ctx context.Context, key string, off, n int64) (data []byte, err error) {
	err = m.call(func() (err error) {
		data, err = m.Bucket.GetRange(ctx, key, off, n)
		return err
	})
	return data, err
}

func (m *mortal) Delete(ctx context.Context, key string) error {
	return m.call(func() error { return m.Bucket.Delete(ctx, key) })
}

// clocked is a bucket whose objects are as old as the story says.
type clocked struct {
	bucket.Bucket
	now func() time.Time

	mu  sync.Mutex
	put map[string]time.Time
}

func newClocked(b bucket.Bucket, now func() time.Time) *clocked {
	return &clocked{Bucket: b, now: now, put: make(map[string]time.Time)}
}

func (c *clocked) Put(ctx context.Context, key string, r io.Reader, size int64, o bucket.PutOptions) error {
	err := c.Bucket.Put(ctx, key, r, size, o)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		c.put[key] = c.now()
	}
	return err
}

func (c *clocked) at(key string) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.put[key]
}

func (c *clocked) Head(ctx context.Context, key string) (bucket.Object, error) {
	o, err := c.Bucket.Head(ctx, key)
	o.Modified = c.at(key)
	return o, err
}

func (c *clocked) List(ctx context.Context, prefix, after string) iter.Seq2[bucket.Object, error] {
	return func(yield func(bucket.Object, error) bool) {
		for o, err := range c.Bucket.List(ctx, prefix, after) {
			o.Modified = c.at(o.Key)
			if !yield(o, err) {
				return
			}
		}
	}
}

// TestNoRowIsLostOrTwiceWhoeverDiesWhere lets compactors, sweepers and a writer work on one archive. Each dies at some
// call; and in the midst of one, another one runs from begin to end, whose lease has nothing to say. Their clocks are up
// to an hour apart from the store's, four times what S3 accepts. After each of them a reader sees every row once.
func TestNoRowIsLostOrTwiceWhoeverDiesWhere(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 3))
			segment, now := uint64(4), today.Add(time.Hour)
			b := newClocked(openTemp(t), func() time.Time { return now })
			w := newTestWriter(t, b)
			segments(t, w, 4, 6, today)
			want := rowSet(t, b, today)
			staging := t.TempDir()

			work := func(m bucket.Bucket, kind int) {
				skew := time.Duration(rnd.Int64N(int64(2*time.Hour))) - time.Hour
				if kind == 0 {
					_, _ = SweepWith(t.Context(), m, SweepOptions{Now: now.Add(skew)})
					return
				}
				_, _ = Compact(t.Context(), m, CompactOptions{Staging: staging, Now: func() time.Time { return now.Add(skew) }})
			}
			for range 25 {
				m := &mortal{Bucket: b, calls: 1 + rnd.IntN(60), after: rnd.IntN(2) == 0}
				if at, kind := rnd.IntN(40), rnd.IntN(3); rnd.IntN(2) == 0 {
					m.step = func() {
						if at--; at == 0 {
							_ = b.Delete(t.Context(), leaseKey)
							work(b, kind)
						}
					}
				}
				work(m, rnd.IntN(3))
				require.Equal(t, want, rowSet(t, b, today), "at %s", now)
				if rnd.IntN(3) == 0 {
					segment++
					k := int(segment) * 100
					r := request(k, today.Add(time.Duration(k)*time.Second), fp(k%7))
					r.Observed = now.UnixNano()
					write(t, w, segment, r)
					want = rowSet(t, b, today)
				}
				now = now.Add(time.Duration(rnd.IntN(10)) * time.Hour)
				if now.After(today.Add(5 * day)) {
					now = today.Add(5 * day)
				}
			}
			now = today.Add(5 * day)
			work(b, 1)
			now = today.Add(6 * day)
			work(b, 0)
			require.Equal(t, want, rowSet(t, b, today))
			assert.LessOrEqual(t, len(list(t, b, dataPrefix)), 2*(2+2), "what nobody names is swept")
		})
	}
}
