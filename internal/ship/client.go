package ship

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// Client posts bodies to one ingest URL.
type Client struct {
	URL    string // such as http://localhost:4380/ingest or …/ingest/kong
	HTTP   *http.Client
	Header http.Header // sent with each body, such as Authorization
	// Patience bounds how long one body is repeated while the collector refuses it for now or cannot be reached.
	Patience time.Duration
}

// NewHTTPClient returns a client for Client. It follows no redirect: that would lose the body, or take the
// Authorization header to a place the user did not name.
func NewHTTPClient() *http.Client {
	return &http.Client{
		Timeout:       maxExchange,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// maxExchange bounds one request with its answer: a collector that waits for a disk answers long before.
const maxExchange = time.Minute

// StatusError is an answer that a repeat would not change.
type StatusError struct {
	Status int
	Text   string
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("collector answered %d: %s", e.Status, e.Text)
}

// LaterError is a refusal for now that outlasted the patience: the collector's answer, or why it was not reached.
type LaterError struct {
	Status int // 0 where there was no answer
	Err    error
}

func (e *LaterError) Error() string {
	if e.Status != 0 {
		return fmt.Sprintf("collector refuses for now, its last answer was %d %s", e.Status, http.StatusText(e.Status))
	}
	return "collector cannot be reached: " + e.Err.Error()
}

func (e *LaterError) Unwrap() error { return e.Err }

// errRefused is what a LaterError wraps where the collector answered.
var errRefused = errors.New("refused for now")

// Bounds of one exchange.
const (
	maxAnswer  = 1 << 20 // read of an answer: a hundred record errors fit many times
	maxQuoted  = 200     // of an answer, repeated in an error
	firstPause = 100 * time.Millisecond
	maxPause   = 5 * time.Second // between two attempts, where the collector does not ask for more
)

// Send posts one body until the collector has taken it, which is safe: a repeated body repeats its event ids. Before
// the first refusal there is always an attempt.
func (c *Client) Send(ctx context.Context, body []byte) (Answer, error) {
	patience, cancel := context.WithTimeout(ctx, c.Patience)
	defer cancel()
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		a, after, err := c.post(ctx, body)
		var later *LaterError
		if !errors.As(err, &later) {
			return a, err
		}
		if !wait(patience, max(after, pause)) {
			if ctx.Err() != nil {
				return a, ctx.Err()
			}
			return a, err
		}
	}
}

// wait pauses for d, and reports whether there is patience left.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return ctx.Err() == nil
	}
}

func (c *Client) post(ctx context.Context, body []byte) (a Answer, after time.Duration, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL, bytes.NewReader(body))
	if err != nil {
		return a, 0, err
	}
	for k, v := range c.Header {
		req.Header[k] = v
	}
	req.Header.Set("Content-Type", "application/x-ndjson")
	resp, err := c.HTTP.Do(req)
	if err != nil {
		return a, 0, &LaterError{Err: err}
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	switch {
	case err != nil:
		return a, 0, &LaterError{Err: err}
	case resp.StatusCode == http.StatusOK:
		if err := json.Unmarshal(text, &a); err != nil {
			return a, 0, &StatusError{resp.StatusCode, "not an answer of api_log"}
		}
		return a, 0, nil
	case passes(resp.StatusCode):
		return a, retryAfter(resp.Header.Get("Retry-After"), time.Now()), &LaterError{resp.StatusCode, errRefused}
	}
	return a, 0, &StatusError{resp.StatusCode, string(text[:min(len(text), maxQuoted)])}
}

// passes reports whether an answer is a refusal for now: the collector's own, and those of a proxy before it.
func passes(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// retryAfter reads both forms of the header: seconds, and a date.
func retryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}
