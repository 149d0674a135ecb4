package bucket

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"
)

// Class says what a failed call asks of the caller.
type Class string

// The classes of an error.
const (
	Retry     Class = "retry"     // the store was busy, broken or out of reach: the same call may succeed later
	Permanent Class = "permanent" // the same call will fail again
	Denied    Class = "denied"    // as Permanent, and a matter of credentials or permissions
)

// Reason says in one word of a closed set how a request ended. It is meant to label a counter.
type Reason string

// The reasons.
const (
	OK          Reason = "ok"
	Exists      Reason = "exists"
	NotFound    Reason = "not_found"
	Changed     Reason = "changed"
	Locked      Reason = "locked"
	Conflict    Reason = "conflict"     // another request on the same key was under way
	SlowDown    Reason = "slow_down"    // the store asks for fewer requests
	ServerError Reason = "server_error" // the store broke
	Timeout     Reason = "timeout"
	Connection  Reason = "connection" // refused, reset, cut in the middle of an answer
	Refused     Reason = "denied"     // credentials or permissions
	ClockSkew   Reason = "clock_skew" // the store holds our clock, or its own, for wrong
	NoBucket    Reason = "no_bucket"
	Unsupported Reason = "unsupported" // the store lacks what was asked
	Invalid     Reason = "invalid"     // anything else the store holds against the request
	Cancelled   Reason = "cancelled"   // the caller gave up
)

// Class returns what the reason asks of the caller.
func (r Reason) Class() Class {
	switch r {
	case Conflict, SlowDown, ServerError, Timeout, Connection, Cancelled:
		return Retry
	case Refused, ClockSkew:
		return Denied
	}
	return Permanent
}

// sentinel returns the error that callers ask for with errors.Is.
func (r Reason) sentinel() error {
	switch r {
	case Exists:
		return ErrExists
	case NotFound:
		return ErrNotFound
	case Changed:
		return ErrChanged
	case Locked:
		return ErrLocked
	case Unsupported:
		return errors.ErrUnsupported
	}
	return nil
}

// Failure is a call to a store that failed.
type Failure struct {
	Op     string
	Key    string
	Reason Reason
	Err    error // what the store or the network said; nil where Reason says it all
}

func (f *Failure) Error() string {
	what := string(f.Reason)
	if s := f.Reason.sentinel(); s != nil {
		what = s.Error()
	}
	if f.Err == nil {
		return fmt.Sprintf("%s %s: %s", f.Op, f.Key, what)
	}
	return fmt.Sprintf("%s %s: %s: %v", f.Op, f.Key, what, f.Err)
}

// Unwrap returns the error that the reason stands for and the one behind it.
func (f *Failure) Unwrap() []error {
	var all []error
	for _, err := range []error{f.Reason.sentinel(), f.Err} {
		if err != nil {
			all = append(all, err)
		}
	}
	return all
}

// ClassOf classifies an error of a Bucket. An error that no store gave is Permanent.
func ClassOf(err error) Class {
	if f, ok := errors.AsType[*Failure](err); ok {
		return f.Reason.Class()
	}
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return Retry
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), errors.Is(err, syscall.EIO),
		errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE), errors.Is(err, syscall.ESTALE):
		return Retry // a disk that is full or broken is mended or freed, and the data is still wanted
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return Denied
	}
	return Permanent
}

// IsRetryable reports whether the same call may succeed later.
func IsRetryable(err error) bool { return err != nil && ClassOf(err) == Retry }
