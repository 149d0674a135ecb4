package apilogreceiver

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/plog"
)

func nowMillis() int64 { return time.Now().UnixMilli() }

func packGzip(t testing.TB, b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err := w.Write(b)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return out.Bytes()
}

func packZstd(t testing.TB, b []byte) []byte {
	w, err := zstd.NewWriter(nil)
	require.NoError(t, err)
	defer func() { _ = w.Close() }()
	return w.EncodeAll(b, nil)
}

func TestAnswerCodes(t *testing.T) {
	r := start(t, testConfig(t))
	good := kong("req-1", "dummy-key-for-tests")
	big := bytes.Repeat([]byte(" "), 25<<20)
	f := func(name string, code int, reason, path string, body []byte, headers ...string) {
		t.Helper()
		a := r.post(path, body, headers...)
		assert.Equal(t, code, a.code, name)
		assert.Equal(t, reason, a.refusal.Error, name)
		assert.Equal(t, "application/json", a.header.Get("Content-Type"), name)
	}
	f("object", 200, "", "/ingest/kong", good)
	f("sniffed", 200, "", "/ingest", good)
	f("gzip", 200, "", "/ingest/kong", packGzip(t, good), "Content-Encoding: gzip")
	f("gzip in capitals", 200, "", "/ingest/kong", packGzip(t, good), "Content-Encoding: GZIP")
	f("zstd", 200, "", "/ingest/kong", packZstd(t, good), "Content-Encoding: zstd")
	f("identity", 200, "", "/ingest/kong", good, "Content-Encoding: identity")
	f("content type of another body", 200, "", "/ingest/kong", good, "Content-Type: text/plain")
	f("content type that claims MessagePack", 200, "", "/ingest/kong", good, "Content-Type: application/msgpack")

	f("empty", 400, "no_records", "/ingest/kong", nil)
	f("not gzip", 400, "body_does_not_decode", "/ingest/kong", good, "Content-Encoding: gzip")
	f("half gzip", 400, "body_does_not_decode", "/ingest/kong", packGzip(t, good)[:60], "Content-Encoding: gzip")
	f("not zstd", 400, "body_does_not_decode", "/ingest/kong", good, "Content-Encoding: zstd")
	f("unknown format", 404, "unknown_path_or_format", "/ingest/apache", good)
	f("unknown path", 404, "unknown_path_or_format", "/v1/logs", good)
	f("25 MB", 413, "body_too_large", "/ingest/kong", big)
	f("25 MB in gzip", 413, "body_too_large", "/ingest/kong", packGzip(t, big), "Content-Encoding: gzip")
	f("25 MB in zstd", 413, "body_too_large", "/ingest/kong", packZstd(t, big), "Content-Encoding: zstd")
	f("too many records", 413, "too_many_records", "/ingest/json", bytes.Repeat([]byte("{}\n"), 60_000))
	f("brotli", 415, "content_encoding_must_be_gzip_or_zstd_or_none", "/ingest/kong", good, "Content-Encoding: br")
	f("two encodings", 415, "content_encoding_must_be_gzip_or_zstd_or_none", "/ingest/kong", good, "Content-Encoding: gzip, gzip")
	f("MessagePack", 415, "messagepack_is_not_read_send_json", "/ingest", []byte("\x92\xd7\x00abcd\x81\xa3log\xa1x"))

	for _, method := range []string{http.MethodPut, http.MethodPatch} { // Kong's http-log can be set to them
		assert.Equal(t, 200, r.do(method, "/ingest/kong", bytes.NewReader(good)).code, method)
	}
	for _, method := range []string{http.MethodGet, http.MethodDelete, http.MethodOptions, "TRACE"} {
		a := r.do(method, "/ingest/kong", nil)
		assert.Equal(t, 405, a.code, method)
		assert.Equal(t, "POST, PUT, PATCH", a.header.Get("Allow"), method)
	}
	assert.Equal(t, int64(10), r.counter("requests", "code=200"))
	assert.Equal(t, int64(3), r.counter("limit_hits", "limit=max_request_body_size"))
	assert.Equal(t, int64(1), r.counter("limit_hits", "limit=max_records"))
	assert.Zero(t, r.recv.budget.used.Load(), "every byte was given back")
}

func TestOneBadRecordCostsItselfOnly(t *testing.T) {
	r := start(t, testConfig(t))
	body := bytes.Join([][]byte{
		kong("a", "dummy-key-one"), []byte(`{"request":{"id":"b","method":`), kong("c", "dummy-key-two"),
		[]byte(`{"request":{"headers":{"x":"` + strings.Repeat("x", 1<<20) + `"}}}`), kong("d", "dummy-key-three"),
	}, []byte("\n"))
	a := r.post("/ingest/kong", body)
	require.Equal(t, 200, a.code)
	assert.Equal(t, 3, a.report.Accepted)
	assert.Equal(t, 2, a.report.Rejected)
	assert.Equal(t, []rejection{{1, "malformed_json"}, {3, "too_large"}}, a.report.Errors)
	assert.Len(t, r.events(), 3)
	assert.Equal(t, int64(3), r.counter("accepted_records", "source=other", "format=kong"))
	assert.Equal(t, int64(1), r.counter("rejected_records", "source=other", "reason=malformed_json"))
	assert.Equal(t, int64(1), r.counter("limit_hits", "limit=max_record_bytes"))
}

