//go:build scenario

package scenarios

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"

	"github.com/keytrail/keytrail/testbed/harness"
)

// senderPatience ends a sender that nobody will ever answer; no outage here is as long.
const senderPatience = 45 * time.Second

// gatewaySender sends bodies one after the other and repeats a refused one by the rule of its gateway.
type gatewaySender struct {
	name  string
	path  string
	body  func(token, path string, n int64) []byte
	check func(body []byte, header http.Header, status int, answer string) error // nil: taken
	pause func(try int) time.Duration
	until func(try int, since time.Duration) bool // false: the gateway throws the body away
}

// The rules are those of docs/formats: Kong's queue with its defaults, APISIX's batch processor with the retries that
// the documentation asks for (its default is none), and Firehose's HTTP delivery.
var gatewaySenders = []gatewaySender{
	{
		name: "kong", path: "/ingest/kong",
		body: kongRecord3,
		check: func(_ []byte, _ http.Header, status int, answer string) error {
			if status >= 300 {
				return fmt.Errorf("%d %s", status, answer)
			}
			return nil
		},
		pause: func(try int) time.Duration { return min(60*time.Second, 10*time.Millisecond<<try) },
		until: func(_ int, since time.Duration) bool { return since < 60*time.Second },
	},
	{
		name: "apisix", path: "/ingest/apisix",
		body: apisixBatch,
		check: func(_ []byte, _ http.Header, status int, answer string) error {
			if status >= 400 {
				return fmt.Errorf("%d %s", status, answer)
			}
			return nil
		},
		pause: func(int) time.Duration { return time.Second },
		until: func(try int, _ time.Duration) bool { return try < 60 },
	},
	{
		name: "firehose", path: "/ingest/kong",
		body:  firehoseBatch,
		check: checkFirehoseAnswer,
		pause: func(try int) time.Duration { return min(10*time.Second, 250*time.Millisecond<<try) },
		until: func(_ int, since time.Duration) bool { return since < 300*time.Second },
	},
}

func kongRecord3(token, path string, n int64) []byte { return kongRecord(path, token, n) }

// apisixBatch is an http-logger batch of one entry: the object itself.
func apisixBatch(token, path string, n int64) []byte {
	return fmt.Appendf(nil, `{"request":{"method":"GET","uri":%q,"url":%q,"headers":{"host":"api.example.com","apikey":%q},"querystring":{},"size":100},"response":{"status":200,"headers":{},"size":10},`+
		`"server":{"hostname":"gw-1","version":"3.9.1"},"upstream":"10.0.0.1:8080","service_id":"","route_id":"r-%d","consumer":{"username":"c"},"client_ip":"192.0.2.9","start_time":%d,"latency":3,"upstream_latency":2,"apisix_latency":1}`,
		path, "http://api.example.com"+path, token, n, time.Now().UnixMilli())
}

// firehoseBatch is a delivery of one record, the record being a Kong one: Firehose does not care what it carries.
func firehoseBatch(token, path string, n int64) []byte {
	return fmt.Appendf(nil, `{"requestId":"%08x-0000-4000-8000-000000000000","timestamp":%d,"records":[{"data":%q}]}`,
		n, time.Now().UnixMilli(), base64.StdEncoding.EncodeToString(append(kongRecord(path, token, n), '\n')))
}

// checkFirehoseAnswer takes what Firehose takes for a delivery: 200 with exactly the request's id and a time, as JSON.
func checkFirehoseAnswer(body []byte, header http.Header, status int, answer string) error {
	var sent, got struct {
		RequestID    string `json:"requestId"`
		Timestamp    int64  `json:"timestamp"`
		ErrorMessage string `json:"errorMessage"`
	}
	if err := json.Unmarshal(body, &sent); err != nil {
		return err
	}
	err := json.Unmarshal([]byte(answer), &got)
	switch {
	case err != nil:
		return fmt.Errorf("%d, not in the form of Firehose: %w: %s", status, err, answer)
	case header.Get("Content-Type") != "application/json" || got.RequestID != sent.RequestID || got.Timestamp <= 0:
		return fmt.Errorf("%d, not in the form of Firehose: %s: %s", status, header.Get("Content-Type"), answer)
	case status != http.StatusOK:
		return fmt.Errorf("%d: %s", status, got.ErrorMessage)
	}
	return nil
}

