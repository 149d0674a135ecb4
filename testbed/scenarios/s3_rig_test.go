//go:build scenario

package scenarios

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/testbed/harness"
)

// keeper is one collector that keeps a trail: api_log before token_trail and nothing in between, in a folder of its own
// and on ports of its own, so that several can stand beside each other.
type keeper struct {
	t       *testing.T
	dir     string
	ring    string
	ingest  string // host:port
	metrics string
	config  string
	process *harness.Collector
}

// newKeeper prepares a collector; settings are YAML of token_trail, beside the journal's.
func newKeeper(t *testing.T, dir, ring, journal, settings string) *keeper {
	t.Helper()
	k := &keeper{t: t, dir: dir, ring: ring, ingest: "127.0.0.1:" + harness.FreePort(t)}
	metricsPort := harness.FreePort(t)
	k.metrics = "http://127.0.0.1:" + metricsPort + "/metrics"
	k.config = fmt.Sprintf(`receivers:
  api_log: {ingest: {endpoint: %q}, keyring: {path: %q, create: true}}
exporters:
  token_trail:
    journal: {directory: ./data/journal, segment_size: 1048576, segment_age: 1s, %s}
%s
service:
  pipelines: {logs: {receivers: [api_log], exporters: [token_trail]}}
  telemetry: {metrics: {readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: %s}}}}]}}
`, k.ingest, ring, journal, indent(settings, "    "), metricsPort)
	require.NoError(t, os.MkdirAll(k.dir, 0o700))
	return k
}

func indent(text, by string) string {
	return by + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n"+by)
}

// onS3 is the destination of a bucket, asked through address.
func onS3(store *harness.ObjectStore, address, name, more string) string {
	return fmt.Sprintf("destinations: {archive: {s3: {bucket: %s, prefix: trail, endpoint: %q, region: %s, path_style: true, timeout: 1s, max_attempts: 2}}%s}",
		name, "http://"+address, store.Region, more)
}

// bucketFor starts versitygw with one bucket, puts its credentials into the environment of every child, and returns it
// with the bucket's location.
func bucketFor(t *testing.T) (store *harness.ObjectStore, name, location string) {
	t.Helper()
	store, name = harness.Versitygw(t), "trails"
	store.MakeBucket(harness.Bucket{Name: name})
	for _, e := range store.Env() {
		k, v, _ := strings.Cut(e, "=")
		t.Setenv(k, v)
	}
	return store, name, store.Location(name + "/trail")
}

func (k *keeper) start() {
	k.t.Helper()
	require.NoError(k.t, os.WriteFile(filepath.Join(k.dir, "config.yaml"), []byte(k.config), 0o600))
	k.process = harness.Start(k.t, harness.Options{Dir: k.dir, Config: "file:config.yaml", Ready: k.ingest})
}

func (k *keeper) metric(name string, labels ...string) float64 {
	k.t.Helper()
	return harness.Metric(k.t, k.metrics, "exporter_token_trail_"+name, labels...)
}

func (k *keeper) journal() string { return filepath.Join(k.dir, "data", "journal") }

// traffic sends requests of one token, each with a path of its own that stands for it, and remembers which were
// acknowledged.
type traffic struct {
	token string
	age   time.Duration // of what is sent: how long ago the request was made
	pace  time.Duration // between two bodies of one sender

	mu      sync.Mutex
	n       int64
	acked   map[string]bool
	refused map[int]int // by status
}

func newTraffic(token string) *traffic {
	return &traffic{token: token, acked: map[string]bool{}, refused: map[int]int{}}
}

// bodySize is how many records a body of the load has.
const bodySize = 5

func (l *traffic) body() (paths []string, body []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for range bodySize {
		l.n++
		path := fmt.Sprintf("/v1/items/item-%d", l.n)
		paths = append(paths, path)
		body = append(append(body, kongRecordOf(path, l.token, l.n, time.Now().Add(-l.age))...), '\n')
	}
	return paths, body
}

