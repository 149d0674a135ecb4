package bucket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
)

// The operations, as they stand in errors and in Request.Op.
const (
	opPut       = "put"
	opGet       = "get"
	opHead      = "head"
	opList      = "list"
	opDelete    = "delete"
	opVersions  = "versions"
	opHold      = "hold"
	opLock      = "lock"
	opLifecycle = "lifecycle"
)

// Request is one request that was sent to S3, for counters.
type Request struct {
	Op       string // put, get, head, list, delete, versions, hold, lock or lifecycle
	Attempt  int    // 1 for the first
	Reason   Reason // how it ended
	Again    bool   // another attempt follows
	Sent     int64  // bytes of the object, not of headers
	Received int64
	Took     time.Duration
}

type traffic struct{ sent, received int64 }

// try makes attempts until one succeeds, one fails for good, they are used up, or the caller gives up.
func (s *S3) try(ctx context.Context, op, key string, f func(ctx context.Context, attempt int) (traffic, error)) error {
	for attempt := 1; ; attempt++ {
		t, took, err := s.attempt(ctx, attempt, f)
		reason := reasonOf(ctx, err)
		again := reason.Class() == Retry && reason != Cancelled && attempt < s.config.MaxAttempts
		if s.observe != nil {
			s.observe(Request{Op: op, Attempt: attempt, Reason: reason, Again: again, Sent: t.sent, Received: t.received, Took: took})
		}
		if err == nil {
			return nil
		}
		failure := &Failure{Op: op, Key: key, Reason: reason, Err: said(err)}
		if !again {
			return failure
		}
		wait := time.NewTimer(s.backoff(attempt))
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
			return failure
		}
	}
}

func (s *S3) attempt(ctx context.Context, n int, f func(context.Context, int) (traffic, error)) (traffic, time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	start := time.Now()
	t, err := f(ctx, n)
	return t, time.Since(start), err
}

// The waits between attempts double from the first to the longest. Half of each is chance, so that many collectors that
// were refused together do not come back together.
const (
	firstWait   = 200 * time.Millisecond
	longestWait = 5 * time.Second
)

func backoff(attempt int) time.Duration {
	wait := min(firstWait<<min(attempt-1, 10), longestWait)
	return wait/2 + rand.N(wait/2)
}

// What an answer can be besides an error of the store.
var (
	errCut           = errors.New("the answer ended early")
	errIgnoresRanges = errors.New("the store answers a range with the whole object")
)

// outside is the reason of a range beyond the end. It never reaches a caller: GetRange turns it into an answer.
const outside Reason = "outside"

// reasonOf reads an error of the client. Where the caller's own context ended, that is the reason, whatever the client
// makes of it.
func reasonOf(ctx context.Context, err error) Reason {
	var network net.Error
	var s3 minio.ErrorResponse
	switch {
	case err == nil:
		return OK
	case ctx.Err() != nil:
		return Cancelled
	case errors.As(err, &s3) && s3.StatusCode != 0:
		return answered(s3)
	case errors.Is(err, errIgnoresRanges):
		return Unsupported
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return Timeout
	case errors.As(err, &s3):
		return Invalid // the client refused to send it
	case errors.As(err, new(*url.Error)), errors.Is(err, errCut), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return Connection
	}
	return ServerError // it answered, and nobody can read what
}

// answered reads what the store said: the code where it is told apart, else the status.
func answered(e minio.ErrorResponse) Reason {
	switch e.Code {
	case minio.NoSuchBucket:
		return NoBucket
	case "SlowDown", "SlowDownRead", "SlowDownWrite", "Throttling", "ThrottlingException", "RequestLimitExceeded", "RequestThrottled":
		return SlowDown
	case "RequestTimeout":
		return Timeout
	case "ExpiredToken", "ExpiredTokenException":
		return ServerError // the next attempt fetches new credentials
	case "RequestTimeTooSkewed", "RequestExpired":
		return ClockSkew // a signature is good for a quarter of an hour by the store's clock
	}
	switch e.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		return Refused
	case http.StatusNotFound:
		return NotFound
	case http.StatusRequestTimeout:
		return Timeout
	case http.StatusConflict:
		return Conflict
	case http.StatusPreconditionFailed:
		return Exists
	case http.StatusRequestedRangeNotSatisfiable:
		return outside
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return SlowDown
	case http.StatusNotImplemented:
		return Unsupported
	}
	if e.StatusCode >= http.StatusInternalServerError {
		return ServerError
	}
	return Invalid
}

// said cuts an error to what is worth telling: the store's own sentence can repeat names of keys and accounts, and the
// client's repeats the URL.
func said(err error) error {
	var s3 minio.ErrorResponse
	var u *url.Error
	switch {
	case errors.As(err, &s3) && s3.StatusCode != 0 && isCode(s3.Code):
		return fmt.Errorf("status %d %s", s3.StatusCode, s3.Code)
	case errors.As(err, &s3) && s3.StatusCode != 0:
		return fmt.Errorf("status %d", s3.StatusCode)
	case errors.As(err, &u):
		return u.Err
	}
	return err
}

// maxCode is longer than any code of S3. What a proxy answers instead may be anything.
const maxCode = 64

func isCode(s string) bool {
	return s != "" && len(s) <= maxCode && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9')
	})
}
