package apilogreceiver

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/keytrail/keytrail/internal/event"
)

// capturing is a configuration with a capture server; settings are YAML of the receiver.
func capturing(t *testing.T, settings string) *Config {
	t.Helper()
	cfg := testConfig(t)
	given, err := confmap.NewRetrievedFromYAML([]byte(settings))
	require.NoError(t, err)
	conf, err := given.AsConf()
	require.NoError(t, err)
	require.NoError(t, conf.Unmarshal(cfg))
	cfg.Capture.Get().ServerConfig.NetAddr.Endpoint = "localhost:0"
	require.NoError(t, confmap.Validate(cfg))
	return cfg
}

const capturingNginx = `
capture: {gateway: nginx, source: edge, batch: {interval: 1ms}}
sources: [{name: edge, service: orders, trusted_proxies: [127.0.0.1, "::1"]}]
`

// dial opens a connection to the capture server.
func (r *rig) dial() net.Conn {
	r.t.Helper()
	conn, err := (&net.Dialer{}).DialContext(r.t.Context(), "tcp", r.recv.capture.addr.String())
	require.NoError(r.t, err)
	require.NoError(r.t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	return conn
}

// bareAnswer is all there is of an answer to a captured request.
type bareAnswer struct {
	code   int
	header http.Header
}

func readAnswer(in *bufio.Reader) (bareAnswer, error) {
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		return bareAnswer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err == nil && len(body) > 0 && resp.StatusCode == http.StatusOK {
		err = errors.New("the answer has a body")
	}
	return bareAnswer{resp.StatusCode, resp.Header}, err
}

// send writes a request as it stands, with CRLF for line ends, and returns the answer.
func (r *rig) send(request string) bareAnswer {
	r.t.Helper()
	conn := r.dial()
	defer func() { _ = conn.Close() }()
	_, err := io.WriteString(conn, strings.ReplaceAll(strings.TrimRight(request, "\n"), "\n", "\r\n")+"\r\n\r\n")
	require.NoError(r.t, err)
	a, err := readAnswer(bufio.NewReader(conn))
	require.NoError(r.t, err)
	return a
}

// await returns the events once there are n.
func (r *rig) await(n int) []event.Record {
	r.t.Helper()
	require.Eventually(r.t, func() bool { return r.sink.LogRecordCount() >= n }, 10*time.Second, time.Millisecond)
	return r.events()
}

// Each testdata/capture/*.txtar holds a configuration, the request as one gateway sends it, and the event.
func TestCaptureGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/capture/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			story, err := txtar.ParseFile(file)
			require.NoError(t, err)
			require.GreaterOrEqual(t, len(story.Files), 2)
			r := start(t, capturing(t, string(story.Files[0].Data)))
			resp := r.send(string(story.Files[1].Data))
			assert.Equal(t, http.StatusOK, resp.code)
			got := render(r.await(1))
			for _, d := range dummy.FindAll(story.Files[1].Data, -1) {
				assert.NotContains(t, r.everything(), string(d))
			}
			if *update {
				story.Files = append(story.Files[:2], txtar.File{Name: "events", Data: got})
				require.NoError(t, os.WriteFile(file, txtar.Format(story), 0o600))
				return
			}
			require.Len(t, story.Files, 3)
			assert.Equal(t, string(story.Files[2].Data), string(got))
		})
	}
}

