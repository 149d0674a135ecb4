package tokentrailexporter

import (
	"fmt"
	"sync"
	"testing"

	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/keytrail/keytrail/internal/event"
)

// BenchmarkConsume is the way from pdata to stable storage and, beside it, into the blocks of the shipped classes.
func BenchmarkConsume(b *testing.B) {
	for _, s := range []struct{ senders, records int }{{64, 1}, {3, 100}} {
		b.Run(fmt.Sprintf("senders=%d/records=%d", s.senders, s.records), func(b *testing.B) {
			cfg := testConfig(b)
			cfg.Journal = createDefaultConfig().(*Config).Journal
			cfg.Journal.Directory = b.TempDir()
			r := start(b, cfg)
			batches := make([]plog.Logs, s.senders)
			for i := range batches {
				batches[i] = benchBatch(s.records)
			}
			b.ReportAllocs()
			b.ResetTimer()
			var wg sync.WaitGroup
			for _, ld := range batches {
				wg.Go(func() {
					for n := 0; n < b.N; n += s.senders * s.records {
						if err := r.logs.ConsumeLogs(b.Context(), ld); err != nil {
							b.Error(err)
						}
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
			b.StopTimer()
			r.stop()
		})
	}
}

// benchBatch has events of the thirty attributes that a Kong record becomes.
func benchBatch(n int) plog.Logs {
	var records []event.Record
	for i := range n {
		r := request(fmt.Sprintf("%032d", i))
		for a := range 25 {
			r.Attrs.Add(fmt.Sprintf("kong.field.%d", a), event.String("a value of usual length"))
		}
		records = append(records, r)
	}
	return asLogs(records...)
}
