package lookup

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"
	"golang.org/x/time/rate"

	"github.com/keytrail/keytrail/internal/owner"
)

// State says what a missing or present row of Get means.
type State uint8

// The states of an answer.
const (
	// NotAsked: nothing is known and nobody will ask: the request was not answered well, the token has no key the source
	// answers by, or too many keys wait already.
	NotAsked State = iota
	// Pending: the question is on its way.
	Pending
	// Absent: the source does not know the token.
	Absent
	// Unavailable: the source could not answer, and will be asked again.
	Unavailable
	// Stale: the row is older than its TTL; the source is asked again or cannot answer.
	Stale
	// Known: the row is fresh.
	Known
)

var stateNames = [...]string{"not_asked", "pending", "absent", "unavailable", "stale", "known"}

// String returns the state's name, also its metric label.
func (s State) String() string { return stateNames[s] }

// entry is one answer. Only asked changes; another answer is another entry.
type entry struct {
	row    *owner.Row    // nil: none
	failed bool          // the last call did not answer
	until  time.Duration // since the cache's start: when to ask again
	good   time.Duration // when the source last answered
	asked  atomic.Bool   // so that a stale token's every request does not take the lock
}

// Cache answers from memory and asks its Finder beside the pipeline.
type Cache struct {
	o       Options
	finder  owner.Finder
	keyer   *keyer
	start   time.Time
	entries *otter.Cache[key, *entry]
	limiter *rate.Limiter
	counts  counters

	mu      sync.Mutex
	pending map[key]struct{} // waiting or being asked: at most two queues and the workers
	closed  bool

	known, fresh chan job // refreshes go first: a flood of new tokens must not hide a revocation

	outage outage
	ctx    context.Context
	stop   context.CancelFunc
	done   sync.WaitGroup
}

// New starts the workers; Close ends them.
func New(f owner.Finder, o Options) (*Cache, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	o = o.withDefaults()
	c := &Cache{
		o: o, finder: f, keyer: newKeyer(o.Keys), start: time.Now(),
		// A burst of a tenth of a second keeps any one second close to the rate.
		limiter: rate.NewLimiter(rate.Limit(o.Rate), max(1, int(o.Rate/10))),
		pending: make(map[key]struct{}),
		known:   make(chan job, o.Queue),
		fresh:   make(chan job, o.Queue),
	}
	var err error
	c.entries, err = otter.New(&otter.Options[key, *entry]{MaximumWeight: uint64(o.MaxBytes), Weigher: weigh})
	if err != nil {
		return nil, err
	}
	c.ctx, c.stop = context.WithCancel(context.Background())
	for range o.Workers {
		c.done.Go(c.work)
	}
	return c, nil
}

// Close ends the calls under way and waits for them. Get goes on answering from memory.
func (c *Cache) Close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.stop()
	c.done.Wait()
}

// Get returns what is known of a token and never waits. allowed says that its request was answered 2xx or 3xx: only then
// is a token worth a question that nobody asked before. A row that is known is asked about again whatever the answer was:
// a token revoked since then gets nothing but refusals, and its owner's card must say so.
func (c *Cache) Get(k *owner.Keys, allowed bool) (*owner.Row, State) {
	x, ok := c.keyer.key(k)
	if !ok {
		return nil, NotAsked
	}
	e, ok := c.entries.GetIfPresent(x)
	if !ok {
		c.counts.misses.Add(1)
		return nil, c.ask(x, k, allowed, nil)
	}
	now := time.Since(c.start)
	if now < e.until {
		return c.current(e, now)
	}
	return c.expired(x, k, allowed, e, now)
}

// current answers from an entry that needs no question yet.
func (c *Cache) current(e *entry, now time.Duration) (*owner.Row, State) {
	switch {
	case e.row == nil && e.failed:
		c.counts.unavailable.Add(1)
		return nil, Unavailable
	case e.row == nil:
		c.counts.absent.Add(1)
		return nil, Absent
	case e.failed && now-e.good > c.o.MaxStale:
		c.counts.unavailable.Add(1)
		return nil, Unavailable
	case e.failed:
		c.counts.stale.Add(1)
		return e.row, Stale
	}
	c.counts.hits.Add(1)
	return e.row, Known
}

// expired answers from an entry whose time is over, and has it asked again.
func (c *Cache) expired(x key, k *owner.Keys, allowed bool, e *entry, now time.Duration) (*owner.Row, State) {
	if e.row == nil {
		c.counts.misses.Add(1)
		return nil, c.ask(x, k, allowed, e)
	}
	state := c.ask(x, k, true, e)
	if now-e.good <= c.o.MaxStale {
		c.counts.stale.Add(1)
		return e.row, Stale
	}
	c.counts.misses.Add(1)
	return nil, state
}

// ask queues a question unless it waits already.
func (c *Cache) ask(x key, k *owner.Keys, allowed bool, e *entry) State {
	if e != nil && e.asked.Load() {
		return Pending
	}
	if !allowed {
		c.counts.refused.Add(1)
		return NotAsked
	}
	queue := c.fresh
	if e != nil && e.row != nil {
		queue = c.known
	}
	if len(queue) == cap(queue) { // without the lock: this is the flood's path
		c.counts.dropped.Add(1)
		return NotAsked
	}
	return c.enqueue(queue, x, k, e)
}

func (c *Cache) enqueue(queue chan<- job, x key, k *owner.Keys, e *entry) State {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return NotAsked
	}
	if _, waits := c.pending[x]; waits {
		return Pending
	}
	x = x.clone()
	select {
	case queue <- job{key: x, keys: cloneKeys(*k)}:
	default:
		c.counts.dropped.Add(1)
		return NotAsked
	}
	c.pending[x] = struct{}{}
	if e != nil {
		e.asked.Store(true)
	}
	return Pending
}
