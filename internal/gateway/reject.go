package gateway

import "fmt"

// Reason says why a record, or a whole body, was not taken. The set is closed: it is the label of a counter.
type Reason string

// Reasons to reject one record.
const (
	ReasonEmpty         Reason = "empty"          // nothing but white space
	ReasonMalformedJSON Reason = "malformed_json" // a JSON object that cannot be read, even with repairs
	ReasonNotAnObject   Reason = "not_an_object"  // JSON, but not an object
	ReasonTooLarge      Reason = "too_large"      // over MaxRecordBytes
	ReasonTooDeep       Reason = "too_deep"       // nested deeper than MaxDepth
	ReasonTooManyFields Reason = "too_many_fields"
	ReasonUnknownFormat Reason = "unknown_format" // no format recognises it
	ReasonMissingFields Reason = "missing_fields" // it names no request: no method, path, route, status or header
	ReasonUndecodable   Reason = "undecodable"    // a carrier's base64 or gzip that does not decode
	ReasonNotARequest   Reason = "not_a_request"  // a known format's record of something else than an API request
)

// Reasons to refuse a whole body.
const (
	ReasonNoRecords      Reason = "no_records"
	ReasonBinary         Reason = "binary"
	ReasonTooManyRecords Reason = "too_many_records"
	ReasonInflight       Reason = "too_many_bytes_in_flight" // the contents of its carriers find no room now
)

// Reasons lists every reason, for the counters that are created at 0.
func Reasons() []Reason {
	return []Reason{
		ReasonEmpty, ReasonMalformedJSON, ReasonNotAnObject, ReasonTooLarge, ReasonTooDeep, ReasonTooManyFields,
		ReasonUnknownFormat, ReasonMissingFields, ReasonUndecodable, ReasonNotARequest, ReasonNoRecords, ReasonBinary, ReasonTooManyRecords,
		ReasonInflight,
	}
}

// Limits of one body and one record. What lies beyond is rejected under the reason named beside it.
const (
	// MaxRecordBytes is far above any header block a gateway accepts (nginx: 32 KiB, Kong: 64 KiB, Envoy: 96 KiB),
	// escaped six-fold; above it the record is too_large.
	MaxRecordBytes = 1 << 20
	// MaxDepth is five times the deepest record we know (Kong's, six levels); above it the record is too_deep. It
	// also bounds how often the splitter reads a byte again.
	MaxDepth = 32
	// MaxFields bounds the memory one parsed record takes; a request line of 64 KiB cannot hold as many parameters.
	MaxFields = 1 << 16
	// MaxRecords is how many records Split takes from one body when the caller sets no limit of its own.
	MaxRecords = 100_000
)

// RejectError says why one record was not taken. It never holds any of the record.
type RejectError struct{ Reason Reason }

func (e *RejectError) Error() string { return "record rejected: " + string(e.Reason) }

func reject(r Reason) error { return &RejectError{Reason: r} }

// SplitError says why a body could not be cut into records.
type SplitError struct {
	Reason Reason
	Limit  int // of records, with ReasonTooManyRecords
}

func (e *SplitError) Error() string {
	if e.Reason == ReasonTooManyRecords {
		return fmt.Sprintf("body refused: %s, limit %d", e.Reason, e.Limit)
	}
	return "body refused: " + string(e.Reason)
}
