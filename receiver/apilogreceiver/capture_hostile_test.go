package apilogreceiver

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"

	"github.com/keytrail/keytrail/internal/event"
)

// flood is the header of a request with n fields beside the one that holds the credential.
func flood(n int, field func(i int) string) string {
	var b strings.Builder
	b.WriteString("GET /auth HTTP/1.1\r\nHost: a.test\r\nX-Original-Uri: /v1/a\r\nX-Original-Method: GET\r\n")
	for i := range n {
		b.WriteString(field(i) + "\r\n")
	}
	b.WriteString("Authorization: Bearer dummy-token-of-the-flood\r\n\r\n")
	return b.String()
}

// exchange writes a request and returns the status of the answer, 0 where the connection was closed without one.
func (r *rig) exchange(request string) int {
	r.t.Helper()
	conn := r.dial()
	defer func() { _ = conn.Close() }()
	go func() { _, _ = io.WriteString(conn, request) }() // the server may close before all of it is written
	a, err := readAnswer(bufio.NewReader(conn))
	if err != nil {
		return 0
	}
	return a.code
}

// A flood of headers hides neither the request nor its credential, and does not blow up the event.
func TestAHeaderFloodHidesNothing(t *testing.T) {
	r := start(t, capturing(t, capturingNginx))
	f := func(name string, n int, field func(i int) string, cut bool) {
		t.Helper()
		r.sink.Reset()
		before := r.counter("limit_hits", "limit="+limitCaptureFields)
		require.Equal(t, 200, r.exchange(flood(n, field)), name)
		e := r.await(1)[0]
		assert.NotEmpty(t, e.Attrs.Str(event.KeyFingerprint), name)
		assert.Equal(t, "header.authorization", e.Attrs.Str(event.KeyTokenLocation), name)
		assert.Equal(t, "/v1/a", e.Attrs.Str(event.KeyPath), name)
		assert.Less(t, len(e.Attrs), event.MaxHeaders+40, name)
		other, _ := e.Attrs.Get(event.KeyHeadersOther)
		assert.LessOrEqual(t, len(other.Strings()), maxCaptureFields, name)
		assert.Equal(t, cut, r.counter("limit_hits", "limit="+limitCaptureFields) > before, name)
	}
	f("many", 900, func(i int) string { return fmt.Sprintf("A%d: b", i) }, false)
	f("tiny", 100_000, func(i int) string { return fmt.Sprintf("a%d: b", i) }, true)
	f("one name", 100_000, func(int) string { return "a: b" }, true)
	f("names that bear credentials", 20_000, func(i int) string { return fmt.Sprintf("a-token-%d: b", i) }, true)
	f("one value", 1, func(int) string { return "a: " + strings.Repeat("b", 1_000_000) }, false)
	assert.Zero(t, r.counter("capture_dropped"))
}

// What net/http refuses by itself is counted: it never reached the handler.
func TestAnUnreadableHeaderIsCounted(t *testing.T) {
	cfg := capturing(t, capturingNginx)
	cfg.Capture.Get().ServerConfig.ReadHeaderTimeout = 100 * time.Millisecond
	r := start(t, cfg)
	lost := func() int64 { return r.counter("capture_dropped", "reason="+dropUnreadable) }
	f := func(name, request string, want int) {
		t.Helper()
		before := lost()
		assert.Equal(t, want, r.exchange(request), name)
		require.Eventually(t, func() bool { return lost() == before+1 }, 10*time.Second, time.Millisecond, name)
	}
	f("too large", flood(1, func(int) string { return "a: " + strings.Repeat("b", 2*maxCaptureHeader) }), 431)
	f("malformed", "GET /auth\r\n\r\n", 400)
	f("no host", "GET /auth HTTP/1.1\r\n\r\n", 400)
	f("slow", "GET /auth HTTP/1.1\r\nHost: a.test\r\nX-Slow", 400)

	before := lost()
	require.Equal(t, 200, r.exchange("GET /auth HTTP/1.1\r\nHost: a.test\r\n\r\n"))
	require.NoError(t, r.dial().Close())
	require.Eventually(t, func() bool { return r.recv.capture.open.Load() == 0 }, 10*time.Second, time.Millisecond)
	assert.Equal(t, before, lost(), "a served request and a probe of the port are no loss")
}

