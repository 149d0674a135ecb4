package archive

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/event"
)

func TestRangesAreJoinedAcrossTheSmallestGaps(t *testing.T) {
	f := func(spare int64, want, got []extent) {
		t.Helper()
		assert.Equal(t, got, join(want, spare))
	}
	f(0, nil, nil)
	f(0, []extent{{0, 10}, {10, 20}, {15, 18}, {30, 40}}, []extent{{0, 20}, {30, 40}})
	f(9, []extent{{0, 10}, {20, 30}}, []extent{{0, 10}, {20, 30}})
	f(10, []extent{{0, 10}, {20, 30}}, []extent{{0, 30}})
	f(12, []extent{{0, 10}, {20, 30}, {32, 40}}, []extent{{0, 40}})
	f(11, []extent{{0, 10}, {20, 30}, {32, 40}}, []extent{{0, 10}, {20, 40}})
	f(1<<40, []extent{{0, 10}, {10 + gapBytes, 20 + gapBytes}, {21 + 2*gapBytes, 22 + 2*gapBytes}},
		[]extent{{0, 20 + gapBytes}, {21 + 2*gapBytes, 22 + 2*gapBytes}})
}

// A token's trail costs few requests and little more than its own pages, in a block of the size that compaction makes
// for one.
func TestATrailCostsLittle(t *testing.T) {
	b := openTemp(t)
	var records []*event.Record
	for i := range 20_000 {
		r := request(i, today.Add(time.Duration(i)*time.Second/10), fp(i%400))
		for j := range r.TraceID {
			r.TraceID[j] = byte(i * (j + 7) >> (j % 5))
		}
		records = append(records, r)
	}
	write(t, newTestWriter(t, b), 1, records...)
	hits, report := search1(t, b, Selection{Fingerprints: []string{fp(123)}, Now: today})
	require.Len(t, hits, 2*50)
	require.Equal(t, 2, report.Files)
	t.Logf("%d requests, %d bytes, %d of them in pages", report.Requests, report.Bytes, report.Pages)
	assert.LessOrEqual(t, report.Requests, int64(20*report.Files))
	assert.Positive(t, report.Pages)
	assert.LessOrEqual(t, report.Bytes, 2*report.Pages+int64(report.Files)*indexAllowance)
}
