//go:build scenario

package scenarios

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/testbed/harness"
)

// ownedConfig writes each event with its owner to a file. OWNERS is the source; it is stale after three seconds.
const ownedConfig = `receivers:
  api_log: {ingest: {endpoint: "localhost:4380"}, keyring: {path: ./keys/keyring.yaml, create: true}}
processors:
  token_owner:
    keyring: {path: ./keys/keyring.yaml, create: true}
    owners: {OWNERS}
exporters:
  file: {path: ./out.json, flush_interval: 100ms}
service:
  pipelines: {logs: {receivers: [api_log], processors: [token_owner], exporters: [file]}}
  telemetry: {metrics: {readers: [{pull: {exporter: {prometheus: {host: localhost, port: 8888}}}}]}}
`

// owned is a collector that is sent requests of tokens while its source of owners is at fault.
type owned struct {
	t         *testing.T
	collector *harness.Collector
	dir       string
	source    string
	known     string // a token of the directory
	secrets   []string

	sent int
	read int64          // of the file
	got  map[string]int // events by who asks and where the owner is from
}

func startOwned(t *testing.T, source, owners, known string) *owned {
	t.Helper()
	o := &owned{t: t, dir: harness.Dir(t), source: source, known: known, secrets: []string{known}, got: map[string]int{}}
	config := strings.ReplaceAll(ownedConfig, "OWNERS", owners)
	require.NoError(t, os.WriteFile(filepath.Join(o.dir, "config.yaml"), []byte(config), 0o600))
	o.collector = harness.Start(t, harness.Options{Dir: o.dir, Config: "file:config.yaml", Ready: "localhost:4380"})
	return o
}

// ask sends one request with a token.
func (o *owned) ask(who, token string) {
	o.t.Helper()
	ingest(o.t, "kong", kong(o.t, func(request, headers, _ map[string]any) {
		request["uri"], request["id"] = "/"+who, fmt.Sprintf("%s-%d", who, o.sent)
		headers["apikey"] = token
	}))
	o.sent++
}

// until sends requests of the known token, of one that nobody knows, and of new ones, until the events say of the
// first what is wanted, and of the second one of what is.
func (o *owned) until(what, known string, unknown ...string) {
	o.t.Helper()
	stranger := "dummy-stranger-" + rand.Text()
	o.secrets = append(o.secrets, stranger)
	harness.Eventually(o.t, 60*time.Second, what, func() error {
		o.ask("known", o.known)
		o.ask("unknown", stranger)
		fresh := "dummy-fresh-" + rand.Text()
		o.secrets = append(o.secrets, fresh)
		o.ask("fresh", fresh)
		last := o.wait()
		if last["/known"] != known || !slices.Contains(unknown, last["/unknown"]) {
			return fmt.Errorf("known from %q, unknown from %q", last["/known"], last["/unknown"])
		}
		return nil
	})
	o.t.Logf("%s: %d sent, events %v", what, o.sent, o.got)
}

// wait reads the events of all that was sent and returns the last source by path.
func (o *owned) wait() map[string]string {
	o.t.Helper()
	last := map[string]string{}
	harness.Eventually(o.t, 20*time.Second, "each request is an event", func() error {
		o.drain(last)
		n := 0
		for _, c := range o.got {
			n += c
		}
		if n != o.sent {
			return fmt.Errorf("%d events of %d requests", n, o.sent)
		}
		return nil
	})
	return last
}

// drain reads what the file has got since.
func (o *owned) drain(last map[string]string) {
	o.t.Helper()
	f, err := os.Open(filepath.Join(o.dir, "out.json"))
	if err != nil {
		return // nothing was written yet
	}
	defer f.Close()
	_, err = f.Seek(o.read, io.SeekStart)
	require.NoError(o.t, err)
	b, err := io.ReadAll(f)
	require.NoError(o.t, err)
	whole := b[:bytes.LastIndexByte(b, '\n')+1]
	o.read += int64(len(whole))
	for line := range bytes.Lines(whole) {
		ld, err := (&plog.JSONUnmarshaler{}).UnmarshalLogs(bytes.TrimSpace(line))
		require.NoError(o.t, err)
		for _, rl := range ld.ResourceLogs().All() {
			for _, sl := range rl.ScopeLogs().All() {
				for _, lr := range sl.LogRecords().All() {
					path, source := textAt(lr.Attributes(), event.KeyPath), textAt(lr.Attributes(), event.KeyOwnerSource)
					o.got[path+" "+source]++
					last[path] = source
				}
			}
		}
	}
}

func textAt(a pcommon.Map, key string) string {
	v, ok := a.Get(key)
	if !ok {
		return ""
	}
	return v.Str()
}

// suffer breaks the source, and waits until the events say so; then mends it, and waits until they have their owner
// again. The component says both.
func (o *owned) suffer(fault string, broken, mend func()) {
	o.t.Helper()
	refused, used := strings.Count(o.collector.Log(), "input refused"), strings.Count(o.collector.Log(), "input in use")
	broken()
	o.until(fault, "stale", "none", "pending") // a source that fails is left alone for a while, and who waits is pending
	require.Greater(o.t, strings.Count(o.collector.Log(), "input refused"), refused, "the fault is told")
	require.Less(o.t, strings.Count(o.collector.Log(), "input refused"), refused+8, "but not at every try")
	mend()
	o.until(fault+" is over", o.source, "")
	require.Greater(o.t, strings.Count(o.collector.Log(), "input in use"), used, "the end of it is told")
}

