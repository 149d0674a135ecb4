package apilogreceiver

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/receiver/receiverhelper"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/fingerprint"
)

// Why a captured request was lost: the reasons of receiver_api_log_capture_dropped.
const (
	dropQueueFull   = "queue_full"  // it arrived while the queue was full
	dropRefused     = "refused"     // the next consumer refused it for good, or for as long as the queue held
	dropShutdown    = "shutdown"    // the receiver stopped before it could hand it on
	dropUnreadable  = "unreadable"  // its header was too large, malformed, or did not arrive in time
	dropConnections = "connections" // its connection was one too many
)

// Names of the capture server's limits in receiver_api_log_limit_hits.
const (
	limitCaptureRecords     = "capture_queue_records"
	limitCaptureBytes       = "capture_queue_bytes"
	limitCaptureConnections = "capture_connections"
	limitCaptureFields      = "capture_header_fields"
	limitCaptureBody        = "capture_body"
)

// The wait between two tries of a batch that was refused for now.
const (
	firstBackoff = 50 * time.Millisecond
	lastBackoff  = 5 * time.Second
)

// captureDrain is how long a stop waits for a next consumer that refuses. The Collector sets no limit by itself, and
// what is in the queue is at most that many seconds old where the consumer keeps up.
const captureDrain = 10 * time.Second

// captureWorker seals what the queue holds and hands it on. There is one: what the next consumer makes durable in one
// call costs one write, and a second worker would only fight for the core that answers the gateway.
type captureWorker struct {
	queue     *captureQueue
	batch     CaptureBatchConfig
	dialects  map[string]*askedBy
	src       *source
	keys      *fingerprint.Keyring
	templates *templates
	limits    *Limits
	next      consumer.Logs
	obs       *receiverhelper.ObsReport
	meters    *meters

	ctx      context.Context // of every call to the next consumer; it ends with the time to drain
	cancel   context.CancelFunc
	stopping chan struct{}
	stopOnce sync.Once
	done     chan struct{}
}

// run works until the queue is closed and empty, or given up.
func (w *captureWorker) run() {
	defer close(w.done)
	batch := make([]*captured, 0, w.batch.Records)
	for {
		batch = w.queue.next(batch, w.batch.Interval)
		if batch == nil {
			return
		}
		w.work(batch)
		clear(batch) // what was sealed is no longer needed as it was sent
	}
}

// stop lets the worker finish within captureDrain and ctx. Nothing may be put into the queue any more.
func (w *captureWorker) stop(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, captureDrain)
	defer cancel()
	w.stopOnce.Do(func() { close(w.stopping) })
	select {
	case <-w.done:
	case <-ctx.Done():
		w.cancel()
		<-w.done
	}
	w.cancel()
}

func (w *captureWorker) work(batch []*captured) {
	in := intakes.Get().(*intake)
	defer in.free()
	in.src, in.format, in.live = w.src, formatCapture, true
	in.ring, in.templates, in.limits = w.keys.Ring(), w.templates, w.limits
	ctx := w.obs.StartLogsOp(w.ctx)
	err := w.pass(ctx, in, batch)
	w.obs.EndLogsOp(ctx, formatCapture, len(batch), err)
	if err == nil {
		w.meters.body(ctx, w.src, &in.tally)
	}
}

// pass is the last boundary for panics: what is left of it after the seal is our own fault, and costs one batch.
func (w *captureWorker) pass(ctx context.Context, in *intake, batch []*captured) (err error) {
	defer func() {
		if recover() != nil {
			w.meters.captureDropped(reasonInternal, len(batch))
			err = errInternal
		}
	}()
	ld := plog.NewLogs()
	in.groups.into = ld
	for i, c := range batch {
		in.capture(i, c, w.dialects[c.capture])
	}
	return w.deliver(ctx, ld)
}

// capture is the way of one captured request. A panic costs what the gateway said of the request, not the request.
func (in *intake) capture(index int, c *captured, by *askedBy) {
	in.rec.Reset()
	in.arrival = c.arrival
	in.describe(c, by)
	in.pass(index, c.arrival, c.capture)
}

func (in *intake) describe(c *captured, by *askedBy) {
	defer func() {
		if recover() != nil {
			in.rec.Reset()
			in.rec.Attrs.Set(event.KeyFormat, event.String(formatCapture))
		}
	}()
	c.writeRecord(by, in.src.proxies, &in.rec)
}

// deliver hands the batch on. While the next consumer refuses for now, it tries again as long as the queue has room:
// after that, waiting would only trade newer requests for older ones.
func (w *captureWorker) deliver(ctx context.Context, ld plog.Logs) error {
	for wait := firstBackoff; ; wait = min(2*wait, lastBackoff) {
		err := w.consume(ctx, ld)
		if err == nil {
			return nil
		}
		switch {
		case consumererror.IsPermanent(err), w.queue.full():
			w.meters.captureDropped(dropRefused, ld.LogRecordCount())
			return &refused{err}
		case !w.wait(wait):
			w.meters.captureDropped(dropShutdown, ld.LogRecordCount())
			return &refused{err}
		}
	}
}

// consume is a boundary for panics of what comes next. A consumer that changes what it gets has a copy: what it
// refused must be as it was.
func (w *captureWorker) consume(ctx context.Context, ld plog.Logs) (err error) {
	defer func() {
		if recover() != nil {
			err = consumererror.NewPermanent(errInternal)
		}
	}()
	if w.next.Capabilities().MutatesData {
		own := plog.NewLogs()
		ld.CopyTo(own)
		ld = own
	}
	return w.next.ConsumeLogs(event.Trusted(ctx), ld)
}

// wait reports whether there is time for another try. A stop cuts it short.
func (w *captureWorker) wait(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-w.stopping:
	}
	timer.Reset(firstBackoff)
	select {
	case <-timer.C:
		return true
	case <-w.ctx.Done():
		return false
	}
}

// captureDropped counts requests that were captured and lost.
func (m *meters) captureDropped(reason string, n int) {
	m.tb.ReceiverAPILogCaptureDropped.Add(context.Background(), int64(n),
		metric.WithAttributeSet(attribute.NewSet(attribute.String("reason", reason))))
}
