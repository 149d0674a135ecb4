//go:build scenario

package scenarios

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/loki"
	"github.com/keytrail/keytrail/testbed/harness"
)

const lokiDay = 24 * time.Hour

func lokiClasses() []loki.Class {
	return []loki.Class{{Name: "full", Keep: 7 * lokiDay}, {Name: "trail", Keep: 90 * lokiDay}, {Name: "security", Keep: 400 * lokiDay}}
}

// lokiRetention is what Keytrail writes for Loki's configuration: the tests run Loki with it.
func lokiRetention(t *testing.T) string {
	t.Helper()
	b, err := loki.Retention(lokiClasses(), "filesystem")
	require.NoError(t, err)
	return string(b)
}

func lokiClient(t *testing.T, s *harness.Server, change func(*loki.Config)) *loki.Client {
	t.Helper()
	config := loki.Config{Endpoint: s.URL("")}
	if change != nil {
		change(&config)
	}
	c, err := loki.NewClient(config, &http.Client{Timeout: 30 * time.Second})
	require.NoError(t, err)
	return c
}

func lokiFingerprint(i int) string { return fmt.Sprintf("kt1_%02x%030x", i%256, i) }

// lokiEntries makes n requests of one owner each, a millisecond apart, in the class "full".
func lokiEntries(from time.Time, n int) []loki.Entry {
	out := make([]loki.Entry, 0, n)
	for i := range n {
		r := event.Record{Name: event.NameRequest, Time: from.Add(time.Duration(i) * time.Millisecond).UnixNano()}
		r.Resource.Add(event.KeyServiceName, event.String("orders"))
		r.Attrs.Add(event.KeyEventID, event.String(fmt.Sprintf("%032x", i)))
		r.Attrs.Add(event.KeyMethod, event.String("GET"))
		r.Attrs.Add(event.KeyRoute, event.String("/v1/orders/{id}"))
		r.Attrs.Add(event.KeyStatus, event.Int(int64(200+i%2*203)))
		r.Attrs.Add(event.KeyFingerprint, event.String(lokiFingerprint(i%10)))
		r.Attrs.Add(event.KeyOwnerID, event.String(fmt.Sprintf("owner-%d", i%10)))
		r.Attrs.Add(event.PrefixRequestHeader+"...", event.String("a name without a letter"))
		out = append(out, loki.Encode(&r, "full"))
	}
	return out
}

// lokiLines returns the lines that a query finds since a time.
func lokiLines(t testing.TB, s *harness.Server, query string, since time.Time) []string {
	t.Helper()
	params := url.Values{"query": {query}, "start": {strconv.FormatInt(since.UnixNano(), 10)}, "end": {strconv.FormatInt(time.Now().Add(time.Minute).UnixNano(), 10)}, "limit": {"5000"}}
	var answer struct {
		Data struct {
			Result []struct {
				Values [][]string `json:"values"`
			} `json:"result"`
		} `json:"data"`
	}
	require.NoError(t, json.Unmarshal([]byte(harness.Get(t, s.URL("/loki/api/v1/query_range?"+params.Encode()))), &answer))
	var lines []string
	for _, st := range answer.Data.Result {
		for _, v := range st.Values {
			lines = append(lines, v[1])
		}
	}
	return lines
}

