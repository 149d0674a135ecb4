package detect

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Requests of the same tokens, snapshots, metrics and the clock may all come at once; nothing is counted twice or
// lost.
func TestConcurrentUse(t *testing.T) {
	e := New(Config{Now: func() time.Time { return now }})
	const workers, each = 8, 2000
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range each {
				c := call{at: now.Add(-time.Duration(each-i) * time.Second), token: fmt.Sprint(i % 50), owner: fmt.Sprint(i % 50), source: fmt.Sprint(w)}
				if i%40 == 0 {
					c.state, c.revoked, c.status = "revoked", now.Add(-24*time.Hour).Format(time.RFC3339), 401
				}
				rec := c.record(fmt.Sprintf("%016x%016x", w, i))
				e.Observe(&rec)
			}
		})
	}
	wg.Go(func() {
		for range 20 {
			e.Tick(now)
			_ = e.Metrics()
			_ = e.Snapshot(func(string, []byte) error { return nil })
			for _, a := range e.TakeAlerts() {
				_ = a.Record(now)
			}
		}
	})
	wg.Wait()
	total := uint32(0)
	for _, sh := range e.shards {
		for id := range sh.index {
			total += sh.get(id).requests
		}
	}
	// The first request of a token that is dead makes no profile; all later ones count.
	require.InDelta(t, workers*each, total, workers*10)
	require.Zero(t, e.Metrics().Duplicates)
}
