package loki

import (
	"fmt"
	"time"
)

// Reason says why Loki will never hold an entry. The set is closed: it labels a counter.
type Reason string

// The reasons.
const (
	ReasonTooOld   Reason = "loki_too_old"   // behind the newest entry of its stream, or older than Loki takes
	ReasonTooNew   Reason = "loki_too_new"   // Loki's clock is behind ours
	ReasonTooLarge Reason = "loki_too_large" // line, metadata or body beyond a limit of Loki
	ReasonBlocked  Reason = "loki_blocked"   // its operator has closed Loki to this tenant for a while
	ReasonInvalid  Reason = "loki_invalid"   // any other refusal of single entries
)

// Reasons lists the closed set.
func Reasons() []Reason {
	return []Reason{ReasonTooOld, ReasonTooNew, ReasonTooLarge, ReasonBlocked, ReasonInvalid}
}

// Result is what became of the entries of a Push.
type Result struct {
	// Settled counts the leading entries that need no further attempt: each was delivered or rejected.
	Settled   int
	Delivered int
	Rejected  map[Reason]int
	Cut       int // fields left out of the settled entries' metadata
	Overflow  int // settled entries that stand under the service "other", since the cap on streams was reached
	// Unchecked counts entries that may stand in Loki and are sent again all the same, since it did not say.
	Unchecked int
	// Retry says that what lies beyond Settled is to be sent again, not before After has passed.
	Retry bool
	After time.Duration
}

func (r *Result) reject(reason Reason, n int) {
	if n == 0 {
		return
	}
	if r.Rejected == nil {
		r.Rejected = make(map[Reason]int)
	}
	r.Rejected[reason] += n
}

// Cause says of what kind an attempt failed that is to be repeated. The set is closed.
type Cause string

// The causes.
const (
	CauseBusy          Cause = "busy"          // 429: a limit on rate or streams
	CauseUnavailable   Cause = "unavailable"   // 5xx, or no answer
	CauseMisconfigured Cause = "misconfigured" // a person must mend something: address, credentials, tenant
)

// PushError is why entries are to be sent again.
type PushError struct {
	Cause  Cause
	Status int    // 0 without an answer
	Answer string // what Loki said, cut
	Err    error  // without an answer
}

func (e *PushError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("loki %s: %v", e.Cause, e.Err)
	}
	return fmt.Sprintf("loki %s: status %d: %q", e.Cause, e.Status, e.Answer)
}

func (e *PushError) Unwrap() error { return e.Err }
