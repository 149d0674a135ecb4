package ownerhttp

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
)

// answer is one response that says something: 200, 304, or "no such token".
type answer struct {
	status int
	body   []byte
	etag   string
	next   string   // address in the Link header, "" if none
	from   *url.URL // after redirects: what a relative address is relative to
}

// get asks once. etag, where known, lets the server answer 304.
func (s *Source) get(ctx context.Context, u *url.URL, etag string, limit int) (*answer, error) {
	ctx, cancel := context.WithTimeout(ctx, s.c.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, failf(Connection, "address must be a URL")
	}
	req.Header.Set("Accept", "application/json")
	// Asked for by name, so that whatever the client's transport does, the body is decompressed here, under the limit.
	req.Header.Set("Accept-Encoding", "gzip")
	if etag != "" {
		req.Header.Set("If-None-Match", etag)
	}
	s.counts.requests.Add(1)
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, transportError(err)
	}
	defer resp.Body.Close()
	a := &answer{
		status: resp.StatusCode,
		etag:   resp.Header.Get("ETag"),
		next:   nextLink(resp.Header.Values("Link")),
		from:   resp.Request.URL,
	}
	if resp.StatusCode != http.StatusOK {
		return a, statusError(resp)
	}
	a.body, err = readBody(resp, limit)
	s.counts.bytes.Add(int64(len(a.body)))
	if ctx.Err() != nil { // a server that sees the connection close may end its body as if it were whole
		return nil, transportError(ctx.Err())
	}
	return a, err
}

// statusError is nil for the statuses that callers know what to do with.
func statusError(resp *http.Response) error {
	code := resp.StatusCode
	e := failf(Status, "status must be 200, found %d", code)
	switch {
	case code == http.StatusNotModified, code == http.StatusNotFound, code == http.StatusGone, code == http.StatusNoContent:
		return nil
	case code == http.StatusUnauthorized, code == http.StatusForbidden:
		e.Reason = Unauthorized
	case code == http.StatusTooManyRequests:
		e.Reason = RateLimited
	case code >= 500:
		e.Reason = ServerError
	}
	e.After = parseRetryAfter(resp.Header.Get("Retry-After"), time.Now())
	return e
}

// parseRetryAfter reads both forms, seconds and a date; what is neither, or past, is zero.
func parseRetryAfter(s string, now time.Time) time.Duration {
	if n, err := strconv.Atoi(s); err == nil {
		return time.Duration(max(0, min(n, int(24*time.Hour/time.Second)))) * time.Second
	}
	if t, err := http.ParseTime(s); err == nil {
		return max(0, min(t.Sub(now), 24*time.Hour))
	}
	return 0
}

func readBody(resp *http.Response, limit int) ([]byte, error) {
	var r io.Reader = resp.Body
	switch strings.ToLower(resp.Header.Get("Content-Encoding")) {
	case "", "identity":
	case "gzip":
		zr, err := gzip.NewReader(resp.Body)
		if err != nil {
			return nil, bodyError(err)
		}
		defer func() { _ = zr.Close() }() // what it would tell, the reads told
		r = zr
	default:
		return nil, failf(Encoding, "content encoding must be gzip or none")
	}
	var b bytes.Buffer
	if n := resp.ContentLength; n > 0 && n <= int64(limit) {
		b.Grow(int(min(n, 1<<20)) + bytes.MinRead) // the header's word is good for no more than this
	}
	if _, err := b.ReadFrom(io.LimitReader(r, int64(limit)+1)); err != nil {
		return nil, bodyError(err)
	}
	if b.Len() > limit {
		return nil, failf(BodyTooLarge, "body must have at most %d bytes", limit)
	}
	return b.Bytes(), nil
}

func bodyError(err error) error {
	if errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum) {
		return failf(Encoding, "body must be gzip as its header says")
	}
	e := transportError(err)
	if e.Reason == Connection {
		e.Rule = "body must be whole"
	}
	return e
}

// stayThere keeps redirects on the origin: the client may add credentials to every request.
func stayThere(req *http.Request, via []*http.Request) error {
	if !sameOrigin(req.URL, via[0].URL) {
		return failf(Redirect, "must stay on the origin")
	}
	if len(via) > maxRedirects {
		return failf(Redirect, "must redirect at most %d times", maxRedirects)
	}
	return nil
}

func sameOrigin(a, b *url.URL) bool {
	return a.User == nil && strings.EqualFold(a.Scheme, b.Scheme) && strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b)
}

func port(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	if strings.EqualFold(u.Scheme, "https") {
		return "443"
	}
	return "80"
}
