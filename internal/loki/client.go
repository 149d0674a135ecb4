package loki

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// Client sends entries to one Loki and asks it to delete. It is safe for concurrent use; the entries of one stream must
// come from one caller, in the order in which they are to arrive.
type Client struct {
	config  Config
	http    *http.Client
	streams *streams
	ledger  ledger
	batch   atomic.Int64 // bytes of a batch now: shrinks while Loki is busy, grows back with each success
	now     func() time.Time
}

// NewClient checks the configuration. The http.Client brings TLS, authentication and the time-out of a request.
func NewClient(c Config, hc *http.Client) (*Client, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	c.Endpoint = strings.TrimRight(c.Endpoint, "/")
	if c.MaxBatchBytes == 0 {
		c.MaxBatchBytes = DefaultBatchBytes
	}
	if c.MaxStreams == 0 {
		c.MaxStreams = DefaultStreams
	}
	cl := &Client{config: c, http: hc, streams: newStreams(c.MaxStreams), now: time.Now}
	cl.batch.Store(int64(c.MaxBatchBytes))
	return cl, nil
}

// Push sends entries in order and says what became of them. The error is a *PushError, or the context's: entries
// beyond Result.Settled are to be sent again. What an attempt may have left in Loki is asked for before the next one,
// and what is known to stand there is not sent again until Forget.
func (c *Client) Push(ctx context.Context, entries []Entry) (Result, error) {
	var r Result
	if err := c.resolve(ctx, &r); err != nil {
		r.Retry = true
		return r, err
	}
	for len(entries) > 0 {
		n := prefix(entries, int(c.batch.Load()))
		batch := c.ledger.missing(entries[:n])
		t, err := c.pushBatch(ctx, batch)
		if err != nil {
			if t.mayStand(err) {
				c.Suspect(batch)
			}
			r.Retry, r.After = true, t.after
			return r, err
		}
		c.ledger.add(batch)
		r.Settled += n
		t.settle(&r, batch)
		entries = entries[n:]
	}
	return r, nil
}

// tally is what is known of one batch; it counts only once the whole batch is settled, so that a batch which is
// repeated is not counted twice.
type tally struct {
	delivered int
	rejected  Result
	overflow  int
	posts     int // requests made of it
	after     time.Duration
}

// mayStand reports whether Loki may hold some of a batch that failed with err.
func (t *tally) mayStand(err error) bool {
	failed, ok := errors.AsType[*PushError](err)
	return t.posts > 1 || !ok || (failed.Cause != CauseMisconfigured && !notSent(err))
}

func (t *tally) settle(r *Result, batch []Entry) {
	r.Delivered += t.delivered
	r.Overflow += t.overflow
	for reason, n := range t.rejected.Rejected {
		r.reject(reason, n)
	}
	for i := range batch {
		r.Cut += batch[i].Cut
	}
}

func (c *Client) pushBatch(ctx context.Context, batch []Entry) (*tally, error) {
	t := &tally{}
	byTenant := make(map[string][]Entry)
	var tenants []string
	for _, e := range batch {
		e, over := c.streams.admit(e)
		if over {
			t.overflow++
		}
		tenant := c.config.tenant(e.Labels.Class)
		if _, ok := byTenant[tenant]; !ok {
			tenants = append(tenants, tenant)
		}
		byTenant[tenant] = append(byTenant[tenant], e)
	}
	slices.Sort(tenants)
	for _, tenant := range tenants {
		if err := c.send(ctx, tenant, byStream(byTenant[tenant]), t); err != nil {
			return t, err
		}
	}
	c.grow()
	return t, nil
}

// send settles the streams of one tenant. It ends: each repetition has fewer entries or fewer streams.
func (c *Client) send(ctx context.Context, tenant string, streams []stream, t *tally) error {
	body, err := encode(streams)
	if err != nil {
		return fmt.Errorf("loki: %w", err)
	}
	t.posts++
	a, err := c.post(ctx, tenant, body)
	if err != nil {
		return err
	}
	n := count(streams)
	switch a.outcome() {
	case delivered:
		t.delivered += n
	case partial:
		return c.partial(ctx, tenant, streams, a, t)
	case split:
		if n == 1 {
			t.rejected.reject(ReasonTooLarge, 1)
			return nil
		}
		return c.sendHalves(ctx, tenant, streams, t)
	case blocked:
		t.rejected.reject(ReasonBlocked, n)
	case busy:
		c.shrink()
		t.after = a.after
		return a.failure(CauseBusy)
	case unavailable:
		t.after = a.after
		return a.failure(CauseUnavailable)
	case misconfigured:
		t.after = max(a.after, mendingPause)
		return a.failure(CauseMisconfigured)
	}
	return nil
}

func (c *Client) sendHalves(ctx context.Context, tenant string, streams []stream, t *tally) error {
	a, b := halves(streams)
	if err := c.send(ctx, tenant, a, t); err != nil {
		return err
	}
	return c.send(ctx, tenant, b, t)
}

// partial counts what a 400 refuses; Loki has stored the rest. An answer that does not tell of every stream of the
// request is asked for again, stream by stream, without what was stored then, so that the count is exact.
func (c *Client) partial(ctx context.Context, tenant string, streams []stream, a answer, t *tally) error {
	refused, known := refusals(a.text)
	if !known && len(streams) > 1 {
		for _, s := range c.unheld(ctx, streams, t) {
			if err := c.send(ctx, tenant, []stream{s}, t); err != nil {
				return err
			}
		}
		return nil
	}
	n, left := count(streams), count(streams)
	for _, reason := range Reasons() {
		k := min(refused[reason], left)
		t.rejected.reject(reason, k)
		left -= k
	}
	if len(refused) == 0 {
		t.rejected.reject(ReasonInvalid, n)
		left = 0
	}
	t.delivered += left
	return nil
}

// shrink halves the batch: where the limit is a burst smaller than a batch, waiting alone would never help.
func (c *Client) shrink() { c.batch.Store(max(c.batch.Load()/2, minBatchBytes)) }

func (c *Client) grow() {
	c.batch.Store(min(c.batch.Load()+minBatchBytes, int64(c.config.MaxBatchBytes)))
}
