package jwks

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"
)

// minRefreshGap is the shortest time between two requests that unknown keys bring about: a rotation is found within it,
// and a flood of invented key ids makes one request a minute.
const minRefreshGap = time.Minute

// issuer is one trusted issuer: its keys, and who may use them how often.
type issuer struct {
	name      string
	audiences []string
	source    source
	budget    *budget
	counts    *counters
	onRefresh func(issuer string, err error)

	set    atomic.Pointer[keySet]
	missed chan struct{} // a token named a key that the set does not hold
	ready  chan struct{} // closed after the first attempt to load

	// Only the goroutine of follow touches these, and Open before it starts.
	content  []byte
	failure  error
	failures int
	last     time.Time
}

func newIssuer(c Issuer, counts *counters, onRefresh func(string, error)) (*issuer, error) {
	is := &issuer{
		name: c.Name, audiences: c.Audiences, counts: counts, onRefresh: onRefresh,
		budget: newBudget(c.Rate),
		missed: make(chan struct{}, 1), ready: make(chan struct{}),
	}
	if c.Rate == 0 {
		is.budget = newBudget(DefaultRate)
	}
	if c.File != "" {
		is.source = fileSource{c.File}
		return is, nil
	}
	var err error
	is.source, err = newURLSource(c)
	return is, err
}

// generation of the set in force; 0 before the first.
func (is *issuer) generation() uint64 {
	if set := is.set.Load(); set != nil {
		return set.generation
	}
	return 0
}

// miss asks for a refresh, sometime soon.
func (is *issuer) miss() {
	select {
	case is.missed <- struct{}{}:
	default:
	}
}

// follow keeps the set up to date until ctx ends.
func (is *issuer) follow(ctx context.Context) {
	if is.last.IsZero() {
		is.refresh(ctx)
	}
	close(is.ready)
	due := time.Now().Add(is.source.pause(is.failures))
	timer := time.NewTimer(time.Until(due))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-is.missed:
			if soonest := is.last.Add(minRefreshGap); soonest.Before(due) {
				due = soonest
			}
		case <-timer.C:
			is.refresh(ctx)
			due = time.Now().Add(is.source.pause(is.failures))
		}
		timer.Reset(time.Until(due))
	}
}

// refresh loads the set once. Whatever goes wrong, the last good one stays in force: an issuer that is down has not
// taken back its keys.
func (is *issuer) refresh(ctx context.Context) {
	is.last = time.Now()
	err := is.load(ctx)
	if ctx.Err() != nil {
		return
	}
	was := is.failure
	is.failure = err
	if err == nil {
		is.failures = 0
		if was != nil {
			is.tell(nil)
		}
		return
	}
	is.failures++
	is.counts.refreshErrors.Add(1)
	if was == nil || was.Error() != err.Error() {
		is.tell(err)
	}
}

func (is *issuer) tell(err error) {
	if is.onRefresh != nil {
		is.onRefresh(is.name, err)
	}
}

func (is *issuer) load(ctx context.Context) error {
	is.counts.refreshes.Add(1)
	data, err := is.source.read(ctx)
	if err == nil && is.content != nil && bytes.Equal(data, is.content) {
		return nil
	}
	var keys []*publicKey
	if err == nil {
		keys, err = parseSet(data)
	}
	if err != nil {
		return fmt.Errorf("key set of issuer %q: %w", is.name, err)
	}
	is.content = data
	is.set.Store(succeed(is.set.Load(), keys))
	return nil
}

func (is *issuer) wants(audience []string) bool {
	return len(is.audiences) == 0 || slices.ContainsFunc(audience, func(a string) bool { return slices.Contains(is.audiences, a) })
}

// check says what the keys of the issuer make of a token, and under which version of the set.
func (is *issuer) check(t *token) (r Result, by *publicKey, generation uint64) {
	set := is.set.Load()
	if set != nil {
		generation = set.generation
	}
	// An extension that a token declares critical is one we do not know, so we cannot say what its signature covers.
	if _, known := algorithms[t.alg]; !known || t.critical {
		return Failed, nil, generation
	}
	if set == nil {
		return UnknownKey, nil, generation
	}
	fit := set.candidates(t.kid, t.alg)
	if len(fit) == 0 {
		return UnknownKey, nil, generation
	}
	signature, ok := t.signatureBytes()
	if !ok {
		return Failed, nil, generation
	}
	for _, k := range fit {
		if !is.budget.take(k.cost) {
			return OverLimit, nil, generation
		}
		is.counts.checks.Add(1)
		if k.verify(t.alg, []byte(t.input), signature) {
			return Verified, k, generation
		}
	}
	return Failed, nil, generation
}
