package tokenownerprocessor

import (
	"context"
	"errors"
	"sync"

	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"
)

// outlet sends the records that the processor itself makes into the pipeline behind it. Nothing leaves it once it is
// closed: what stands behind is shut down after us, and must not be called then.
type outlet struct {
	next consumer.Logs

	mu     sync.Mutex // held while a record is on its way
	closed bool
	ctx    context.Context
	stop   context.CancelFunc
}

var errClosed = errors.New("pipeline is shut down")

func newOutlet(next consumer.Logs) *outlet {
	o := &outlet{next: next}
	o.ctx, o.stop = context.WithCancel(context.Background())
	return o
}

func (o *outlet) send(ld plog.Logs) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return errClosed
	}
	return o.next.ConsumeLogs(o.ctx, ld)
}

// close ends what is on its way and refuses the rest.
func (o *outlet) close() {
	o.stop()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
}