func (o *owned) end() {
	o.t.Helper()
	require.False(o.t, o.collector.Exited())
	o.collector.Stop()
	out, err := os.ReadFile(filepath.Join(o.dir, "out.json"))
	require.NoError(o.t, err)
	harness.NoLeak(o.t, "events", string(out), o.secrets...)
	harness.NoLeak(o.t, "log", o.collector.Log(), o.secrets...)
}

// identityServer is a directory behind HTTPS that can be at fault.
type identityServer struct {
	*httptest.Server
	rows  string
	fault atomic.Pointer[string]
	certs map[string]tls.Certificate
}

const wrongCertificate = "wrong certificate"

func newIdentityServer(t *testing.T, token string) (s *identityServer, ca string) {
	right, wrong := newPKI(t, t.TempDir()), newPKI(t, t.TempDir())
	s = &identityServer{certs: map[string]tls.Certificate{}}
	s.mend()
	for name, p := range map[string]pki{"": right, wrongCertificate: wrong} {
		c, err := tls.LoadX509KeyPair(p.cert, p.key)
		require.NoError(t, err)
		s.certs[name] = c
	}
	h := sha256.Sum256([]byte(token))
	s.rows = fmt.Sprintf(`[{"sha256": %q, "owner_id": "alice"}]`, hex.EncodeToString(h[:]))
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(s.answer))
	s.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		c, ok := s.certs[*s.fault.Load()]
		if !ok {
			c = s.certs[""]
		}
		return &tls.Config{Certificates: []tls.Certificate{c}, MinVersion: tls.VersionTLS12}, nil
	}}
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // each refusal of the wrong certificate
	s.Config.SetKeepAlivesEnabled(false)           // each request sees the certificate of its time
	s.StartTLS()
	t.Cleanup(s.Close)
	return s, right.ca
}

func (s *identityServer) breaks(fault string) func() { return func() { s.fault.Store(&fault) } }

func (s *identityServer) mend() { s.fault.Store(new(string)) }

func (s *identityServer) answer(w http.ResponseWriter, r *http.Request) {
	switch *s.fault.Load() {
	case "slow":
		<-r.Context().Done()
	case "500":
		w.WriteHeader(http.StatusInternalServerError)
	case "garbage":
		_, _ = io.WriteString(w, `[{"sha256": "dummy", "owner_id": `)
	default:
		if strings.HasPrefix(r.URL.Path, "/tokens/") {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, s.rows)
	}
}

// A directory behind HTTPS answers slowly, with errors, with garbage and as somebody else: each request stays an
// event, which says how its owner is known.
func TestOwnersOverHTTPAtFault(t *testing.T) {
	known := "dummy-known-" + rand.Text()
	s, ca := newIdentityServer(t, known)
	o := startOwned(t, "http", fmt.Sprintf(`http: {endpoint: "%s/tokens", lookup_endpoint: "%s/tokens/{fingerprint}", interval: 1s, timeout: 500ms, tls: {ca_file: %s}, `+
		`lookup: {timeout: 500ms, negative_ttl: 1s}}`, s.URL, s.URL, ca), known)
	o.until("at first", "http", "")
	for _, fault := range []string{"slow", "500", "garbage", wrongCertificate} {
		o.suffer(fault, s.breaks(fault), s.mend)
	}
	require.Positive(t, o.got["/fresh pending"])
	o.end()
}

// A PostgreSQL that dies, keeps its table locked, and holds a row that is none.
func TestOwnersInPostgreSQLAtFault(t *testing.T) {
	db := harness.Postgres(t)
	known := "dummy-known-" + rand.Text()
	db.Exec("CREATE TABLE tokens (hash text, owner text)", fmt.Sprintf("INSERT INTO tokens VALUES ('%s', 'alice')", sum(known)))
	o := startOwned(t, "sql", fmt.Sprintf(`sql: {driver: postgres, dsn: "%s", query: "SELECT hash AS sha256, owner AS owner_id FROM tokens", interval: 1s, timeout: 1s}`, db.DSN), known)
	o.until("at first", "sql", "")
	o.suffer("killed", db.Kill, db.Start)
	own := db.Open()
	defer own.Close()
	tx, err := own.Begin()
	require.NoError(t, err)
	o.suffer("locked", func() {
		_, err := tx.Exec("LOCK TABLE tokens IN ACCESS EXCLUSIVE MODE")
		require.NoError(t, err)
	}, func() { require.NoError(t, tx.Rollback()) })
	o.suffer("a bad row", func() { db.Exec("INSERT INTO tokens VALUES ('dummy', 'bob')") },
		func() { db.Exec("DELETE FROM tokens WHERE owner = 'bob'") })
	o.end()
	harness.NoLeak(t, "log", o.collector.Log(), db.Password)
}
