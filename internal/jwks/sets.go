package jwks

import (
	"context"
	"sync"
	"time"
)

// startWait is how long Open waits for the first key sets: the tokens of the first moments would be unverified without
// need. An issuer that is down costs no more than this.
const startWait = 3 * time.Second

// Sets holds the key sets of the trusted issuers. It is safe for concurrent use.
type Sets struct {
	issuers map[string]*issuer
	cache   *cache
	counts  counters
	stop    context.CancelFunc
	done    sync.WaitGroup
}

// Open loads the key sets and follows them until Close. A file that cannot be used is an error; an address that does
// not answer is told to OnRefresh, and tried again. ctx bounds the call, not the sets.
func Open(ctx context.Context, c Config) (*Sets, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	s := &Sets{issuers: make(map[string]*issuer, len(c.Issuers)), cache: newCache()}
	for _, i := range c.Issuers {
		is, err := newIssuer(i, &s.counts, c.OnRefresh)
		if err != nil {
			return nil, err
		}
		if i.File != "" {
			is.last = time.Now()
			if err := is.load(ctx); err != nil {
				return nil, err
			}
		}
		s.issuers[i.Name] = is
	}
	following, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	for _, is := range s.issuers {
		s.done.Go(func() { is.follow(following) })
	}
	s.waitForFirst(ctx)
	return s, nil
}

func (s *Sets) waitForFirst(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	for _, is := range s.issuers {
		select {
		case <-is.ready:
		case <-ctx.Done():
			return
		}
	}
}

// Verify reports whether the token is a JWS that one of the issuers signed. It does not wait for anything but the
// processor, and for that within the budget of the issuer.
func (s *Sets) Verify(text string) bool {
	r := s.verify(text)
	s.counts.results[r].Add(1)
	return r == Verified
}

func (s *Sets) verify(text string) Result {
	t, r := split(text)
	if r != Verified {
		return r
	}
	id := s.cache.id(text)
	if r, is, ok := s.cache.get(id); ok {
		if r == UnknownKey {
			is.miss() // the issuer may publish the key later than it signs
		}
		return r
	}
	if !t.read() {
		return Malformed
	}
	is := s.issuers[t.issuer]
	if is == nil {
		return UnknownIssuer
	}
	if !is.wants(t.audience) {
		return WrongAudience
	}
	return s.checked(is, id, &t)
}

// checked verifies the signature and remembers the result where it will stay true.
func (s *Sets) checked(is *issuer, id tokenID, t *token) Result {
	r, by, generation := is.check(t)
	switch r {
	case Verified:
		s.cache.verified.Add(id, by)
	case OverLimit: // the next second may say otherwise
	default:
		// A token that names no key and fits none may be signed by a new one.
		if r == UnknownKey || t.kid == "" {
			is.miss()
		}
		s.cache.refused.Add(id, refusal{r, is, generation})
	}
	return r
}

// Stats returns the counters.
func (s *Sets) Stats() Stats { return s.counts.stats() }

// Close stops following the sources and waits for what was begun. The sets stay usable.
func (s *Sets) Close() error {
	s.stop()
	s.done.Wait()
	return nil
}
