package apilogreceiver

import (
	"context"
	"errors"
	"net/http"
	"time"

	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/receiver/receiverhelper"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/fingerprint"
	"github.com/keytrail/keytrail/internal/gateway"
)

// handler works on one request after the server authenticated it.
type handler struct {
	sources   *sources
	keys      *fingerprint.Keyring
	bodies    *bodyReader
	templates *templates
	limits    *Limits
	slots     chan struct{} // one for each body being worked on
	room      *room
	next      consumer.Logs
	obs       *receiverhelper.ObsReport
	meters    *meters
	answers   *answers
}

// refused stands for the next consumer's error where the error goes on to a span: its text is not ours to know free
// of what was sent. What it wraps still says whether it came from downstream.
type refused struct{ cause error }

func (*refused) Error() string   { return "the next consumer refused the body" }
func (e *refused) Unwrap() error { return e.cause }

var errInternal = errors.New("the body could not be worked on")

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	src, format, ok := h.sources.pick(routeFrom(r.Context()), subject(r.Context()))
	if !ok {
		h.answers.refuse(w, r, http.StatusForbidden, "sender_not_allowed")
		return
	}
	arrival := time.Now()
	buf, err := h.bodies.read(r)
	if err != nil {
		h.refuseBody(w, r, err)
		return
	}
	defer buf.free()
	if isMessagePack(buf.b) {
		h.refuseBody(w, r, errMessagePack)
		return
	}
	// The slot is taken once the body is here: a slow sender holds its own connection, not a place in the work.
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	default:
		h.meters.limit(limitConcurrent)
		h.answers.refuse(w, r, http.StatusTooManyRequests, "too_many_concurrent_requests")
		return
	}
	h.work(w, r, src, format, buf.b, arrival)
}

func (h *handler) refuseBody(w http.ResponseWriter, r *http.Request, err error) {
	var bad *bodyError
	if !errors.As(err, &bad) {
		bad = errRead
	}
	if bad.limit != "" {
		h.meters.limit(bad.limit)
	}
	h.answers.refuse(w, r, bad.code, bad.reason)
}

// work answers 200 only when the next consumer took every event of the body.
func (h *handler) work(w http.ResponseWriter, r *http.Request, src *source, format string, body []byte, arrival time.Time) {
	in := intakes.Get().(*intake)
	defer in.free()
	in.src, in.format, in.parser = src, format, src.parsers[format]
	in.ring, in.templates, in.limits, in.arrival = h.keys.Ring(), h.templates, h.limits, arrival
	in.budget, in.room = h.bodies.budget, h.room
	in.common = h.firehoseCommon(r)

	ctx := h.obs.StartLogsOp(cleanClient(r.Context()))
	accepted, err := h.deliver(ctx, in, body)
	h.obs.EndLogsOp(ctx, format, accepted, err)
	nameDelivery(r, in.delivery)
	if err != nil {
		h.refuseWork(w, r, err)
		return
	}
	h.meters.body(ctx, src, &in.tally)
	in.tally.report.Skipped = in.tally.skipped
	h.answers.accept(w, r, in.tally.report)
}

// deliver is the last boundary for panics: net/http would print the stack with whatever the panic holds.
func (h *handler) deliver(ctx context.Context, in *intake, body []byte) (accepted int, err error) {
	defer func() {
		if recover() != nil {
			err = errInternal
		}
	}()
	err = in.run(ctx, body, func(ld plog.Logs) error {
		if err := h.next.ConsumeLogs(event.Trusted(ctx), ld); err != nil {
			return &refused{err}
		}
		return nil
	})
	return in.tally.report.Accepted, err
}

func (h *handler) refuseWork(w http.ResponseWriter, r *http.Request, err error) {
	var split *gateway.SplitError
	var down *refused
	switch {
	case errors.As(err, &split) && split.Reason == gateway.ReasonTooManyRecords:
		h.meters.limit(limitRecords)
		h.answers.refuse(w, r, http.StatusRequestEntityTooLarge, string(split.Reason))
	case errors.As(err, &split) && split.Reason == gateway.ReasonTooLarge:
		h.meters.limit(limitOpened)
		h.answers.refuse(w, r, http.StatusRequestEntityTooLarge, string(split.Reason))
	case errors.As(err, &split) && split.Reason == gateway.ReasonInflight:
		h.refuseBody(w, r, errInflight)
	case errors.As(err, &split):
		h.answers.refuse(w, r, http.StatusBadRequest, string(split.Reason))
	case errors.As(err, &down):
		h.refuseDownstream(w, r, down.cause)
	case errors.Is(err, errRoom):
		h.refuseBody(w, r, errRoom)
	default:
		h.answers.refuse(w, r, http.StatusInternalServerError, reasonInternal)
	}
}

// refuseDownstream answers for the whole body: the event ids make it safe to send it again. What downstream calls
// permanent is not to be sent again (ADR 005).
func (h *handler) refuseDownstream(w http.ResponseWriter, r *http.Request, cause error) {
	switch {
	case consumererror.IsPermanent(cause):
		h.answers.refuse(w, r, http.StatusBadRequest, "refused_for_good") // Not Retryable
	case consumererror.ToHTTPStatus(cause) == http.StatusTooManyRequests:
		h.answers.refuse(w, r, http.StatusTooManyRequests, "refused_for_now") // Retryable
	default:
		h.answers.refuse(w, r, http.StatusServiceUnavailable, "refused_for_now") // Retryable
	}
}
