package apilogreceiver

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"golang.org/x/sync/semaphore"

	"github.com/keytrail/keytrail/internal/gateway"
)

// Limits bounds what the receiver holds. Each limit that bites is counted under its name in
// receiver_api_log_limit_hits.
type Limits struct {
	// MaxRecords is how many records one body may hold. A body of the largest size holds far fewer real records;
	// only one made of near-empty records reaches it, and each record costs more memory than its text. Beyond: 413.
	MaxRecords int `mapstructure:"max_records"`

	// MaxRecordBytes is the size of one record. Larger than any header block a gateway lets through; a larger
	// record is rejected by itself.
	MaxRecordBytes int `mapstructure:"max_record_bytes"`

	// ConcurrentRequests is how many bodies are worked on at once. Enough for every sender of a group commit,
	// few enough that the memory of all of them stays small. Beyond: 429.
	ConcurrentRequests int `mapstructure:"concurrent_requests"`

	// InflightBytes bounds the decoded bodies in memory together. Beyond: 429.
	InflightBytes int64 `mapstructure:"inflight_bytes"`

	// EventBytes bounds the memory that events take from their text until the next consumer has them, all pipelines
	// included. A body beyond it waits its turn.
	EventBytes int64 `mapstructure:"event_bytes"`

	// TemplatesPerService is how many URL templates are learned of one service. An API that has more names its
	// routes; beyond it, a new template is not learned.
	TemplatesPerService int `mapstructure:"templates_per_service"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// Names of limits in the counter; those a user can set are named as in the configuration.
const (
	limitBody       = "max_request_body_size"
	limitRecords    = "max_records"
	limitRecord     = "max_record_bytes"
	limitConcurrent = "concurrent_requests"
	limitInflight   = "inflight_bytes"
	limitEvents     = "event_bytes"
	limitTemplates  = "templates_per_service"
	limitServices   = "template_services"
	limitWindow     = "zstd_window"
	limitOpened     = "opened_bytes"

	limitReadTimeout = "read_timeout"
	limitCommon      = "firehose_common_attributes"
)

func newDefaultLimits() Limits {
	return Limits{
		MaxRecords:          50_000,
		MaxRecordBytes:      gateway.MaxRecordBytes,
		ConcurrentRequests:  128,
		InflightBytes:       64 << 20,
		EventBytes:          32 << 20,
		TemplatesPerService: 500,
	}
}

// Validate refuses limits that would refuse everything.
func (l *Limits) Validate() error {
	var errs []error
	positive := func(key string, n int64) {
		if n <= 0 {
			errs = append(errs, fmt.Errorf("`%s` must be positive, found %d", key, n))
		}
	}
	positive(limitRecords, int64(l.MaxRecords))
	positive(limitRecord, int64(l.MaxRecordBytes))
	positive(limitConcurrent, int64(l.ConcurrentRequests))
	positive(limitInflight, l.InflightBytes)
	positive(limitEvents, l.EventBytes)
	positive(limitTemplates, int64(l.TemplatesPerService))
	if l.MaxRecordBytes > gateway.MaxRecordBytes {
		errs = append(errs, fmt.Errorf("`%s` must not exceed %d, found %d", limitRecord, gateway.MaxRecordBytes, l.MaxRecordBytes))
	}
	return errors.Join(errs...)
}

// budget counts bytes in use against a maximum.
type budget struct {
	max  int64
	used atomic.Int64
}

// take reserves n bytes, or nothing and reports false. Two that race past the maximum both step back, so the sum
// held never exceeds it.
func (b *budget) take(n int64) bool {
	if b.used.Add(n) > b.max {
		b.used.Add(-n)
		return false
	}
	return true
}

func (b *budget) give(n int64) { b.used.Add(-n) }

// eventsPerText is how many times the size of its text an event takes while it is made, sealed, linked to its owner and
// made durable: measured with Kong's records in the pipelines of the quickstart, which hold each event in several
// forms at a time.
const eventsPerText = 14

// room is the memory of events. Who finds it full waits in order of arrival: the memory is free again as soon as the
// next consumer has what others brought, so to wait is cheaper for both sides than to send again.
type room struct {
	max  int64
	held *semaphore.Weighted
}

func newRoom(max int64) *room { return &room{max: max, held: semaphore.NewWeighted(max)} }

// take waits for the memory of the events of so many bytes of text; done gives it back. A part that is larger than
// all the room has it to itself.
func (r *room) take(ctx context.Context, text int) (done func(), err error) {
	n := min(int64(text)*eventsPerText, r.max)
	if err := r.held.Acquire(ctx, n); err != nil {
		return nil, errRoom // the sender went away, or its time is over
	}
	return func() { r.held.Release(n) }, nil
}
