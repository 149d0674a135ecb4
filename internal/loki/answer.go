package loki

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// outcome is what an answer means for the request.
type outcome int

const (
	delivered outcome = iota
	partial
	split
	blocked
	busy
	unavailable
	misconfigured
)

// mendingPause is the least time before an attempt that a person must make succeed.
const mendingPause = time.Minute

// maxAnswerBytes bounds what is read of an answer. Loki lists each refused entry in some 200 bytes.
const maxAnswerBytes = 1 << 20

// maxQuoted bounds what of an answer gets into an error.
const maxQuoted = 120

// answer is Loki's to one request.
type answer struct {
	status int
	text   string
	after  time.Duration
}

func (a answer) outcome() outcome {
	switch {
	case a.status == http.StatusNoContent:
		return delivered
	case a.status/100 == 2:
		// Loki says 204 and nothing else when it took a request. Its operator may have it answer any other status
		// while ingestion is blocked, and 260 is the one its documentation names.
		return blocked
	case a.status == http.StatusBadRequest && refusesAll.MatchString(a.text):
		return misconfigured
	case a.status == http.StatusBadRequest:
		return partial
	case a.status == http.StatusRequestEntityTooLarge:
		return split
	case a.status == http.StatusTooManyRequests:
		return busy
	case a.status >= 500, a.status == http.StatusRequestTimeout:
		return unavailable
	}
	return misconfigured
}

func (a answer) failure(c Cause) *PushError {
	return &PushError{Cause: c, Status: a.status, Answer: strings.ToValidUTF8(a.text[:min(len(a.text), maxQuoted)], "")}
}

// post sends one body. An error without an answer is a *PushError, unless the context ended.
func (c *Client) post(ctx context.Context, tenant string, body []byte) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.config.Endpoint+"/loki/api/v1/push", bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	return c.do(req, tenant)
}

func (c *Client) do(req *http.Request, tenant string) (answer, error) {
	a, _, err := c.exchange(req, tenant, maxAnswerBytes)
	return a, err
}

func (c *Client) exchange(req *http.Request, tenant string, limit int64) (answer, http.Header, error) {
	if tenant != "" {
		req.Header.Set(tenantHeader, tenant)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		if ctx := req.Context(); ctx.Err() != nil {
			return answer{}, nil, ctx.Err()
		}
		return answer{}, nil, &PushError{Cause: CauseUnavailable, Err: plain(err)}
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, limit))
	if err != nil && resp.StatusCode/100 == 2 && resp.StatusCode != http.StatusNoContent {
		return answer{}, nil, &PushError{Cause: CauseUnavailable, Status: resp.StatusCode, Err: plain(err)}
	}
	return answer{resp.StatusCode, strings.TrimSpace(string(b)), retryAfter(resp.Header.Get("Retry-After"), c.now())}, resp.Header, nil
}

// plain takes the address out of an error: it stands in the configuration, where it may carry more than a host.
func plain(err error) error {
	var u interface{ Unwrap() error }
	if errors.As(err, &u) && u.Unwrap() != nil {
		return u.Unwrap()
	}
	return err
}

// maxRetryAfter bounds how long an answer can make the trail wait: whoever stands between may say anything.
const maxRetryAfter = 10 * time.Minute

func retryAfter(value string, now time.Time) time.Duration {
	var d time.Duration
	if s, err := strconv.Atoi(value); err == nil {
		d = time.Duration(min(s, int(maxRetryAfter/time.Second))) * time.Second
	} else if t, err := http.ParseTime(value); err == nil {
		d = t.Sub(now)
	}
	return min(max(d, 0), maxRetryAfter)
}

// The sentences of Loki's refusals (pkg/validation/validate.go, pkg/chunkenc/interface.go and pkg/ingester/stream.go of
// v3.7). A label of ours has none of the characters that these expressions turn on.
var (
	// refusesAll is said to every entry alike until somebody changes Loki's configuration.
	refusesAll = regexp.MustCompile(`limits_config\.allow_structured_metadata|missing required labels '|at least one label pair is required`)
	// byDistributor is said of single entries, alike ones together: "3 errors like: entry for stream …".
	byDistributor = regexp.MustCompile(`(?:(\d+) errors like: )?(?:(entry for stream '[^']*' has timestamp too old)|(entry for stream '[^']*' has timestamp too new)|` +
		`(max entry size '\d+' bytes exceeded|stream '[^']*' has structured metadata too large|stream '[^']*' has too many structured metadata labels))`)
	// byIngester sums up one stream and says nothing of the others.
	byIngester = regexp.MustCompile(`total ignored: (\d+) out of \d+ for stream`)
)

// refusals reads a 400. known says that the counts are of the whole request and not of one of its streams.
func refusals(text string) (refused map[Reason]int, known bool) {
	refused = make(map[Reason]int)
	if m := byIngester.FindStringSubmatch(text); m != nil {
		n, _ := strconv.Atoi(m[1])
		refused[ReasonTooOld] = n
		return refused, false
	}
	for _, m := range byDistributor.FindAllStringSubmatch(text, -1) {
		n := 1
		if m[1] != "" {
			n, _ = strconv.Atoi(m[1])
		}
		switch {
		case m[2] != "":
			refused[ReasonTooOld] += n
		case m[3] != "":
			refused[ReasonTooNew] += n
		default:
			refused[ReasonTooLarge] += n
		}
	}
	return refused, len(refused) > 0 && len(text) < maxAnswerBytes
}
