package ownerhttp

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"time"
)

// Reason is why a load or a look-up failed; also its metric label.
type Reason string

// The reasons.
const (
	Connection   Reason = "connection"     // no answer: refused, reset, no such host
	Timeout      Reason = "timeout"        // no whole answer in time
	Canceled     Reason = "canceled"       // the caller gave up
	Certificate  Reason = "certificate"    // the server is not who it should be
	Unauthorized Reason = "unauthorized"   // 401 or 403: our credentials are wrong
	RateLimited  Reason = "rate_limited"   // 429
	ServerError  Reason = "server_error"   // 5xx
	Status       Reason = "status"         // any other status
	Redirect     Reason = "redirect"       // to another origin, or too many
	NextLink     Reason = "next_link"      // to another origin, or to a page read already
	Encoding     Reason = "encoding"       // not what was asked for, or broken
	BodyTooLarge Reason = "body_too_large" // a page, or all together
	TooManyPages Reason = "too_many_pages" //
	TooManyRows  Reason = "too_many_rows"  //
	NotJSON      Reason = "not_json"       //
	Shape        Reason = "shape"          // JSON without rows where they should be
	BadRow       Reason = "bad_row"        // a row that breaks a rule of the directory
)

// Reasons lists all reasons.
var Reasons = []Reason{
	Connection, Timeout, Canceled, Certificate, Unauthorized, RateLimited, ServerError, Status, Redirect, NextLink, Encoding,
	BodyTooLarge, TooManyPages, TooManyRows, NotJSON, Shape, BadRow,
}

// Error is a failed load or look-up. Its text holds nothing that the server wrote.
type Error struct {
	Reason Reason
	Rule   string        // what must hold, and what was found
	After  time.Duration // when to come back, where the server said it
}

func (e *Error) Error() string { return string(e.Reason) + ": " + e.Rule }

// RetryAfter is when to come back, where the server said it.
func (e *Error) RetryAfter() time.Duration { return e.After }

func failf(r Reason, rule string, args ...any) *Error {
	return &Error{Reason: r, Rule: fmt.Sprintf(rule, args...)}
}

// transportError puts an error of net/http into a reason. Their texts hold the address, parts of the answer and names
// out of the certificate, so only those of the operating system and the resolver are kept.
func transportError(err error) *Error {
	var own *Error
	var op *net.OpError
	var dns *net.DNSError
	var netErr net.Error
	switch {
	case errors.As(err, &own):
		return own
	case errors.Is(err, context.Canceled):
		return failf(Canceled, "the caller gave up")
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &netErr) && netErr.Timeout():
		return failf(Timeout, "must answer in time")
	case certificateRule(err) != "":
		return failf(Certificate, "%s", certificateRule(err))
	case errors.As(err, &dns):
		return failf(Connection, "host must resolve")
	case errors.As(err, &op) && op.Op == "dial":
		return failf(Connection, "must accept connections")
	}
	return failf(Connection, "must give a whole HTTP answer")
}

func certificateRule(err error) string {
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &authority):
		return "certificate must be signed by a trusted authority"
	case errors.As(err, &host):
		return "certificate must be for this host"
	case errors.As(err, &invalid):
		return "certificate must be valid now and for servers"
	case strings.Contains(err.Error(), "tls: "):
		return "must complete a TLS handshake"
	}
	return ""
}

// counters counts by reason, without a lock: Find runs in many workers.
type counters struct {
	requests, bytes, rows, notKnown, unchanged, skipped atomic.Int64
	failures                                            [32]atomic.Int64 // by the index in Reasons
}

func (c *counters) fail(e *Error) {
	for i, r := range Reasons {
		if r == e.Reason {
			c.failures[i].Add(1)
		}
	}
}

// Stats are counts since Open.
type Stats struct {
	Requests  int64            // sent
	Bytes     int64            // of bodies, decompressed
	Rows      int64            // given
	NotKnown  int64            // look-ups whose answer was that
	Unchanged int64            // loads that found nothing changed
	Skipped   int64            // look-ups not made: a placeholder without a value, or one unfit for an address
	Failures  map[Reason]int64 // loads and look-ups, those above zero
}

// Stats returns the counts.
func (s *Source) Stats() Stats {
	n := &s.counts
	out := Stats{
		Requests: n.requests.Load(), Bytes: n.bytes.Load(), Rows: n.rows.Load(), NotKnown: n.notKnown.Load(),
		Unchanged: n.unchanged.Load(), Skipped: n.skipped.Load(), Failures: map[Reason]int64{},
	}
	for i, r := range Reasons {
		if v := n.failures[i].Load(); v > 0 {
			out.Failures[r] = v
		}
	}
	return out
}
