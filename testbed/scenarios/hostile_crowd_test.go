//go:build scenario

package scenarios

import (
	"bytes"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

const manyBodies = 500

// 500 bodies of a mebibyte at once are more than the limits let in: some are taken, the others are told to come again,
// and the memory stays within the budget of the process.
func TestBodiesAtOnce(t *testing.T) {
	c, dir := quickstart(t)
	at := target{c, dir, "crowd-canary-Zq7xZq7xZq7xZq7x"}
	at.run(t, "500 bodies at once", crowd)
	at.ordinary(t, "after the crowd")
	c.Stop()
	require.NotContains(t, c.Log(), "panic")
}

func crowd(t *testing.T, at target) {
	var body []byte
	for n := int64(0); len(body) < mib; n++ {
		body = append(append(body, kongRecord("/v1/at-once", "dummy-at-once-0123456789", n)...), '\n')
	}
	answers := make([]*http.Response, manyBodies)
	var wg sync.WaitGroup
	begin := make(chan struct{})
	for i := range manyBodies {
		wg.Go(func() {
			<-begin
			resp, err := http.Post(ingestURL+"/ingest/kong", "application/json", bytes.NewReader(body))
			if err == nil {
				resp.Body.Close()
				answers[i] = resp
			}
		})
	}
	close(begin)
	wg.Wait()
	count := map[int]int{}
	for _, a := range answers {
		if a == nil { // refused while it still sent: the answer is lost with the connection
			count[0]++
			continue
		}
		count[a.StatusCode]++
		if a.StatusCode != http.StatusOK {
			require.Contains(t, []int{http.StatusTooManyRequests, http.StatusServiceUnavailable}, a.StatusCode)
			require.NotEmpty(t, a.Header.Get("Retry-After"))
		}
	}
	t.Logf("%d bodies of %d KiB: answers %v, 0 standing for a connection closed early", manyBodies, len(body)>>10, count)
	require.Positive(t, count[http.StatusOK])
	require.Less(t, count[http.StatusOK], manyBodies)
	require.Positive(t, at.count(t, []string{limitHits, "limit", "inflight_bytes"})+at.count(t, []string{limitHits, "limit", "concurrent_requests"}))
}
