package jwks

import (
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Defaults of a Config.
const (
	// DefaultInterval is how often issuers that rotate daily or slower need to be asked; a new key is found sooner by
	// the first token that names it.
	DefaultInterval = time.Hour
	// DefaultRate keeps one issuer's tokens below a tenth of a core: a check takes 30 to 100 µs.
	DefaultRate = 1000
	// MinInterval keeps a configuration from turning collectors into a load on the issuer.
	MinInterval = time.Minute
)

// Config says whose signatures count.
type Config struct {
	Issuers []Issuer

	// OnRefresh is told, from a goroutine of the package, when a key set cannot be loaded (once per error) and when it
	// can be again (nil). The last good set stays in force meanwhile.
	OnRefresh func(issuer string, err error)
}

// Issuer is one issuer and the place of its keys: a file or an address.
type Issuer struct {
	// Name is what `iss` must equal, byte for byte.
	Name string

	// File holds the key set; it is followed.
	File string

	// URL answers with the key set.
	URL string

	// Client makes the requests for URL; nil is the default client. Redirects that leave the host or the scheme are
	// refused whatever it says: a client may add credentials to every request.
	Client *http.Client

	// Interval between two requests, ± 10 %; zero is DefaultInterval.
	Interval time.Duration

	// Audiences, where given, are those of which `aud` must name one.
	Audiences []string

	// Rate is how many signature checks may be made a second; zero is DefaultRate. Checks under dear keys (RSA of 4096
	// bits, P-384, P-521) count as several.
	Rate int
}

func (c Config) validate() error {
	var errs []error
	names := map[string]bool{}
	for _, i := range c.Issuers {
		if names[i.Name] {
			errs = append(errs, fmt.Errorf("issuers must be distinct, found %q twice", i.Name))
		}
		names[i.Name] = true
		errs = append(errs, i.validate())
	}
	return errors.Join(errs...)
}

func (i Issuer) validate() error {
	switch {
	case i.Name == "":
		return errors.New("issuer must not be empty")
	case (i.File == "") == (i.URL == ""):
		return fmt.Errorf("issuer %q must have one of file and address", i.Name)
	case i.Interval != 0 && i.Interval < MinInterval:
		return fmt.Errorf("issuer %q: interval must be at least %s, found %s", i.Name, MinInterval, i.Interval)
	case i.Rate < 0:
		return fmt.Errorf("issuer %q: rate must not be negative, found %d", i.Name, i.Rate)
	}
	return nil
}