// The answer does not wait for a body, and a body is never kept.
func TestABodyIsNotKept(t *testing.T) {
	r := start(t, capturing(t, capturingNginx))
	const head = "POST /mirror/ HTTP/1.1\r\nHost: a.test\r\nX-Original-Uri: /v1/a\r\n"

	conn := r.dial()
	_, err := io.WriteString(conn, head+"Content-Length: 200000\r\n\r\n")
	require.NoError(t, err)
	in := bufio.NewReader(conn)
	for range 3 {
		a, err := readAnswer(in)
		require.NoError(t, err, "answered before the body")
		require.Equal(t, 200, a.code)
		_, err = io.WriteString(conn, strings.Repeat("x", 200_000)+head+"Content-Length: 200000\r\n\r\n")
		require.NoError(t, err, "the connection is used again")
	}
	require.NoError(t, conn.Close())
	assert.Zero(t, r.counter("limit_hits"))

	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for _, length := range []string{"Content-Length: 10485760\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\nA00000\r\n"} {
		conn := r.dial()
		written := make(chan error, 1)
		go func() {
			_, err := io.WriteString(conn, head+length+strings.Repeat("x", 10<<20))
			written <- err
		}()
		a, err := readAnswer(bufio.NewReader(conn))
		require.NoError(t, err)
		assert.Equal(t, 200, a.code)
		err = <-written
		require.Error(t, err, "the server does not take ten mebibytes")
		assert.True(t, errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET), "%v", err)
		require.NoError(t, conn.Close())
	}
	runtime.ReadMemStats(&after)
	t.Logf("allocated for 2 bodies of 10 MiB, the sender's 20 MiB included: %d KiB", (after.TotalAlloc-before.TotalAlloc)>>10)
	require.Eventually(t, func() bool { return r.counter("limit_hits", "limit="+limitCaptureBody) == 2 }, 10*time.Second, time.Millisecond)
	assert.Len(t, r.await(5), 6)
}

// One connection too many is closed at once, and counted; when another goes, there is room again.
func TestConnectionsAreBounded(t *testing.T) {
	cfg := capturing(t, capturingNginx)
	cfg.Capture.Get().Connections = 4
	r := start(t, cfg)
	var held []net.Conn
	for range 4 {
		held = append(held, r.dial())
	}
	require.Eventually(t, func() bool { return r.recv.capture.open.Load() == 4 }, 10*time.Second, time.Millisecond)
	assert.Equal(t, 0, r.exchange("GET /auth HTTP/1.1\r\nHost: a.test\r\n\r\n"), "closed without an answer")
	assert.EqualValues(t, 1, r.counter("capture_dropped", "reason="+dropConnections))
	assert.EqualValues(t, 1, r.counter("limit_hits", "limit="+limitCaptureConnections))
	for _, c := range held {
		require.NoError(t, c.Close())
	}
	require.Eventually(t, func() bool { return r.recv.capture.open.Load() == 0 }, 10*time.Second, time.Millisecond)
	assert.Equal(t, 200, r.exchange("GET /auth HTTP/1.1\r\nHost: a.test\r\n\r\n"))
}

// A consumer that never answers does not keep a gateway waiting.
func TestABlockedConsumerKeepsNobodyWaiting(t *testing.T) {
	next := &downstream{block: true}
	cfg := capturing(t, strings.Replace(capturingNginx, "batch:", "queue: {records: 10}, batch:", 1))
	r := startWith(t, cfg, next, componenttest.NewNopHost())
	for range 300 {
		require.Equal(t, 200, r.exchange("GET /auth HTTP/1.1\r\nHost: a.test\r\n\r\n"))
	}
	assert.NotZero(t, r.counter("capture_dropped", "reason="+dropQueueFull))
	stop, cancel := context.WithCancel(t.Context())
	cancel()
	_ = r.recv.capture.shutdown(stop)
	assert.EqualValues(t, 300, r.counter("capture_dropped"), "every one is counted under one reason")
}

func FuzzCapturedRequest(f *testing.F) {
	f.Add("GET", "/auth/v1?x=1", "X-Original-Uri", "/v1/a?api_key=dummy", "192.0.2.1")
	f.Add("POST", "/mirror//", "X-Forwarded-For", "1.1.1.1, [::1]:80, x,", "[::1]:90")
	f.Add("", "?", "Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "@")
	f.Fuzz(func(t *testing.T, method, target, name, value, remote string) {
		for _, byCapture := range dialects {
			for capture, by := range byCapture {
				r := &http.Request{Method: method, RequestURI: target, Host: value, RemoteAddr: remote, Header: http.Header{name: {value}, "X-Real-Ip": {remote}}}
				var rec event.Record
				newCaptured(r, capture, target).writeRecord(by, nil, &rec)
				assert.NotEmpty(t, rec.Attrs.Str(event.KeyPath))
			}
		}
	})
}
