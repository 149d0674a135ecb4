package apilogreceiver

import (
	"context"
	"errors"
	"net/http"
	"time"

	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
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
		h.answers.refuse(w, http.StatusForbidden, "sender_not_allowed")
		return
	}
	arrival := time.Now()
	buf, err := h.bodies.read(r)
	if err != nil {
		h.refuseBody(w, err)
		return
	}
	defer buf.free()
	if isMessagePack(buf.b) {
		h.refuseBody(w, errMessagePack)
		return
	}
	// The slot is taken once the body is here: a slow sender holds its own connection, not a place in the work.
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	default:
		h.meters.limit(limitConcurrent)
		h.answers.refuse(w, http.StatusTooManyRequests, "too_many_concurrent_requests")
		return
	}
	h.work(w, r, src, format, buf.b, arrival)
}

func (h *handler) refuseBody(w http.ResponseWriter, err error) {
	var bad *bodyError
	if !errors.As(err, &bad) {
		bad = errRead
	}
	if bad.limit != "" {
		h.meters.limit(bad.limit)
	}
	h.answers.refuse(w, bad.code, bad.reason)
}

// work answers 200 only when the next consumer took every event of the body.
func (h *handler) work(w http.ResponseWriter, r *http.Request, src *source, format string, body []byte, arrival time.Time) {
	in := intakes.Get().(*intake)
	defer in.free()
	in.src, in.format, in.parser = src, format, src.parsers[format]
	in.ring, in.templates, in.limits, in.arrival = h.keys.Ring(), h.templates, h.limits, arrival

	ctx := h.obs.StartLogsOp(cleanClient(r.Context()))
	accepted, err := h.deliver(ctx, in, body)
	h.obs.EndLogsOp(ctx, format, accepted, err)
	if err != nil {
		h.refuseWork(w, err)
		return
	}
	h.meters.body(ctx, src.labels, &in.tally)
	in.tally.report.Skipped = in.tally.skipped
	h.answers.accept(w, in.tally.report)
}

// deliver is the last boundary for panics: net/http would print the stack with whatever the panic holds.
func (h *handler) deliver(ctx context.Context, in *intake, body []byte) (accepted int, err error) {
	defer func() {
		if recover() != nil {
			err = errInternal
		}
	}()
	ld, err := in.run(body)
	if err != nil {
		return 0, err
	}
	accepted = in.tally.report.Accepted
	if accepted == 0 {
		return 0, nil
	}
	if err := h.next.ConsumeLogs(event.Trusted(ctx), ld); err != nil {
		return accepted, &refused{err}
	}
	return accepted, nil
}

func (h *handler) refuseWork(w http.ResponseWriter, err error) {
	var split *gateway.SplitError
	var down *refused
	switch {
	case errors.As(err, &split) && split.Reason == gateway.ReasonTooManyRecords:
		h.meters.limit(limitRecords)
		h.answers.refuse(w, http.StatusRequestEntityTooLarge, string(split.Reason))
	case errors.As(err, &split) && split.Reason == gateway.ReasonTooLarge:
		h.meters.limit(limitOpened)
		h.answers.refuse(w, http.StatusRequestEntityTooLarge, string(split.Reason))
	case errors.As(err, &split):
		h.answers.refuse(w, http.StatusBadRequest, string(split.Reason))
	case errors.As(err, &down):
		h.refuseDownstream(w, down.cause)
	default:
		h.answers.refuse(w, http.StatusInternalServerError, reasonInternal)
	}
}

// refuseDownstream answers for the whole body: the event ids make it safe to send it again. What downstream calls
// permanent is not to be sent again (ADR 005).
func (h *handler) refuseDownstream(w http.ResponseWriter, cause error) {
	switch {
	case consumererror.IsPermanent(cause):
		h.answers.refuse(w, http.StatusBadRequest, "refused_for_good") // Not Retryable
	case consumererror.ToHTTPStatus(cause) == http.StatusTooManyRequests:
		h.answers.refuse(w, http.StatusTooManyRequests, "refused_for_now") // Retryable
	default:
		h.answers.refuse(w, http.StatusServiceUnavailable, "refused_for_now") // Retryable
	}
}
