//go:build scenario

package scenarios

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/testbed/harness"
)

const (
	// headerPatience and bodyPatience replace the defaults of 20 s and 30 s, so that a test sees them run out.
	headerPatience = 2 * time.Second
	bodyPatience   = 4 * time.Second
	answerWithin   = 20 * time.Second

	loris = 300
)

// hostileConnections say what no HTTP client would, or say it many times at once.
var hostileConnections = []struct {
	name   string
	attack func(t *testing.T, at target)
}{
	{"a chunked body without an end", endlessBody},
	{"a Content-Length of 1 EiB and nothing behind it", raw("POST /ingest/kong HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1152921504606846976\r\n\r\n", 400, 408, 413, 0)},
	{"a Content-Length beyond the body", raw("POST /ingest/kong HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500\r\n\r\n{\"request\":{", 400, 408, 0)},
	{"a Content-Length short of the body", raw("POST /ingest/kong HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}{\"request\":{}}\r\n\r\n", 200)},
	{"two Content-Lengths", raw("POST /ingest/kong HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400)},
	{"a length and chunks", raw("POST /ingest/kong HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n", 400)},
	{"no Host", raw("POST /ingest/kong HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}", 400)},
	{"the Host of a page that rebound its name", raw("POST /ingest/kong HTTP/1.1\r\nHost: rebound.evil.example\r\nContent-Length: 2\r\n\r\n{}", 421)},
	{"two Hosts", raw("POST /ingest/kong HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nContent-Length: 2\r\n\r\n{}", 400)},
	{"a path with dots", raw("POST /ingest/../../etc/passwd HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}", 404)},
	{"an absolute target elsewhere", raw("POST http://evil.example/ingest/kong HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}", 421)},
	{"GET", raw("GET /ingest/kong HTTP/1.1\r\nHost: localhost\r\n\r\n", 405)},
	{"TRACE", raw("TRACE /ingest/kong HTTP/1.1\r\nHost: localhost\r\n\r\n", 405)},
	{"a method of 60 KiB", raw(strings.Repeat("A", 60<<10)+" /ingest/kong HTTP/1.1\r\nHost: localhost\r\n\r\n", 400, 405, 431)},
	{"CONNECT", raw("CONNECT evil.example:443 HTTP/1.1\r\nHost: localhost\r\n\r\n", 404, 405, 421)},
	{"HTTP/2 without TLS", raw("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, 404, 405, 421, 505)},
	{"TLS to a port without it", raw("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, 0)},
	{"10,000 headers", manyRequestHeaders},
	{"300 slow headers and 300 slow bodies", slowLoris},
}

// raw sends text as it stands, and the token in no header of it: the request is nothing but its own fault.
func raw(text string, statuses ...int) func(*testing.T, target) {
	return func(t *testing.T, _ target) {
		answer := harness.Raw(t, ingestAddress, answerWithin, func(w io.Writer) error {
			_, err := io.WriteString(w, text)
			return err
		})
		require.Contains(t, statuses, answer.Status, answer.Body)
	}
}

func endlessBody(t *testing.T, at target) {
	counter := []string{limitHits, "limit", "max_request_body_size"}
	before := at.count(t, counter)
	chunk := fmt.Sprintf("%x\r\n%s\r\n", mib, strings.Repeat("[", mib))
	sent := 0
	answer := harness.Raw(t, ingestAddress, answerWithin, func(w io.Writer) error {
		_, err := io.WriteString(w, "POST /ingest/kong HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
		for err == nil && sent < gib {
			_, err = io.WriteString(w, chunk)
			sent += mib
		}
		return err
	})
	require.Equal(t, http.StatusRequestEntityTooLarge, answer.Status)
	require.Greater(t, at.count(t, counter), before)
}

func manyRequestHeaders(t *testing.T, at target) {
	var b strings.Builder
	b.WriteString("POST /ingest/kong HTTP/1.1\r\nHost: localhost\r\n")
	for i := range 10_000 {
		fmt.Fprintf(&b, "X-%d: %s\r\n", i, at.canary)
	}
	b.WriteString("Content-Length: 2\r\n\r\n{}")
	answer := harness.Raw(t, ingestAddress, answerWithin, func(w io.Writer) error {
		_, err := io.WriteString(w, b.String())
		return err
	})
	require.Equal(t, http.StatusRequestHeaderFieldsTooLarge, answer.Status)
	harness.NoLeak(t, "the answer", answer.Body, at.canary)
}

// slowLoris holds connections that trickle, half of them their header, half of them their body. Ordinary senders are
// served meanwhile, and the server hangs up in the end.
func slowLoris(t *testing.T, at target) {
	ctx, cancel := context.WithTimeout(t.Context(), answerWithin)
	defer cancel()
	var wg sync.WaitGroup
	ended := make([]bool, 2*loris)
	for i := range ended {
		start := "POST /ingest/kong HTTP/1.1\r\nHost: localhost\r\n"
		if i%2 == 1 {
			start += "Content-Length: 1000000\r\n\r\n"
		}
		wg.Go(func() { ended[i] = trickle(ctx, start) })
	}
	at.ordinary(t, "beside slow senders")
	wg.Wait()
	left := 0
	for _, e := range ended {
		if !e {
			left++
		}
	}
	require.Zero(t, left, "slow connections that the server still holds after %s", answerWithin)
}

// trickle sends a letter now and then and reports whether the server hung up.
func trickle(ctx context.Context, start string) bool {
	conn, err := net.Dial("tcp", ingestAddress)
	if err != nil {
		return true
	}
	defer conn.Close()
	text := start
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := io.WriteString(conn, text); err != nil {
			return true
		}
		text = "x"
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
}
