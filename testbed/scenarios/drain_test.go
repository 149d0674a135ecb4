//go:build scenario

package scenarios

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/testbed/harness"
)

const (
	drains       = 5
	drainSenders = 16
	drainLoad    = 400 // bodies acknowledged before each SIGTERM
)

// SIGTERM while senders are at work: the process ends by itself, and what it acknowledged, to the last instant, is
// what the trail holds.
func TestTerminateUnderLoad(t *testing.T) {
	dir := harness.Dir(t)
	token := "drain-test-token-000000001"
	var acked sync.Map
	var seq atomic.Int64
	count := func() (n int) {
		acked.Range(func(_, _ any) bool { n++; return true })
		return n
	}
	for round := range drains {
		c := harness.Start(t, harness.Options{Dir: dir, Config: "embedded:quickstart", Ready: "localhost:4380"})
		before := count()
		var wg sync.WaitGroup
		for range drainSenders {
			wg.Go(func() { postUntilClosed(c, token, &seq, &acked) })
		}
		harness.Eventually(t, 30*time.Second, "the load is real", func() error {
			if n := count() - before; n < drainLoad {
				return fmt.Errorf("%d acknowledged", n)
			}
			return nil
		})
		begin := time.Now()
		c.Stop()
		took := time.Since(begin)
		wg.Wait()
		t.Logf("round %d: %d acknowledged, stopped in %s", round, count()-before, took.Round(time.Millisecond))
		require.NotContains(t, c.Log(), "panic")
	}
	var paths []string
	acked.Range(func(path, _ any) bool { paths = append(paths, path.(string)); return true })
	requireAll(t, dir, token, paths)
}

// postUntilClosed sends bodies of one record until the collector is gone.
func postUntilClosed(c *harness.Collector, token string, seq *atomic.Int64, acked *sync.Map) {
	for !c.Exited() {
		n := seq.Add(1)
		path := fmt.Sprintf("/v1/drain/item-%d", n)
		status, _, err := harness.Post("http://localhost:4380/ingest/kong", "application/json", kongRecord(path, token, n))
		if err == nil && status == http.StatusOK {
			acked.Store(path, true)
		}
	}
}