func TestAllRejectedIsStillAnswered(t *testing.T) {
	r := start(t, testConfig(t))
	a := r.post("/ingest/kong", bytes.Repeat([]byte("[1]\n"), 200))
	require.Equal(t, 200, a.code, a.body)
	assert.Zero(t, a.report.Accepted)
	assert.Equal(t, 200, a.report.Rejected)
	assert.Len(t, a.report.Errors, maxReported)
	assert.Zero(t, r.sink.LogRecordCount())
}

func TestHealth(t *testing.T) {
	r := start(t, testConfig(t))
	assert.Equal(t, 200, r.do(http.MethodGet, "/health", nil).code)
	assert.Equal(t, 200, r.do(http.MethodHead, "/health", nil).code)
	assert.Equal(t, 405, r.post("/health", nil).code)
}

// A caller must not be able to make the process allocate more than what was sent can hold.
func TestBombsStayInTheirBounds(t *testing.T) {
	r := start(t, testConfig(t))
	f := func(name string, allowed uint64, code int, body []byte, encoding string) {
		t.Helper()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		a := r.post("/ingest/kong", body, "Content-Encoding: "+encoding)
		runtime.ReadMemStats(&after)
		assert.Equal(t, code, a.code, name)
		assert.Less(t, after.TotalAlloc-before.TotalAlloc, allowed, name)
	}
	gib := packGzip(t, bytes.Repeat([]byte("A"), 300<<20))
	zib := packZstd(t, bytes.Repeat([]byte("A"), 300<<20))
	const magic = "\x28\xb5\x2f\xfd"
	warm := packZstd(t, []byte("{}"))
	r.post("/ingest/kong", warm, "Content-Encoding: zstd")

	f("gzip bomb", 128<<20, 413, gib, "gzip")
	f("zstd bomb", 128<<20, 413, zib, "zstd")
	// Nine bytes that announce a window of 512 MiB, of 8 MiB, and a single segment of 16 MiB.
	f("zstd window 512 MiB", 4<<20, 413, []byte(magic+"\x00\x98\x01\x00\x00"), "zstd")
	f("zstd window 8 MiB", 4<<20, 400, []byte(magic+"\x00\x68\x01\x00\x00"), "zstd")
	f("zstd segment 4 MiB", 2<<20, 400, []byte(magic+"\xa0\x00\x00\x40\x00\x01\x00\x00"), "zstd")
}

func TestBusyAnswers429(t *testing.T) {
	cfg := testConfig(t)
	cfg.Limits.ConcurrentRequests = 1
	entered, release := make(chan struct{}), make(chan struct{})
	next, err := consumerFunc(func(context.Context, plog.Logs) error {
		entered <- struct{}{}
		<-release
		return nil
	})
	require.NoError(t, err)
	r := startWith(t, cfg, next, componenttest.NewNopHost())
	first := make(chan answer)
	go func() { first <- r.post("/ingest/kong", kong("a", "dummy-key")) }()
	<-entered
	a := r.post("/ingest/kong", kong("b", "dummy-key"))
	assert.Equal(t, 429, a.code)
	assert.Equal(t, "1", a.header.Get("Retry-After"))
	assert.Equal(t, int64(1), r.counter("limit_hits", "limit=concurrent_requests"))
	close(release)
	assert.Equal(t, 200, (<-first).code)
}

func TestBytesInFlightAnswer429(t *testing.T) {
	cfg := testConfig(t)
	cfg.Ingest.ServerConfig.MaxRequestBodySize = 1 << 20
	cfg.Limits.InflightBytes = 1 << 20
	r := start(t, cfg)
	require.True(t, r.recv.budget.take(1<<20-8<<10), "others hold most of it")
	a := r.post("/ingest/kong", bytes.Repeat(append(kong("a", "dummy-key"), '\n'), 100))
	assert.Equal(t, 429, a.code)
	assert.Equal(t, int64(1), r.counter("limit_hits", "limit=inflight_bytes"))
	assert.Equal(t, int64(1<<20-8<<10), r.counter("inflight_bytes"))
}

func TestDownstreamRefusesTheWholeBody(t *testing.T) {
	f := func(name string, cause error, code int, retry string) {
		t.Helper()
		r := startWith(t, testConfig(t), consumertest.NewErr(cause), componenttest.NewNopHost())
		a := r.post("/ingest/kong", kong("a", "dummy-key"))
		assert.Equal(t, code, a.code, name)
		assert.Equal(t, retry, a.header.Get("Retry-After"), name)
		assert.NotContains(t, a.body, "payload", name)
		assert.Zero(t, r.counter("accepted_records"), name)
	}
	f("for now", errors.New("payload of somebody"), 503, "5")
	f("throttled", consumererror.NewOTLPHTTPError(errors.New("payload"), 429), 429, "1")
	f("for good", consumererror.NewPermanent(errors.New("payload")), 400, "")

	panics, err := consumerFunc(func(context.Context, plog.Logs) error { panic("payload") })
	require.NoError(t, err)
	r := startWith(t, testConfig(t), panics, componenttest.NewNopHost())
	a := r.post("/ingest/kong", kong("a", "dummy-key"))
	assert.Equal(t, 500, a.code)
	assert.Zero(t, r.logs.Len(), "a stack trace may hold anything")
}