// The answer is the same whatever happens behind it, and holds nothing that a gateway could hand on.
func TestCaptureAnswersWhateverHappens(t *testing.T) {
	panics, err := consumerFunc(func(context.Context, plog.Logs) error { panic("the next consumer is broken") })
	require.NoError(t, err)
	for name, next := range map[string]consumer.Logs{"refuses": consumerFail(t), "panics": panics} {
		r := startWith(t, capturing(t, capturingNginx), next, componenttest.NewNopHost())
		for range 20 {
			for _, line := range []string{"GET /auth", "POST /auth/below?x=1", "PUT /mirror/", "DELETE /mirror/%2e%2e/auth", "OPTIONS /auth"} {
				resp := r.send(line + " HTTP/1.1\nHost: api.example.test\nAuthorization: Bearer dummy-token\nConnection: close")
				assert.Equal(t, http.StatusOK, resp.code, "%s: %s", name, line)
				assert.Equal(t, http.Header{"Content-Length": {"0"}}, resp.header)
			}
		}
		stop, cancel := context.WithCancel(t.Context())
		cancel()
		_ = r.recv.capture.shutdown(stop) // it may say that its time was up
		assert.EqualValues(t, 100, r.counter("capture_dropped"), "what was answered is handed on or counted")
	}
}

func TestCapturePaths(t *testing.T) {
	r := start(t, capturing(t, capturingNginx))
	f := func(line string, want int, capture string) {
		t.Helper()
		r.sink.Reset()
		resp := r.send(line + " HTTP/1.1\nHost: a.test\nConnection: close")
		assert.Equal(t, want, resp.code, line)
		if capture != "" {
			assert.Equal(t, capture, r.await(1)[0].Attrs.Str(event.KeyCapture), line)
		}
	}
	f("GET /auth", 200, "auth")
	f("GET /auth/", 200, "auth")
	f("GET /auth?a=b", 200, "auth")
	f("GET /mirror", 200, "mirror")
	f("GET /mirror/auth", 200, "mirror")
	f("GET /mirror//auth/", 200, "mirror")
	f("GET http://keytrail.test/auth", 200, "auth")
	f("GET /authentic", 404, "")
	f("GET /%61uth", 404, "")
	f("GET /", 404, "")
	f("OPTIONS *", 404, "")
	f("GET /ingest", 404, "")
}

// Whatever a caller sends of the headers in which another gateway, or none, says what was asked, it does not change
// what the record says of the request.
func TestACallerCannotForgeWhatWasAsked(t *testing.T) {
	forged := strings.Builder{}
	for _, h := range []string{
		"X-Original-Uri", "X-Original-Method", "X-Original-Host", "X-Original-Scheme", "X-Forwarded-Uri", "X-Forwarded-Method",
		"X-Real-Ip", "X-Original-Url", "X-Rewrite-Url", "X-Http-Method-Override", "X-Original-Client-Dn", "X-Original-Client-Verify",
	} {
		fmt.Fprintf(&forged, "%s: /innocent\n", h)
	}
	f := func(settings, request string) {
		t.Helper()
		r := start(t, capturing(t, settings))
		r.send(request + forged.String() + "X-Forwarded-For: 203.0.113.66, 192.0.2.7")
		e := r.await(1)[0]
		assert.Equal(t, "DELETE", e.Attrs.Str(event.KeyMethod), request)
		assert.Equal(t, "/v1/orders/17", e.Attrs.Str(event.KeyPath), request)
		assert.Equal(t, "api.example.test", e.Attrs.Str(event.KeyServerAddress), request)
		assert.Equal(t, "192.0.2.7", e.Attrs.Str(event.KeyClientAddress), request)
		assert.Empty(t, e.Auth)
	}
	trusting := "sources: [{name: edge, trusted_proxies: [127.0.0.1]}]\ncapture: {batch: {interval: 1ms}, source: edge, "
	f(trusting+"gateway: envoy}", "DELETE /auth/v1/orders/17 HTTP/1.1\nHost: api.example.test\n")
	f(trusting+"gateway: envoy, mirror_path: /, auth_path: ''}", "DELETE /v1/orders/17 HTTP/1.1\nHost: api.example.test-shadow\n")
	f(trusting+"gateway: traefik, mirror_path: /, auth_path: ''}",
		"DELETE /v1/orders/17 HTTP/1.1\nHost: api.example.test\nX-Forwarded-Host: api.example.test\n")
}