// kongRecordOf is kongRecord for a request of another time.
func kongRecordOf(path, token string, n int64, at time.Time) []byte {
	b := kongRecord(path, token, n)
	i := bytes.Index(b, []byte(`"started_at":`)) + len(`"started_at":`)
	end := i + bytes.IndexAny(b[i:], ",}")
	return append(fmt.Appendf(b[:i:i], "%d", at.UnixMilli()), b[end:]...)
}

// send posts one body to a collector, again and again until it is acknowledged or stop is closed, as a shipper does.
func (l *traffic) send(to string, stop <-chan struct{}) {
	paths, body := l.body()
	for {
		status, _, err := harness.Post("http://"+to+"/ingest/kong", "application/json", body)
		if err == nil && l.answered(status, paths) {
			return
		}
		select {
		case <-stop:
			return
		case <-time.After(20 * time.Millisecond): // the shipper's pause
		}
	}
}

func (l *traffic) answered(status int, paths []string) (acknowledged bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if status != http.StatusOK {
		l.refused[status]++
		return false
	}
	for _, p := range paths {
		l.acked[p] = true
	}
	return true
}

// run lets senders send to a collector; the returned function ends them and waits for them.
func (l *traffic) run(to string, senders int) (end func()) {
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range senders {
		wg.Go(func() {
			for {
				l.send(to, stop)
				select {
				case <-stop:
					return
				case <-time.After(l.pace):
				}
			}
		})
	}
	return func() {
		close(stop)
		wg.Wait()
	}
}

// known returns a copy of what is acknowledged now.
func (l *traffic) known() map[string]bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make(map[string]bool, len(l.acked))
	for p := range l.acked {
		all[p] = true
	}
	return all
}

func (l *traffic) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.acked)
}

// refusals returns how often a status was answered.
func (l *traffic) refusals(status int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.refused[status]
}

// until waits for n more events to be acknowledged.
func (l *traffic) until(t *testing.T, n int) {
	t.Helper()
	n += l.count()
	harness.Eventually(t, 60*time.Second, "the load goes on", func() error {
		if have := l.count(); have < n {
			return fmt.Errorf("%d of %d acknowledged", have, n)
		}
		return nil
	})
}

// paths asks for the trail of a token as anybody would, and returns how often each path is shown.
func paths(t *testing.T, dir, token string, args ...string) (map[string]int, error) {
	t.Helper()
	res := harness.Keytrail(t, dir, token, append([]string{"trail", "--token-stdin", "--output", "json"}, args...)...)
	if res.Code != 0 {
		return nil, fmt.Errorf("keytrail trail: exit code %d: %s", res.Code, res.Stderr)
	}
	seen := map[string]int{}
	for line := range strings.Lines(res.Stdout) {
		var r struct {
			Path string `json:"url.path"`
		}
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			return nil, err
		}
		seen[r.Path]++
	}
	return seen, nil
}

// compare returns what is acknowledged and not seen, and what is seen twice.
func compare(acked map[string]bool, seen map[string]int) (lost, twice int) {
	for p := range acked {
		if seen[p] == 0 {
			lost++
		}
	}
	for _, n := range seen {
		if n > 1 {
			twice++
		}
	}
	return lost, twice
}

// requireTrail holds what was acknowledged against what a search shows: nothing lost, nothing twice. Events that were
// never acknowledged may be there.
func (l *traffic) requireTrail(t *testing.T, dir, what string, args ...string) {
	t.Helper()
	acked := l.known()
	seen, err := paths(t, dir, l.token, args...)
	require.NoError(t, err, what)
	lost, twice := compare(acked, seen)
	t.Logf("%s: %d acknowledged before, %d found after, %d lost, %d twice", what, len(acked), len(seen), lost, twice)
	require.NotEmpty(t, acked, what)
	require.Zero(t, lost, "%s: lost of %d acknowledged", what, len(acked))
	require.Zero(t, twice, "%s: shown twice", what)
}
