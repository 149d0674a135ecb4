package archive

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/archive/bucket"
	"github.com/keytrail/keytrail/internal/event"
)

// counting counts the requests a search makes.
type counting struct {
	bucket.Bucket
	gets, bytes atomic.Int64
}

func (c *counting) GetRange(ctx context.Context, key string, off, n int64) ([]byte, error) {
	b, err := c.Bucket.GetRange(ctx, key, off, n)
	c.gets.Add(1)
	c.bytes.Add(int64(len(b)))
	return b, err
}

func TestATrailReadsItsOwnPagesOnly(t *testing.T) {
	b := &counting{Bucket: openTemp(t)}
	w, err := NewWriter(b, WriterOptions{Writer: writerA, Classes: fullOnly()})
	require.NoError(t, err)
	records := slices.Collect(traffic(20_000, 2000, today))
	for _, r := range records {
		r.Classes = []string{"full"}
	}
	c := write(t, w, 1, records...)
	r := NewReader(b)
	_, err = r.Commits(t.Context())
	require.NoError(t, err)

	run := func(s Selection) (gets, bytes int64, report *Report) {
		b.gets.Store(0)
		b.bytes.Store(0)
		s.Now = today
		hits, report := r.Search(t.Context(), s)
		for _, err := range hits {
			require.NoError(t, err)
		}
		require.Empty(t, report.Unreadable)
		return b.gets.Load(), b.bytes.Load(), report
	}
	_, _, _ = run(Selection{Fingerprints: []string{fp(1)}}) // the class document is read once

	gets, bytes, report := run(Selection{Fingerprints: []string{fp(999_999)}})
	assert.Equal(t, 1, report.Skipped)
	assert.LessOrEqual(t, gets, int64(1))
	assert.LessOrEqual(t, bytes, int64(32), "a token that is not there costs one probe")

	gets, bytes, report = run(Selection{Fingerprints: []string{fp(1000)}})
	t.Logf("%d rows of %d: %d requests, %d of %d bytes", report.Rows, c.Files[0].Rows, gets, bytes, c.Files[0].Size)
	assert.Positive(t, report.Rows)
	assert.Less(t, bytes, c.Files[0].Size/2)
	assert.LessOrEqual(t, gets, int64(20))
	assert.Equal(t, bytes, report.Bytes)
}

func TestTheReaderTellsWhatTheArchiveHolds(t *testing.T) {
	b := openTemp(t)
	r := NewReader(b)
	newest, err := r.Newest(t.Context())
	require.NoError(t, err)
	assert.True(t, newest.IsZero())

	w := newTestWriter(t, b)
	write(t, w, 1, request(1, today, fp(1)))
	second := request(2, today.Add(time.Hour), fp(1))
	second.Scope.Epoch = 2
	write(t, w, 2, second)

	committed, err := r.Committed(t.Context())
	require.NoError(t, err)
	assert.True(t, committed.Has(SegmentID{writerA, 1}) && committed.Has(SegmentID{writerA, 2}))
	assert.False(t, committed.Has(SegmentID{writerA, 3}) || committed.Has(SegmentID{"other", 1}))
	newest, err = r.Newest(t.Context())
	require.NoError(t, err)
	assert.Equal(t, today.Add(time.Hour), newest)
	epochs, err := r.Epochs(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []Epoch{{"test", 1, "aaaaaaaa"}, {"test", 2, "aaaaaaaa"}}, epochs)
	owners, err := new(aliasMap).load(t.Context(), b)
	require.NoError(t, err)
	assert.Len(t, owners, 1)
}

func TestASelectionThatCannotMatchIsAnError(t *testing.T) {
	b := openTemp(t)
	f := func(s Selection, want string) {
		t.Helper()
		hits, _ := NewReader(b).Search(t.Context(), s)
		var got error
		for _, err := range hits {
			got = err
		}
		require.ErrorContains(t, got, want)
		assert.NotContains(t, got.Error(), canary)
	}
	f(Selection{Fingerprints: []string{"kt1_abc"}}, "at least 8 digits")
	f(Selection{Fingerprints: []string{canary}}, "fingerprint must be")
	f(Selection{Since: today, Until: today}, "since must lie before until")
}

func TestSearchesRunSideBySide(t *testing.T) {
	b := openTemp(t)
	w := newTestWriter(t, b)
	r := NewReader(b)
	var wg sync.WaitGroup
	for i := range 4 {
		write(t, w, uint64(i), request(i, today, fp(1)))
		wg.Go(func() {
			for range 5 {
				hits, _ := r.Search(background(), Selection{Owner: []string{"alice@example.test"}, Now: today})
				n := 0
				for _, err := range hits {
					assert.NoError(t, err)
					n++
				}
				assert.GreaterOrEqual(t, n, 2*(i+1))
			}
		})
	}
	wg.Wait()
}

func TestASearchEndsWhenNobodyListens(t *testing.T) {
	b := openTemp(t)
	var records []*event.Record
	for i := range 50 {
		records = append(records, request(i, today, fp(i)))
	}
	write(t, newTestWriter(t, b), 1, records...)
	hits, report := NewReader(b).Search(t.Context(), Selection{Now: today})
	for range hits {
		break
	}
	assert.Equal(t, int64(1), report.Rows)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	hits, _ = NewReader(b).Search(ctx, Selection{Now: today})
	var got error
	for _, err := range hits {
		got = err
	}
	require.ErrorIs(t, got, context.Canceled)
}

func TestTwoWritersAgreeOnAnOwnersPseudonym(t *testing.T) {
	b := openTemp(t)
	var wg sync.WaitGroup
	got := make([]string, 8)
	for i := range got {
		wg.Go(func() {
			var err error
			got[i], err = newAliases(b).of(background(), "alice")
			assert.NoError(t, err)
		})
	}
	wg.Wait()
	assert.Len(t, slices.Compact(got), 1)
	assert.Regexp(t, `^op_[0-9a-f]{32}$`, got[0])
	assert.NotContains(t, fmt.Sprint(list(t, b, "")), "alice")
}