// A header that the gateway sets once and that came twice is not believed.
func TestACapturedHeaderThatCameTwiceIsNotBelieved(t *testing.T) {
	r := start(t, capturing(t, capturingNginx))
	r.send("GET /auth HTTP/1.1\nHost: a.test\nX-Original-URI: /innocent\nX-Original-URI: /guilty\nX-Real-IP: 192.0.2.1\nX-Real-IP: 192.0.2.2")
	e := r.await(1)[0]
	assert.Equal(t, "/", e.Attrs.Str(event.KeyPath))
	assert.Empty(t, e.Attrs.Str(event.KeyClientAddress))
}

func TestCapturedRequestsKeepTheirOwnIDs(t *testing.T) {
	r := start(t, capturing(t, capturingNginx))
	for range 50 {
		r.send("GET /auth HTTP/1.1\nHost: a.test\nX-Original-URI: /v1/a\nX-Original-Request-Id: forged")
		r.send("GET /auth HTTP/1.1\nHost: a.test\nX-Original-URI: /v1/a")
	}
	assert.Equal(t, 100, distinct(ids(r.await(100))))
}

// The client's address is a gateway's word: without trust in it, only the gateway's own address is known.
func TestCapturedClientNeedsTrust(t *testing.T) {
	const request = "GET /auth HTTP/1.1\nHost: a.test\nX-Original-URI: /v1/a\nX-Real-IP: 192.0.2.7\nX-Forwarded-For: 198.51.100.1, 10.1.1.1"
	f := func(proxies, realIP, client, peer string) {
		t.Helper()
		r := start(t, capturing(t, "capture: {gateway: nginx, source: edge, batch: {interval: 1ms}}\nsources: [{name: edge, trusted_proxies: ["+proxies+"]}]"))
		r.send(strings.Replace(request, "192.0.2.7", realIP, 1))
		e := r.await(1)[0]
		assert.Equal(t, client, e.Attrs.Str(event.KeyClientAddress))
		assert.Equal(t, peer, e.Attrs.Str(event.KeyPeerAddress))
	}
	f("", "192.0.2.7", "", "127.0.0.1")
	f("127.0.0.1", "192.0.2.7", "192.0.2.7", "")
	f("127.0.0.1, 10.0.0.0/8", "10.2.2.2", "198.51.100.1", "10.2.2.2")
	f("127.0.0.1", "not-an-address", "", "")
	f("127.0.0.1", "::ffff:192.0.2.9", "192.0.2.9", "")
}

// What a gateway hands over may hold a credential anywhere; none leaves the receiver.
func TestNoCapturedTokenLeavesTheReceiver(t *testing.T) {
	r := start(t, capturing(t, capturingNginx))
	planted := map[string]string{}
	const head = "POST /auth/below HTTP/1.1\nHost: api.example.test\n"
	for place, request := range map[string]string{
		"authorization": head + "X-Original-URI: /v1/a\nAuthorization: Bearer %[1]s",
		"api key":       head + "X-Original-URI: /v1/a\nX-Api-Key: %[1]s",
		"cookie":        head + "X-Original-URI: /v1/a\nCookie: a=b; session=%[1]s",
		"target":        head + "X-Original-URI: /v1/a?access_token=%[1]s",
		"path":          head + "X-Original-URI: /bot12345678:%[1]s/sendMessage",
		"echo":          head + "X-Original-URI: /v1/a?access_token=%[1]s\nX-Note: seen %[1]s\nX-Forwarded-Uri: /%[1]s",
		"method":        head + "X-Original-URI: /v1/a?access_token=%[1]s\nX-Original-Method: %[1]s",
		"host":          head + "X-Original-URI: /v1/a?access_token=%[1]s\nX-Original-Host: %[1]s",
		"request id":    head + "X-Original-URI: /v1/a?access_token=%[1]s\nX-Original-Request-Id: %[1]s",
		"client":        head + "X-Original-URI: /v1/a?access_token=%[1]s\nX-Real-Ip: %[1]s\nX-Original-Scheme: %[1]s",
		"traceparent":   head + "X-Original-URI: /v1/a?access_token=%[1]s\nTraceparent: 00-%[1]s-%[1]s-01",
		"below":         "GET /mirror/x?access_token=%[1]s HTTP/1.1\nHost: a.test",
	} {
		planted[place] = canary(t)
		resp := r.send(fmt.Sprintf(request, planted[place]))
		require.Equal(t, http.StatusOK, resp.code, place)
	}
	events := r.await(len(planted))
	out := strings.ToLower(r.everything())
	for place, token := range planted {
		for i, s := range spellings(token) {
			assert.NotContains(t, out, strings.ToLower(s), "%s, spelling %d", place, i)
		}
	}
	for _, e := range events {
		assert.Equal(t, event.RedactionDone, e.Attrs.Str(event.KeyRedaction))
	}
}

