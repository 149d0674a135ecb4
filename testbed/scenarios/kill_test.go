//go:build scenario

package scenarios

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/testbed/harness"
)

const kills = 50

// Whatever the instant of a kill -9, every acknowledged event is found afterwards, and none twice.
func TestKillAtRandomMomentsUnderLoad(t *testing.T) {
	t.Parallel()
	dir := harness.Dir(t)
	rng := rand.New(rand.NewPCG(1, uint64(time.Now().UnixNano())))
	token := "kill-test-token-000000001"
	var acked sync.Map
	var seq atomic.Int64
	start := func() *harness.Collector {
		return harness.Start(t, harness.Options{
			Dir: dir, Config: "embedded:quickstart", Ready: "localhost:4380",
			// Small segments: kills must also fall while blocks are written and cursors move.
			Args: []string{"--set=exporters.token_trail.journal.segment_age=1s"},
		})
	}
	for range kills {
		c := start()
		stop := make(chan struct{})
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() { postUntil(stop, token, &seq, &acked) })
		}
		<-time.After(time.Duration(50+rng.IntN(1500)) * time.Millisecond) // the random moment
		c.Kill()
		close(stop)
		wg.Wait()
	}
	c := start()
	defer c.Stop()
	want := map[string]bool{}
	acked.Range(func(k, _ any) bool { want[k.(string)] = true; return true })
	require.Greater(t, len(want), kills*10, "the load was real")

	check := func() {
		seen := map[string]int{}
		for _, r := range trail(t, dir, token) {
			seen[r["url.path"].(string)]++
		}
		lost, twice := 0, 0
		for p := range want {
			if seen[p] == 0 {
				lost++
			}
		}
		for _, n := range seen {
			if n > 1 {
				twice++
			}
		}
		require.Zero(t, lost, "of %d acknowledged events", len(want))
		require.Zero(t, twice, "shown twice")
		t.Logf("%d kills, %d acknowledged, %d found (unacknowledged ones may be kept too)", kills, len(want), len(seen))
	}
	check()
}

// postUntil sends bodies of a few records and repeats a body that got no answer, as a shipper does; a path stands
// for its record.
func postUntil(stop <-chan struct{}, token string, seq *atomic.Int64, acked *sync.Map) {
	for {
		var paths []string
		var body []byte
		for range 5 {
			n := seq.Add(1)
			p := fmt.Sprintf("/v1/items/item-%d", n)
			paths = append(paths, p)
			body = append(body, kongRecord(p, token, n)...)
			body = append(body, '\n')
		}
		for try := 0; ; try++ {
			status, _, err := harness.Post("http://localhost:4380/ingest/kong", "application/json", body)
			if err == nil && status == 200 {
				for _, p := range paths {
					acked.Store(p, true)
				}
				break
			}
			select {
			case <-stop:
				return
			default:
			}
		}
		select {
		case <-stop:
			return
		default:
		}
	}
}

func kongRecord(path, token string, n int64) []byte {
	b, err := json.Marshal(map[string]any{
		"request": map[string]any{
			"id": fmt.Sprintf("%032x", n), "method": "GET", "uri": path, "url": "http://api.example.com" + path, "querystring": map[string]any{},
			"size": 100, "headers": map[string]any{"host": "api.example.com", "user-agent": "load/1", "x-api-key": token},
		},
		"response": map[string]any{"status": 200, "size": 10, "headers": map[string]any{}}, "upstream_status": "200",
		"latencies": map[string]any{"kong": 1, "proxy": 2, "request": 3}, "service": map[string]any{"name": "items"},
		"client_ip": "192.0.2.9", "started_at": time.Now().UnixMilli(), "source": "upstream",
	})
	if err != nil {
		panic(err)
	}
	return b
}