// outcome is what became of a sender's bodies.
type outcome struct {
	delivered []string // paths
	lost      int
	refusals  atomic.Int64
	unmarked  atomic.Int64 // refusals without Retry-After, or with another code
}

// run sends until stop is closed; what it began it finishes.
func (g gatewaySender) run(base, token string, seq *atomic.Int64, stop <-chan struct{}, o *outcome) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		n := seq.Add(1)
		path := fmt.Sprintf("/v1/%s/item-%d", g.name, n)
		if g.deliver(base+g.path, g.body(token, path, n), o) {
			o.delivered = append(o.delivered, path)
		} else {
			o.lost++
		}
	}
}

func (g gatewaySender) deliver(url string, body []byte, o *outcome) bool {
	begin := time.Now()
	for try := 0; ; try++ {
		status, header, answer, err := exchange(url, g.name, body)
		if err == nil {
			if err = g.check(body, header, status, answer); err == nil {
				return true
			}
			o.refusals.Add(1)
			if (status != http.StatusServiceUnavailable && status != http.StatusTooManyRequests) || header.Get("Retry-After") == "" {
				o.unmarked.Add(1)
			}
		}
		if since := time.Since(begin); since > senderPatience || !g.until(try, since) {
			return false
		}
		<-time.After(g.pause(try)) // the gateway's own pace
	}
}

func exchange(url, gateway string, body []byte) (int, http.Header, string, error) {
	req, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0, nil, "", err
	}
	req.Header.Set("Content-Type", "application/json")
	if gateway == "firehose" {
		req.Header.Set("X-Amz-Firehose-Protocol-Version", "1.0")
		var id struct {
			RequestID string `json:"requestId"`
		}
		if err := json.Unmarshal(body, &id); err != nil {
			return 0, nil, "", err
		}
		req.Header.Set("X-Amz-Firehose-Request-Id", id.RequestID)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, "", err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	return resp.StatusCode, resp.Header, string(answer), err
}

// downstream is an OTLP backend that can refuse, and that can take what it refuses: an acknowledgement lost on the way.
type downstream struct {
	*httptest.Server
	mode atomic.Int32
	mu   sync.Mutex
	ids  map[string]map[string]bool // path → event ids
}

const (
	takes int32 = iota
	refuses
	takesAndRefuses
)

func newDownstream(t *testing.T) *downstream {
	d := &downstream{ids: map[string]map[string]bool{}}
	d.Server = httptest.NewServer(d)
	t.Cleanup(d.Close)
	return d
}

func (d *downstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	mode := d.mode.Load()
	body, err := io.ReadAll(r.Body)
	req := plogotlp.NewExportRequest()
	if err == nil {
		err = req.UnmarshalProto(body)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if mode != refuses {
		d.keep(req.Logs())
	}
	if mode != takes {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

func (d *downstream) keep(ld plog.Logs) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, lr := range sl.LogRecords().All() {
				path, _ := lr.Attributes().Get("url.path")
				id, _ := lr.Attributes().Get("keytrail.event.id")
				if d.ids[path.Str()] == nil {
					d.ids[path.Str()] = map[string]bool{}
				}
				d.ids[path.Str()][id.Str()] = true
			}
		}
	}
}