// A log record and a captured request of one gateway carry one request key, so that a trail shows them as one.
func TestCaptureAndLogShareTheRequestKey(t *testing.T) {
	cfg := capturing(t, strings.Replace(capturingNginx, "name: edge", "name: edge, path: /ingest/edge, format: nginx", 1))
	r := start(t, cfg)
	r.send("GET /auth HTTP/1.1\nHost: a.test\nX-Original-URI: /v1/a\nX-Original-Request-Id: 5f0c6a\nX-Api-Key: dummy-key-0123456789")
	r.await(1)
	require.Equal(t, 200, r.post("/ingest/edge", []byte(`{"request_id":"5f0c6a","request_method":"GET","request_uri":"/v1/a","status":"200","http_x_api_key":"dummy-key-0123456789"}`)).code)
	got := r.events()
	require.Len(t, got, 2)
	assert.Equal(t, got[0].Attrs.Str(event.KeyRequestKey), got[1].Attrs.Str(event.KeyRequestKey))
	assert.Equal(t, got[0].Attrs.Str(event.KeyFingerprint), got[1].Attrs.Str(event.KeyFingerprint))
	assert.NotEqual(t, got[0].Attrs.Str(event.KeyEventID), got[1].Attrs.Str(event.KeyEventID))
}

// Whoever handed a request over before the shutdown finds it in the trail.
func TestShutdownDrainsTheQueue(t *testing.T) {
	var got atomic.Int64
	next, err := consumerFunc(func(_ context.Context, ld plog.Logs) error {
		got.Add(int64(ld.LogRecordCount()))
		return nil
	})
	require.NoError(t, err)
	cfg := capturing(t, "capture: {gateway: nginx, batch: {records: 10000, interval: 1h}}")
	r := startWith(t, cfg, next, componenttest.NewNopHost())
	for range 25 {
		r.send("GET /auth HTTP/1.1\nHost: a.test\nX-Original-URI: /v1/a")
	}
	require.NoError(t, r.recv.Shutdown(context.Background()))
	assert.EqualValues(t, 25, got.Load())
	assert.Zero(t, r.counter("capture_dropped"))
}

func TestCaptureOverAUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "capture.sock")
	cfg := capturing(t, capturingNginx)
	cfg.Capture.Get().ServerConfig.NetAddr.Transport = "unix"
	cfg.Capture.Get().ServerConfig.NetAddr.Endpoint = path
	r := start(t, cfg)
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "unix", path)
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	_, err = io.Copy(conn, bytes.NewBufferString("GET /auth HTTP/1.1\r\nHost: a.test\r\nX-Original-URI: /v1/a\r\nX-Real-IP: 192.0.2.7\r\n\r\n"))
	require.NoError(t, err)
	e := r.await(1)[0]
	assert.Equal(t, "192.0.2.7", e.Attrs.Str(event.KeyClientAddress), "who can open the file is trusted")
}
