package archive

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/event"
)

// BenchmarkWriteSegment writes a segment of 50,000 events in the shipped classes: rows a second, and the bytes an event
// takes in class full.
func BenchmarkWriteSegment(b *testing.B) {
	const events = 50_000
	records := slices.Collect(traffic(events, 5000, today))
	bucket := openTemp(b)
	w, err := NewWriter(bucket, WriterOptions{Writer: writerA, Classes: ShippedClasses()})
	require.NoError(b, err)
	var c *Commit
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		if c, err = w.WriteSegment(b.Context(), uint64(i), slices.Values(records)); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*2*events)/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(float64(c.Files[0].Size)/events, "full-B/event")
	b.ReportMetric(float64(c.Files[1].Size)/events, "trail-B/event")
	b.ReportMetric(float64(c.Files[0].Size-c.Files[0].IndexOffset)/1024, "index-KiB")
}

// BenchmarkTrail asks for one token among many, with an empty cache of commits each time.
func BenchmarkTrail(b *testing.B) {
	bucket := openTemp(b)
	w, err := NewWriter(bucket, WriterOptions{Writer: writerA, Classes: ShippedClasses()})
	require.NoError(b, err)
	const segments, events = 10, 20_000
	for i := range segments {
		_, err := w.WriteSegment(b.Context(), uint64(i), traffic(events, 5000, today.Add(-day*time.Duration(i%5))))
		require.NoError(b, err)
	}
	search := func(name string, s Selection) {
		b.Run(name, func(b *testing.B) {
			var report *Report
			for b.Loop() {
				hits, r := NewReader(bucket).Search(b.Context(), s)
				for _, err := range hits {
					require.NoError(b, err)
				}
				report = r
			}
			require.Empty(b, report.Unreadable)
			b.ReportMetric(float64(report.Rows), "rows")
			b.ReportMetric(float64(report.Bytes)/float64(report.Files), "B/file")
			b.ReportMetric(float64(report.Skipped), "skipped")
		})
	}
	search("token", Selection{Fingerprints: []string{fp(2500)}, Now: today})
	search("absent", Selection{Fingerprints: []string{fp(99999)}, Now: today})
	search("request", Selection{RequestID: []string{"req-777"}, Now: today})
	search("scan", Selection{Keys: []string{event.KeyStatus, event.KeyOwnerID}, Now: today})
	search("all", Selection{Now: today})
}