// A downstream that refuses is passed on as 503 with Retry-After, and every gateway's own way to repeat then loses
// nothing and doubles nothing, even where the downstream had taken what it refused.
func TestBackPressureOfARefusingDownstream(t *testing.T) {
	dir := harness.Dir(t)
	d := newDownstream(t)
	config := fmt.Sprintf(`receivers:
  api_log: {ingest: {endpoint: "localhost:4380"}, keyring: {path: ./keys/keyring.yaml, create: true}}
exporters:
  otlp_http: {endpoint: %q, compression: none, sending_queue: {enabled: false}, retry_on_failure: {enabled: false}}
service:
  pipelines: {logs: {receivers: [api_log], exporters: [otlp_http]}}
`, d.URL)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "config.yaml"), []byte(config), 0o600))
	c := harness.Start(t, harness.Options{Dir: dir, Config: "file:config.yaml", Ready: "localhost:4380"})
	token := "back-pressure-token-0123456789"
	outcomes := runSenders(t, token, []int32{takes, refuses, takesAndRefuses, takes}, func(mode int32) { d.mode.Store(mode) })
	c.Stop()
	for name, o := range outcomes {
		for _, path := range o.delivered {
			require.Len(t, d.ids[path], 1, "event ids of %s", path)
		}
		t.Logf("%s: %d delivered, %d refusals on the way, none lost, none twice", name, len(o.delivered), o.refusals.Load())
	}
	harness.NoLeak(t, "the log", c.Log(), token)
}

// runSenders lets every gateway send through the phases of an outage.
func runSenders(t *testing.T, token string, phases []int32, enter func(int32)) map[string]*outcome {
	t.Helper()
	const phase = 2 * time.Second
	var seq atomic.Int64
	stop := make(chan struct{})
	outcomes := map[string]*outcome{}
	var wg sync.WaitGroup
	for _, g := range gatewaySenders {
		o := &outcome{}
		outcomes[g.name] = o
		wg.Go(func() { g.run(ingestURL, token, &seq, stop, o) })
	}
	for _, p := range phases {
		enter(p)
		<-time.After(phase)
	}
	close(stop)
	wg.Wait()
	for name, o := range outcomes {
		require.Positive(t, o.refusals.Load(), "%s met the outage", name)
		require.Zero(t, o.lost, "%s lost bodies", name)
		require.NotEmpty(t, o.delivered, name)
		require.Zero(t, o.unmarked.Load(), "%s: refusals without Retry-After or with a code of their own", name)
	}
	return outcomes
}

// A journal that is full refuses with 503 until the archive takes something again; then the gateways go on.
func TestBackPressureOfAFullJournal(t *testing.T) {
	dir := harness.Dir(t)
	archive := filepath.Join(dir, "data", "archive")
	require.NoError(t, os.MkdirAll(archive, 0o700))
	require.NoError(t, syscall.Mount("tmpfs", archive, "tmpfs", syscall.MS_RDONLY, ""), "a read-only file system needs root")
	mounted := true
	t.Cleanup(func() {
		if mounted {
			_ = syscall.Unmount(archive, syscall.MNT_DETACH)
		}
	})
	c := harness.Start(t, harness.Options{
		Dir: dir, Config: "embedded:quickstart", Ready: "localhost:4380",
		Args: []string{"--set=exporters.token_trail.journal.segment_size=1048576", "--set=exporters.token_trail.journal.segment_age=1s",
			"--set=exporters.token_trail.journal.max_size=4194304"},
	})
	fillJournal(t)
	token := "full-journal-token-0123456789"
	outcomes := runSenders(t, token, []int32{refuses, takes, takes, takes}, func(mode int32) {
		if mode == takes && mounted {
			require.NoError(t, syscall.Unmount(archive, syscall.MNT_DETACH))
			mounted = false
		}
	})
	var all []string
	for name, o := range outcomes {
		t.Logf("%s: %d delivered, %d refusals on the way", name, len(o.delivered), o.refusals.Load())
		all = append(all, o.delivered...)
	}
	requireAll(t, dir, token, all)
	c.Stop()
	harness.NoLeakBelow(t, filepath.Join(dir, "data"), token)
}

// fillJournal sends until the collector refuses.
func fillJournal(t *testing.T) {
	t.Helper()
	var seq int64 = 1 << 40
	harness.Eventually(t, 60*time.Second, "the journal is full", func() error {
		var body []byte
		for range 500 {
			seq++
			body = append(append(body, kongRecord(fmt.Sprintf("/v1/filler/item-%d", seq), "full-journal-filler-0123456789", seq)...), '\n')
		}
		status, answer, err := harness.Post(ingestURL+"/ingest/kong", "application/json", body)
		if err == nil && status != http.StatusServiceUnavailable {
			err = fmt.Errorf("still %d %.100s", status, answer)
		}
		return err
	})
}
