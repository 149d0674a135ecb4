package lookup

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/keytrail/keytrail/internal/owner"
)

// job is one question.
type job struct {
	key  key
	keys owner.Keys
}

const (
	// keyRetry is how soon a key is asked about again for which the source failed.
	keyRetry = 10 * time.Second
	// jitter is the share by which a time may be shortened.
	jitter = 0.1
)

func (c *Cache) work() {
	for {
		j, ok := c.next()
		if !ok {
			return
		}
		if c.outage.wait(c.ctx) != nil || c.limiter.Wait(c.ctx) != nil {
			return
		}
		c.answer(j)
	}
}

// next takes a known token's question before a new one's.
func (c *Cache) next() (job, bool) {
	select {
	case j := <-c.known:
		return j, true
	default:
	}
	select {
	case j := <-c.known:
		return j, true
	case j := <-c.fresh:
		return j, true
	case <-c.ctx.Done():
		return job{}, false
	}
}

func (c *Cache) answer(j job) {
	row, err := c.find(j.keys)
	if c.ctx.Err() != nil { // Close ended the call: it says nothing of the source
		return
	}
	e := c.entryOf(j.key, row, err)
	c.entries.Set(j.key, e)
	c.mu.Lock()
	delete(c.pending, j.key) // after Set: otherwise a Get between the two would ask again
	c.mu.Unlock()
	c.outage.note(err, c.o.OnStatus)
}

func (c *Cache) find(k owner.Keys) (*owner.Row, error) {
	ctx, cancel := context.WithTimeout(c.ctx, c.o.Timeout)
	defer cancel()
	return c.finder.Find(ctx, k)
}

// entryOf turns an answer into an entry. A failure keeps the row of the answer before it.
func (c *Cache) entryOf(k key, row *owner.Row, err error) *entry {
	now := time.Since(c.start)
	switch {
	case err != nil:
		c.counts.failed.Add(1)
		e := &entry{failed: true, until: now + shortened(keyRetry)}
		if old, ok := c.entries.GetEntryQuietly(k); ok {
			e.row, e.good = old.Value.row, old.Value.good
		}
		return e
	case row == nil:
		c.counts.notFound.Add(1)
		return &entry{until: now + shortened(c.o.NegativeTTL), good: now}
	}
	c.counts.found.Add(1)
	return &entry{row: row, until: now + shortened(c.o.TTL), good: now}
}

func shortened(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (1 - jitter*rand.Float64()))
}

// retryAfter is what an error may know of when to come back.
type retryAfter interface{ RetryAfter() time.Duration }

func retryAfterOf(err error) time.Duration {
	var r retryAfter
	if errors.As(err, &r) {
		return r.RetryAfter()
	}
	return 0
}

// Sizes of an entry beside its strings, for the bound of memory: the cache's node and key, the row and its attributes.
const (
	entryBytes = 240
	rowBytes   = 1400
)

func weigh(k key, e *entry) uint32 {
	n := entryBytes + len(k.name)
	if r := e.row; r != nil {
		n += rowBytes + len(r.CredentialID) + len(r.OwnerID) + len(r.OwnerType) + len(r.OwnerName) + len(r.OwnerTeam) +
			len(r.OwnerContact) + len(r.TokenID) + len(r.TokenName)
		for _, s := range r.TokenScopes {
			n += 2*16 + len(s) // in the row and in its attribute
		}
	}
	return uint32(n) // fields and scopes of a row are bounded: far below the type's limit
}
