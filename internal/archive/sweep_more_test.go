package archive

import (
	"context"
	"io"
	"iter"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/archive/bucket"
	"github.com/keytrail/keytrail/internal/event"
)

func TestReplacedBlocksGoWhenTheirReadersAreDone(t *testing.T) {
	now := today
	b := newClocked(openTemp(t), func() time.Time { return now })
	segments(t, newTestWriter(t, b), 3, 10, today)
	now = today.Add(2 * day)
	compact(t, b, now)

	assert.Zero(t, sweep(t, b, now.Add(readGrace-time.Second)).Replaced)
	r := sweep(t, b, now.Add(readGrace))
	assert.Equal(t, 6, r.Replaced)
	assert.Equal(t, 3, r.Commits, "a commit whose blocks are all replaced tells nothing any more")
	assert.Len(t, list(t, b, commitPrefix), 2, "one a class and day")
	assert.Len(t, list(t, b, dataPrefix), 2)
	assert.Len(t, find(t, b, Selection{Primary: true}), 60)
	assert.Zero(t, sweep(t, b, now.Add(day)).Commits)
}

// A collector stood still since it had stored a segment and not noted so in its journal; meanwhile another one
// compacted and swept for weeks.
func TestASegmentThatWasFoldedAwayIsNotStoredAgain(t *testing.T) {
	b := openTemp(t)
	segments(t, newTestWriter(t, b), 3, 10, today)
	now := today.Add(2 * day)
	compact(t, b, now)
	sweep(t, b, now.Add(day))
	require.Len(t, list(t, b, commitPrefix), 2)

	segments(t, newTestWriter(t, b), 3, 10, today)
	assert.Len(t, find(t, b, Selection{Primary: true}), 60)
	assert.Len(t, list(t, b, commitPrefix), 2)
	stored, err := NewReader(b).Committed(t.Context())
	require.NoError(t, err)
	assert.True(t, stored.Has(SegmentID{writerA, 3}))
	assert.False(t, stored.Has(SegmentID{writerA, 4}))
	c := write(t, newTestWriter(t, b), 4, request(1000, today, fp(1)))
	assert.Len(t, c.Files, 2, "the next one is new")
}

func TestAHoldKeepsTheBlocksOfItsRows(t *testing.T) {
	f := func(name string, h Hold, held int) {
		t.Run(name, func(t *testing.T) {
			b := openTemp(t)
			w := newTestWriter(t, b)
			write(t, w, 1, request(1, today, fp(1)))
			other := request(2, today.Add(time.Hour), fp(2))
			other.Attrs.Set(event.KeyOwnerID, event.String("bob"))
			write(t, w, 2, other)
			h.ID, h.Reason, h.By, h.Created = "case-7", "litigation", "counsel", today
			require.NoError(t, AddHold(t.Context(), b, h))
			r := sweep(t, b, today.Add(1000*day))
			assert.Equal(t, held, r.Held)
			assert.Len(t, list(t, b, dataPrefix), held)
			assert.Empty(t, find(t, b, Selection{Now: today.Add(1000 * day)}), "kept, not shown")

			require.NoError(t, LiftHold(t.Context(), b, Lifting{ID: "case-7", By: "counsel", Lifted: today}))
			sweep(t, b, today.Add(1000*day))
			assert.Empty(t, list(t, b, dataPrefix))
			assert.Empty(t, list(t, b, commitPrefix))
		})
	}
	f("of a token", Hold{Fingerprint: []string{fp(1)}}, 2)
	f("of an owner, by pseudonym where the class has only that", Hold{Owner: []string{"bob"}}, 2)
	f("of a principal", Hold{Principal: []string{fp(2)}}, 2)
	f("of a period", Hold{Since: today.Add(time.Minute)}, 2)
	f("of a period in which the owner did nothing", Hold{Owner: []string{"bob"}, Until: today.Add(time.Minute)}, 0)
	f("of everything", Hold{}, 4)
	f("of somebody unknown", Hold{Owner: []string{"mallory"}}, 0)
}

func TestAHoldThatHoldsNothingIsAnError(t *testing.T) {
	f := func(h Hold, want string) {
		t.Helper()
		require.ErrorContains(t, h.Validate(), want)
	}
	f(Hold{ID: "a b", Reason: "r", By: "b"}, "hold id must match")
	f(Hold{ID: "a", By: "b"}, "needs a reason")
	f(Hold{ID: "a", Reason: "r", By: "b", Since: today, Until: today}, "since must lie before until")
	f(Hold{ID: "a", Reason: "r", By: "b", Fingerprint: []string{canary}}, "fingerprint must be")
}

