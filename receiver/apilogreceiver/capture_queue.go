package apilogreceiver

import (
	"sync"
	"time"
)

// captureQueue lies between the handlers, which never wait, and the one worker. A slot in the channel bounds the
// count, the budget the bytes; both are held until the worker has taken the request out.
type captureQueue struct {
	bytes budget

	mu     sync.Mutex // orders put and close: nothing is put where nobody will look
	items  chan *captured
	closed bool
}

func newCaptureQueue(c CaptureQueueConfig) *captureQueue {
	return &captureQueue{bytes: budget{max: c.Bytes}, items: make(chan *captured, c.Records)}
}

// put takes a request, or returns why it is dropped and the limit that bit.
func (q *captureQueue) put(c *captured) (reason, limit string) {
	if !q.bytes.take(c.size) {
		return dropQueueFull, limitCaptureBytes
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		q.bytes.give(c.size)
		return dropShutdown, ""
	}
	select {
	case q.items <- c:
		return "", ""
	default:
		q.bytes.give(c.size)
		return dropQueueFull, limitCaptureRecords
	}
}

// close lets the worker take what is there and refuses more.
func (q *captureQueue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.closed {
		q.closed = true
		close(q.items)
	}
}

// next fills batch with what comes within interval of the first request, up to its capacity. It returns nil once the
// queue is closed and empty.
func (q *captureQueue) next(batch []*captured, interval time.Duration) []*captured {
	c, open := <-q.items
	if !open {
		return nil
	}
	batch = append(batch[:0], q.taken(c))
	timer := time.NewTimer(interval)
	defer timer.Stop()
	for len(batch) < cap(batch) {
		select {
		case c, open := <-q.items:
			if !open {
				return batch
			}
			batch = append(batch, q.taken(c))
		case <-timer.C:
			return batch
		}
	}
	return batch
}

func (q *captureQueue) taken(c *captured) *captured {
	q.bytes.give(c.size)
	return c
}

// full reports whether the next request would be dropped for its number.
func (q *captureQueue) full() bool { return len(q.items) == cap(q.items) }
