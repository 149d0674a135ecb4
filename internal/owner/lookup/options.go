package lookup

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Defaults of Options.
const (
	// DefaultTTL is how long a revocation may go unseen; at 10 minutes a source is asked about 30,000 live tokens at the
	// default rate.
	DefaultTTL = 10 * time.Minute
	// DefaultNegativeTTL is shorter: a token that was just issued is asked about before its directory has it.
	DefaultNegativeTTL = time.Minute
	// DefaultMaxStale keeps the owners through an outage of a day; they are marked stale meanwhile.
	DefaultMaxStale = 24 * time.Hour
	// DefaultTimeout bounds one call: four workers with calls this slow still make one call a second.
	DefaultTimeout = 5 * time.Second
	// DefaultRate is the calls a second that a directory behind an API bears beside its own work.
	DefaultRate = 50
	// DefaultWorkers make the default rate at 80 ms a call.
	DefaultWorkers = 4
	// DefaultQueue is twenty seconds of work at the default rate: a key that waits longer is better dropped, it comes
	// back with its token's next request.
	DefaultQueue = 1024
	// DefaultMaxBytes holds some 40,000 owned tokens, or 200,000 that are not known.
	DefaultMaxBytes = 64 << 20
)

// MinTTL keeps a configuration from turning the pipeline into a load on the source.
const MinTTL = time.Second

// Names of the keys a source may be asked by.
const (
	SHA256       = "sha256"
	Fingerprint  = "fingerprint"
	CredentialID = "credential_id"
	JWTIssuer    = "jwt_issuer"
	JWTSubject   = "jwt_subject"
	JWTClientID  = "jwt_client_id"
	JWTID        = "jwt_id"
)

var keyNames = []string{SHA256, Fingerprint, CredentialID, JWTIssuer, JWTSubject, JWTClientID, JWTID}

// Options of New. Zero values take the defaults.
type Options struct {
	// Keys names what the source answers by; none means all. Tokens that agree in these share one entry and one call:
	// with `jwt_subject` alone, the thousand short-lived tokens of one service are one question. A token that has none
	// of them is never asked about.
	Keys []string

	TTL         time.Duration // of an answer, less up to a tenth so that tokens seen together are not asked about together
	NegativeTTL time.Duration // of "not known"
	MaxStale    time.Duration // since the last good answer, after which a row is no longer shown
	Timeout     time.Duration // of one call
	Rate        float64       // calls a second
	Workers     int           // calls at a time
	Queue       int           // keys that wait for a call, and again as many that wait for a refresh
	MaxBytes    int           // of the entries, estimated

	// OnStatus is told, from a worker, when calls begin to fail or fail otherwise (err), and when they succeed again
	// (nil). It must not call the cache's Close.
	OnStatus func(err error)
}

func (o Options) withDefaults() Options {
	orDuration := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	orInt := func(n *int, v int) {
		if *n == 0 {
			*n = v
		}
	}
	orDuration(&o.TTL, DefaultTTL)
	orDuration(&o.NegativeTTL, min(DefaultNegativeTTL, o.TTL))
	orDuration(&o.MaxStale, max(DefaultMaxStale, o.TTL))
	orDuration(&o.Timeout, DefaultTimeout)
	if o.Rate == 0 {
		o.Rate = DefaultRate
	}
	orInt(&o.Workers, DefaultWorkers)
	orInt(&o.Queue, DefaultQueue)
	orInt(&o.MaxBytes, DefaultMaxBytes)
	if len(o.Keys) == 0 {
		o.Keys = keyNames
	}
	return o
}

// Validate checks what New would refuse.
func (o Options) Validate() error {
	o = o.withDefaults()
	var errs []error
	refuse := func(bad bool, rule string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(rule, args...))
		}
	}
	for _, name := range o.Keys {
		refuse(!slices.Contains(keyNames, name), "`keys` must be among %s, found %q", strings.Join(keyNames, ", "), name)
	}
	refuse(o.TTL < MinTTL, "`ttl` must be at least %s, found %s", MinTTL, o.TTL)
	refuse(o.NegativeTTL < MinTTL, "`negative_ttl` must be at least %s, found %s", MinTTL, o.NegativeTTL)
	refuse(o.MaxStale < o.TTL, "`max_stale` must be at least `ttl`, found %s", o.MaxStale)
	refuse(o.Timeout < 0, "`timeout` must be positive, found %s", o.Timeout)
	refuse(!(o.Rate > 0) || o.Rate > 1e6, "`rate` must be above 0 and at most 1000000, found %v", o.Rate)
	refuse(o.Workers < 0 || o.Workers > 64, "`workers` must be from 1 to 64, found %d", o.Workers)
	refuse(o.Queue < 0, "`queue` must be positive, found %d", o.Queue)
	refuse(o.MaxBytes < 0, "`max_bytes` must be positive, found %d", o.MaxBytes)
	return errors.Join(errs...)
}