// After every number of days exactly what the classes promised is there, whatever was compacted in between.
func TestRetentionUnderAFakeClock(t *testing.T) {
	now := today
	b := newClocked(openTemp(t), func() time.Time { return now })
	w := newTestWriter(t, b)
	var events []*event.Record
	for d := range 100 {
		now = today.Add(time.Duration(d) * day)
		if d < 12 {
			r := request(d, now, fp(d%3))
			events = append(events, r)
			write(t, w, uint64(d), r)
		}
		compact(t, b, now)
		sweep(t, b, now)
		full, trail := 0, 0
		for _, r := range events {
			ends := time.Unix(0, r.Time).UTC().Truncate(day).Add(day)
			if ends.Add(7 * day).After(now) {
				full++
			}
			if ends.Add(90 * day).After(now) {
				trail++
			}
		}
		got := map[string]int{}
		for _, h := range find(t, b, Selection{Now: now}) {
			got[h.Record.Classes[0]]++
		}
		require.Equal(t, [2]int{full, trail}, [2]int{got["full"], got["trail"]}, "day %d", d)
		rows := int64(0)
		for _, f := range append(liveFiles(t, b, "full"), liveFiles(t, b, "trail")...) {
			if _, err := b.Head(t.Context(), f.Key); err == nil {
				rows += f.Rows
			}
		}
		require.Equal(t, int64(full+trail), rows, "day %d: nothing more stands in the bucket than is shown", d)
	}
	now = now.Add(10 * day)
	sweep(t, b, now)
	assert.Empty(t, list(t, b, dataPrefix))
	assert.Empty(t, list(t, b, commitPrefix))
}

// locking is a bucket with versions and locks, as an object store has them.
type locking struct {
	bucket.Bucket
	now   func() time.Time
	locks map[string]bucket.Lock
}

func (l *locking) Put(ctx context.Context, key string, r io.Reader, size int64, o bucket.PutOptions) error {
	lock := o.Lock
	o.Lock = bucket.Lock{}
	err := l.Bucket.Put(ctx, key, r, size, o)
	if err == nil && lock.Mode != "" {
		l.locks[key] = lock
	}
	return err
}

func (l *locking) Versions(ctx context.Context, prefix string) iter.Seq2[bucket.Version, error] {
	return func(yield func(bucket.Version, error) bool) {
		for o, err := range l.List(ctx, prefix, "") {
			if !yield(bucket.Version{Key: o.Key, ID: "1", Modified: o.Modified, Latest: true}, err) {
				return
			}
		}
	}
}

func (l *locking) DeleteVersion(ctx context.Context, key, _ string, _ bool) error {
	if l.locks[key].Until.After(l.now()) {
		return bucket.ErrLocked
	}
	return l.Delete(ctx, key)
}

func (l *locking) SetHold(context.Context, string, string, bool) error { return nil }

func (l *locking) LockOf(_ context.Context, key, _ string) (bucket.Lock, bool, error) {
	return l.locks[key], false, nil
}

func (l *locking) SetLock(_ context.Context, key, _ string, lock bucket.Lock, _ bool) error {
	l.locks[key] = lock
	return nil
}

func TestALockedClassIsLockedOnceAndSweptAfterItsDate(t *testing.T) {
	now := today
	b := &locking{newClocked(openTemp(t), func() time.Time { return now }), func() time.Time { return now }, make(map[string]bucket.Lock)}
	class := Class{Name: "security", Keep: 30 * day, Fields: []string{FieldsSkeleton}, Lock: LockCompliance}
	w, err := NewWriter(b, WriterOptions{Writer: writerA, Classes: []Class{class}, Now: func() time.Time { return now }})
	require.NoError(t, err)
	for i := range 3 {
		r := request(i, today, fp(i))
		r.Classes = []string{"security"}
		write(t, w, uint64(i+1), r)
	}
	first := liveFiles(t, b, "security")
	assert.Equal(t, bucket.Lock{Mode: bucket.Compliance, Until: today.Add(shortLock)}, b.locks[first[0].Key])

	now = today.Truncate(day).Add(day + lateness)
	compact(t, b, now)
	merged := liveFiles(t, b, "security")
	require.Len(t, merged, 1)
	ends := today.Truncate(day).Add(day + 30*day)
	assert.Equal(t, bucket.Lock{Mode: bucket.Compliance, Until: ends}, b.locks[merged[0].Key], "to the end of the class, and no longer")

	now = now.Add(readGrace)
	assert.Equal(t, 3, sweep(t, b, now).Locked, "their short lock still stands")
	now = today.Add(shortLock)
	assert.Equal(t, 3, sweep(t, b, now).Replaced)
	now = ends
	assert.Equal(t, 1, sweep(t, b, now).Files)
	now = now.Add(orphanGrace)
	sweep(t, b, now)
	assert.Empty(t, list(t, b, dataPrefix))
	assert.Empty(t, list(t, b, commitPrefix))
}

func TestADryRunCountsAndDeletesNothing(t *testing.T) {
	b := openTemp(t)
	segments(t, newTestWriter(t, b), 3, 10, today)
	compact(t, b, today.Add(2*day))
	before := list(t, b, "")
	dry, err := SweepWith(t.Context(), b, SweepOptions{Now: today.Add(20 * day), DryRun: true})
	require.NoError(t, err)
	assert.Equal(t, before, list(t, b, ""))
	assert.Equal(t, dry, sweep(t, b, today.Add(20*day)))
}
