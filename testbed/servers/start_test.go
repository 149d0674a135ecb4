//go:build scenario

package servers

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/testbed/harness"
)

// Loki keeps what it took when it is killed, finds it by structured metadata, and deletes it on request.
func TestLokiKeepsFindsAndDeletes(t *testing.T) {
	loki := harness.Loki(t, "limits_config:\n  retention_stream:\n  - {selector: '{retention_class=\"full\"}', priority: 1, period: 168h}\n")
	now := time.Now()
	push := func(owner string) {
		body := fmt.Sprintf(`{"streams":[{"stream":{"service_name":"orders","retention_class":"full"},"values":[["%d","GET /v1/orders 200",{"owner_id":"%s"}]]}]}`,
			now.UnixNano(), owner)
		status, answer, err := harness.Post(loki.URL("/loki/api/v1/push"), "application/json", []byte(body))
		require.NoError(t, err)
		require.Equal(t, http.StatusNoContent, status, answer)
	}
	push("one")
	push("two")
	loki.Kill()
	loki.Start()

	count := func(owner string) int {
		var answer struct {
			Data struct{ Result []struct{ Values [][]string } }
		}
		q := url.Values{"query": {`{retention_class="full"} | owner_id="` + owner + `"`}, "limit": {"10"},
			"start": {strconv.FormatInt(now.Add(-time.Hour).UnixNano(), 10)}, "end": {strconv.FormatInt(now.Add(time.Hour).UnixNano(), 10)}}
		require.NoError(t, json.Unmarshal([]byte(harness.Get(t, loki.URL("/loki/api/v1/query_range?"+q.Encode()))), &answer))
		n := 0
		for _, r := range answer.Data.Result {
			n += len(r.Values)
		}
		return n
	}
	harness.Eventually(t, 30*time.Second, "both lines are found again", func() error {
		if one, two := count("one"), count("two"); one != 1 || two != 1 {
			return fmt.Errorf("%d and %d", one, two)
		}
		return nil
	})
	q := url.Values{"query": {`{retention_class="full"} | owner_id="one"`}, "start": {strconv.FormatInt(now.Add(-time.Hour).Unix(), 10)},
		"end": {strconv.FormatInt(now.Add(time.Minute).Unix(), 10)}}
	harness.Eventually(t, 60*time.Second, "the request to delete is taken", func() error {
		status, answer, err := harness.Post(loki.URL("/loki/api/v1/delete?"+q.Encode()), "", nil)
		if err == nil && status != http.StatusNoContent {
			err = fmt.Errorf("%d %s", status, answer)
		}
		return err
	})
	loki.Kill()
	loki.Start()
	harness.Eventually(t, 30*time.Second, "one owner's line is gone, the other's stays", func() error {
		if one, two := count("one"), count("two"); one != 0 || two != 1 {
			return fmt.Errorf("%d and %d", one, two)
		}
		return nil
	})
}

func TestLokiWithTenantsKeepsThemApart(t *testing.T) {
	loki := harness.Loki(t, "auth_enabled: true")
	body := fmt.Sprintf(`{"streams":[{"stream":{"service_name":"orders"},"values":[["%d","line"]]}]}`, time.Now().UnixNano())
	status, _, err := harness.Post(loki.URL("/loki/api/v1/push"), "application/json", []byte(body))
	require.NoError(t, err)
	require.Equal(t, http.StatusUnauthorized, status)
	status, answer, err := harness.Post(loki.URL("/loki/api/v1/push"), "application/json", []byte(body), "X-Scope-OrgID", "full")
	require.NoError(t, err)
	require.Equal(t, http.StatusNoContent, status, answer)
}

// Prometheus scrapes itself, which is a target like any other.
func TestPrometheusScrapesAndAnswers(t *testing.T) {
	p := harness.Prometheus(t, "- {job_name: itself, static_configs: [{targets: ['$ADDRESS']}]}")
	harness.Eventually(t, 30*time.Second, "the first scrape is seen", func() error {
		var answer struct {
			Data struct{ Result []struct{ Value []any } }
		}
		if err := json.Unmarshal([]byte(harness.Get(t, p.URL("/api/v1/query?query=up"))), &answer); err != nil {
			return err
		}
		if len(answer.Data.Result) != 1 || answer.Data.Result[0].Value[1] != "1" {
			return fmt.Errorf("%v", answer)
		}
		return nil
	})
	status, _, err := harness.Post(p.URL("/api/v1/write"), "application/x-protobuf", []byte("no snappy"))
	require.NoError(t, err)
	require.Equal(t, http.StatusBadRequest, status, "it takes remote writes, though not this one")
}
