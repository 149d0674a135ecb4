package jwks

import "sync/atomic"

// Result is what became of a token; the set is closed, so it may be the label of a counter.
type Result uint8

// The results of a verification.
const (
	Verified      Result = iota
	Failed               // the signature does not stand, or the algorithm is none that proves anything
	UnknownKey           // the issuer's set has no key for it, or could not be loaded yet
	UnknownIssuer        // no issuer of the configuration
	WrongAudience        // for none of the audiences that the configuration asks for
	Unsigned             // the gateway logs tokens without their signature
	Malformed            // no JWS in compact form, too long, or ambiguous
	OverLimit            // the issuer's budget of signature checks was spent
	resultCount
)

var resultNames = [resultCount]string{
	"verified", "failed", "unknown_key", "unknown_issuer", "wrong_audience", "unsigned", "malformed", "over_limit",
}

func (r Result) String() string { return resultNames[r] }

// Stats counts since Open.
type Stats struct {
	// Results counts tokens, indexed by Result, those answered from the cache included.
	Results [resultCount]int64
	// Checks counts the signatures that were really checked.
	Checks int64
	// Refreshes and RefreshErrors count attempts to load a key set.
	Refreshes, RefreshErrors int64
}

type counters struct {
	results                          [resultCount]atomic.Int64
	checks, refreshes, refreshErrors atomic.Int64
}

func (c *counters) stats() Stats {
	st := Stats{Checks: c.checks.Load(), Refreshes: c.refreshes.Load(), RefreshErrors: c.refreshErrors.Load()}
	for i := range c.results {
		st.Results[i] = c.results[i].Load()
	}
	return st
}