func push(t *testing.T, c *loki.Client, entries []loki.Entry, want loki.Result) {
	t.Helper()
	got, err := c.Push(t.Context(), entries)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

// A token's requests are found by its shard and its fingerprint, a batch that is sent twice stands once, late entries
// of the last month are taken whatever came before them, and those of the month before are refused one by one.
func TestLokiHoldsTheTrail(t *testing.T) {
	s := harness.Loki(t, lokiRetention(t))
	c := lokiClient(t, s, nil)
	start := time.Now().Add(-10 * time.Minute)
	all := lokiEntries(start, 500)
	push(t, c, all, loki.Result{Settled: 500, Delivered: 500})

	query := fmt.Sprintf(`{fp_shard="%s"} | token_fingerprint="%s"`, loki.ShardLabel(loki.Shard(lokiFingerprint(3))), lokiFingerprint(3))
	lines := lokiLines(t, s, query, start)
	require.Len(t, lines, 50)
	require.Equal(t, "GET /v1/orders/{id} 403", lines[0])
	require.Len(t, lokiLines(t, s, `{retention_class="full", service_name="orders"}`, start), 500)
	require.Len(t, lokiLines(t, s, `{retention_class="full"} | detected_level="warn" | http_response_status_code="403"`, start), 250)

	push(t, lokiClient(t, s, nil), all, loki.Result{Settled: 500, Delivered: 500})
	require.Len(t, lokiLines(t, s, `{retention_class="full"}`, start), 500, "what another client sends again equals what stands")

	late := lokiEntries(time.Now().Add(-20*lokiDay), 30)
	push(t, c, late, loki.Result{Settled: 30, Delivered: 30})

	mixed := append(lokiEntries(time.Now().Add(-40*lokiDay), 7), lokiEntries(time.Now().Add(-time.Minute), 13)...)
	push(t, c, mixed, loki.Result{Settled: 20, Delivered: 13, Rejected: map[loki.Reason]int{loki.ReasonTooOld: 7}})
	require.Len(t, lokiLines(t, s, `{retention_class="full"}`, start), 513, "what stood beside the refused entries is there")

	future := lokiEntries(time.Now().Add(time.Hour), 1)
	push(t, c, future, loki.Result{Settled: 1, Rejected: map[loki.Reason]int{loki.ReasonTooNew: 1}})
}

// Without time sharding Loki refuses what is behind the newest of its stream by half of max_chunk_age. The answer tells
// of one stream; the counts are of all.
func TestLokiRefusesABacklogBehindFreshEntries(t *testing.T) {
	t.Parallel()
	s := harness.Loki(t, "distributor: {max_recv_msg_size: 60000}\nlimits_config: {shard_streams: {time_sharding_enabled: false}}")
	c := lokiClient(t, s, nil)
	push(t, c, lokiEntries(time.Now(), 10), loki.Result{Settled: 10, Delivered: 10})
	behind := lokiEntries(time.Now().Add(-time.Hour), 40)
	push(t, c, behind, loki.Result{Settled: 40, Rejected: map[loki.Reason]int{loki.ReasonTooOld: 40}})
	// A backlog that nothing fresh has overtaken goes in: oldest first.
	fresh := lokiEntries(time.Now().Add(-time.Hour), 40)
	for i := range fresh {
		fresh[i].Labels.Service = "drained"
	}
	push(t, c, fresh, loki.Result{Settled: 40, Delivered: 40})

	// The same Loki takes no body above 60,000 bytes: larger batches are split until they fit.
	start := time.Now().Add(-time.Second)
	many := lokiEntries(start, 3000)
	for i := range many {
		many[i].Labels.Service = "split"
		many[i].Line += " " + fmt.Sprintf("%x", []byte(lokiFingerprint(i*7919)))
	}
	push(t, c, many, loki.Result{Settled: 3000, Delivered: 3000})
	require.Len(t, lokiLines(t, s, `{service_name="split"}`, start), 3000)
}

// A limit on the rate makes the client wait and send less at a time, until everything is in, once.
func TestLokiThatLimitsTheRate(t *testing.T) {
	t.Parallel()
	s := harness.Loki(t, "limits_config: {ingestion_rate_mb: 0.3, ingestion_burst_size_mb: 0.2}")
	c := lokiClient(t, s, nil)
	start := time.Now().Add(-time.Minute)
	left, busy := lokiEntries(start, 2500), 0
	harness.Eventually(t, time.Minute, "everything is taken", func() error {
		r, err := c.Push(t.Context(), left)
		left = left[r.Settled:]
		if err != nil {
			busy++
			var refused *loki.PushError
			require.ErrorAs(t, err, &refused)
			require.Equal(t, loki.CauseBusy, refused.Cause, err)
		}
		return err
	})
	require.Positive(t, busy)
	require.Len(t, lokiLines(t, s, `{retention_class="full"}`, start), 2500)
}

// What only the operator of Loki can mend is told as such, and nothing is given up meanwhile; what he has closed is.
func TestLokiThatDoesNotTakeAnything(t *testing.T) {
	t.Parallel()
	one := lokiEntries(time.Now(), 1)
	mend := func(more string, status int) {
		t.Helper()
		r, err := lokiClient(t, harness.Loki(t, more), nil).Push(t.Context(), one)
		var failure *loki.PushError
		require.ErrorAs(t, err, &failure)
		require.Equal(t, loki.CauseMisconfigured, failure.Cause)
		require.Equal(t, status, failure.Status)
		require.Equal(t, loki.Result{Retry: true, After: time.Minute}, r)
	}
	mend("auth_enabled: true", http.StatusUnauthorized)
	mend("limits_config: {allow_structured_metadata: false}", http.StatusBadRequest)
	mend("limits_config: {enforced_labels: [cluster]}", http.StatusBadRequest)

	s := harness.Loki(t, "limits_config: {block_ingestion_until: '2100-01-01T00:00:00Z', block_ingestion_status_code: 260}")
	push(t, lokiClient(t, s, nil), one, loki.Result{Settled: 1, Rejected: map[loki.Reason]int{loki.ReasonBlocked: 1}})
}

// Erasing a person asks Loki to delete; once Loki says that it has, the person's entries are gone and no other's.
func TestLokiForgetsAPerson(t *testing.T) {
	t.Parallel()
	s := harness.Loki(t, lokiRetention(t))
	c := lokiClient(t, s, nil)
	start := time.Now().Add(-10 * time.Minute)
	push(t, c, lokiEntries(start, 500), loki.Result{Settled: 500, Delivered: 500})
	_, _, err := harness.Post(s.URL("/flush"), "text/plain", nil)
	require.NoError(t, err)

	id, err := c.Delete(t.Context(), loki.Deletion{
		Class: "full", Keys: map[string][]string{event.KeyOwnerID: {"owner-3"}, event.KeyFingerprint: {lokiFingerprint(3)}},
		Since: start.Add(-time.Minute), Until: time.Now(),
	})
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	status, err := c.Follow(ctx, "full", id, 200*time.Millisecond)
	require.NoError(t, err)
	require.True(t, status.Done())
	s.Kill()
	s.Start()
	require.Empty(t, lokiLines(t, s, `{retention_class="full"} | token_owner_id="owner-3"`, start))
	require.Len(t, lokiLines(t, s, `{retention_class="full"}`, start), 450, "the neighbours stay")
}

// The generated configuration is one that Loki itself accepts.
func TestLokiVerifiesTheGeneratedRetention(t *testing.T) {
	path := filepath.Join(t.TempDir(), "loki.yaml")
	require.NoError(t, os.WriteFile(path, []byte(lokiRetention(t)+`  working_directory: ./compactor
common: {path_prefix: ./loki, replication_factor: 1, ring: {kvstore: {store: inmemory}}, storage: {filesystem: {chunks_directory: ./c, rules_directory: ./r}}}
schema_config: {configs: [{from: "2024-01-01", store: tsdb, object_store: filesystem, schema: v13, index: {prefix: index_, period: 24h}}]}
`), 0o600))
	out, err := exec.Command(harness.ServerBin(t, "loki"), "-config.file="+path, "-verify-config").CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// Loki takes a batch, and its answer is lost. It drops what equals an entry of the block it is filling, and of a larger
// batch keeps the rest twice; so it is asked what it has. Where it cannot be asked, that is counted.
func TestLokiIsAskedWhatItHas(t *testing.T) {
	t.Parallel()
	const n = 6000
	for _, closed := range []bool{false, true} {
		s := harness.Loki(t, "limits_config: {ingestion_rate_mb: 64, ingestion_burst_size_mb: 64}\ningester: {chunk_idle_period: 10m}")
		way := harness.Faults(t, s.Address)
		lost := false
		way.Each(func(r *http.Request) *harness.Fault {
			switch {
			case r.Method == http.MethodPost && !lost:
				lost = true
				return &harness.Fault{After: true, Status: http.StatusBadGateway}
			case r.Method == http.MethodGet && closed:
				return &harness.Fault{Status: http.StatusForbidden}
			}
			return nil
		})
		client := lokiClient(t, s, func(c *loki.Config) { c.Endpoint = way.URL("") })
		all := lokiEntries(time.Now().Add(-time.Minute), n)
		for i := range all {
			all[i].Labels.Shard = 7 // one stream, as of one busy token
		}
		first, err := client.Push(t.Context(), all)
		require.Error(t, err)
		got, err := client.Push(t.Context(), all[first.Settled:])
		require.NoError(t, err)
		require.Equal(t, n, got.Settled)
		stand := lokiCount(t, s, `{retention_class="full"}`)
		t.Logf("asked %v: %d entries of %d, %d sent again without knowing", !closed, stand, n, got.Unchecked)
		if closed {
			require.Positive(t, got.Unchecked)
			require.Greater(t, stand, n, "this Loki compares a whole stream: nobody needs to ask it any more")
			continue
		}
		require.Zero(t, got.Unchecked)
		require.Equal(t, n, stand)
	}
}
