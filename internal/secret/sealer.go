package secret

import (
	"sync"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/fingerprint"
)

// Options configure a Sealer.
type Options struct {
	// Issuer names who issues the ids behind kc fingerprints. Empty means the record's source, else its service.
	Issuer string
	// Rules add places to the ones that are always looked at. Each must pass Rule.Validate.
	Rules []Rule
	// Verify reports that a JWT's signature verifies against the keys configured for its issuer. Nil means that none
	// can be verified. It is called once for each record that presents a JWT first.
	Verify func(token string) bool
	// Searcher finds what rule sets describe, beside the floor. Nil means the floor alone.
	Searcher Searcher
}

// Sealer finds, fingerprints and removes the credentials of records. It is safe for concurrent use.
type Sealer struct {
	keys   interface{ Ring() *fingerprint.Ring }
	issuer string
	rules  *rules
	verify func(token string) bool
	search Searcher
	met    *keyCache
	passes sync.Pool
}

// New makes a Sealer that stamps with whatever ring keys gives at the time.
func New(keys interface{ Ring() *fingerprint.Ring }, o Options) *Sealer {
	s := &Sealer{keys: keys, issuer: o.Issuer, rules: newRules(o.Rules), verify: o.Verify, search: o.Searcher, met: newKeyCache()}
	s.passes.New = func() any { return newPass(s) }
	return s
}

// Outcome says what sealing one record did.
type Outcome struct {
	Failed   bool     // the record was cut to its skeleton
	Dropped  int      // credentials beyond the eight of one request
	Redacted int      // strings from which something was removed
	Oldest   []string // fingerprints under the oldest live epoch, primary first, for event.ContentID
	// Visibility says how much of the request's credential the record showed: one of event.Visibility….
	Visibility string
}

// Begin starts the same work for a representation other than event.Record. The caller must End the pass.
func (s *Sealer) Begin(issuer string) *Pass {
	p := s.passes.Get().(*Pass)
	p.begin(s.keys.Ring(), issuer)
	return p
}

// Record finds the credentials of r, stamps its token attributes and scrubs every string. It consumes r.Auth.
func (s *Sealer) Record(r *event.Record) Outcome {
	p := s.Begin(s.issuerOf(r))
	defer p.End()
	p.lookRecord(r)
	return p.sealRecord(r)
}

func (s *Sealer) issuerOf(r *event.Record) string {
	if s.issuer != "" {
		return s.issuer
	}
	if source := r.Attrs.Str(event.KeySource); source != "" {
		return source
	}
	return r.Resource.Str(event.KeyServiceName)
}
