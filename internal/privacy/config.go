package privacy

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Treatment is what is done with one kind of personal data.
type Treatment string

// The treatments. Which of them a kind knows is in Settings.
const (
	Keep      Treatment = "keep"
	Truncate  Treatment = "truncate"  // of an address: its /24 or /48
	Family    Treatment = "family"    // of a user agent: the kind of program
	Pseudonym Treatment = "pseudonym" // of an e-mail address: a keyed hash
	Drop      Treatment = "drop"
)

// Settings say what is kept of a person. The zero Settings keep everything.
type Settings struct {
	// ClientAddress is keep, truncate or drop.
	ClientAddress Treatment `mapstructure:"client_address"`
	// UserAgent is keep, family or drop.
	UserAgent Treatment `mapstructure:"user_agent"`
	// Email is keep, pseudonym or drop, for e-mail addresses in any string.
	Email Treatment `mapstructure:"email"`
	// OwnerEmail is the same for what a directory says of a token's owner. It is apart, because an on-call engineer
	// writes to that address.
	OwnerEmail Treatment `mapstructure:"owner_email"`

	// AllowedKeys are the attributes that are kept, if there are any: a name, or a prefix and an asterisk. The
	// skeleton of an event and what Keytrail itself says of it need no permission.
	AllowedKeys []string `mapstructure:"allowed_keys"`
	// IgnoredKeys are the attributes of which nothing here changes anything, named in the same way.
	IgnoredKeys []string `mapstructure:"ignored_keys"`
	// BlockedKeyPatterns are regular expressions for keys whose value is removed.
	BlockedKeyPatterns []string `mapstructure:"blocked_key_patterns"`

	_ struct{}
}

// Config is the Settings of all environments.
type Config struct {
	Settings `mapstructure:",squash"`

	// Environments overrides them by the `deployment.environment.name` of a record's resource. What an environment
	// leaves out is as above; a list replaces the one above.
	Environments map[string]Settings `mapstructure:"environments"`

	_ struct{}
}

const (
	// maxPatterns bounds the regular expressions, each of which looks at each key.
	maxPatterns = 64
	// maxPatternBytes is longer than any key.
	maxPatternBytes = 512
)

// Validate checks the settings of every environment.
func (c *Config) Validate() error {
	errs := []error{c.check()}
	for _, name := range slices.Sorted(maps.Keys(c.Environments)) {
		s := c.Environments[name]
		if err := s.check(); err != nil {
			errs = append(errs, fmt.Errorf("`environments::%s`: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

func (s *Settings) check() error {
	return errors.Join(
		s.ClientAddress.check("client_address", Keep, Truncate, Drop),
		s.UserAgent.check("user_agent", Keep, Family, Drop),
		s.Email.check("email", Keep, Pseudonym, Drop),
		s.OwnerEmail.check("owner_email", Keep, Pseudonym, Drop),
		checkKeys("allowed_keys", s.AllowedKeys),
		checkKeys("ignored_keys", s.IgnoredKeys),
		s.checkPatterns(),
	)
}

func (t Treatment) check(key string, of ...Treatment) error {
	if t == "" || slices.Contains(of, t) {
		return nil
	}
	names := make([]string, len(of))
	for i, o := range of {
		names[i] = string(o)
	}
	return fmt.Errorf("`%s` must be one of %s, found %q", key, strings.Join(names, ", "), string(t))
}

func checkKeys(key string, names []string) error {
	for i, n := range names {
		if n == "" || strings.Contains(strings.TrimSuffix(n, "*"), "*") {
			return fmt.Errorf("`%s::%d` must be a key, or a prefix and an asterisk, found %q", key, i, n)
		}
	}
	return nil
}

func (s *Settings) checkPatterns() error {
	if n := len(s.BlockedKeyPatterns); n > maxPatterns {
		return fmt.Errorf("`blocked_key_patterns` must be at most %d, found %d", maxPatterns, n)
	}
	for i, p := range s.BlockedKeyPatterns {
		if p == "" || len(p) > maxPatternBytes {
			return fmt.Errorf("`blocked_key_patterns::%d` must be 1 to %d bytes, found %d", i, maxPatternBytes, len(p))
		}
		if _, err := regexp.Compile(p); err != nil {
			return fmt.Errorf("`blocked_key_patterns::%d` must be a regular expression: %w", i, err)
		}
	}
	return nil
}

// over returns s with what it leaves out taken from base.
func (s Settings) over(base Settings) Settings {
	or := func(t, b Treatment) Treatment {
		if t == "" {
			return b
		}
		return t
	}
	s.ClientAddress = or(s.ClientAddress, base.ClientAddress)
	s.UserAgent = or(s.UserAgent, base.UserAgent)
	s.Email = or(s.Email, base.Email)
	s.OwnerEmail = or(s.OwnerEmail, base.OwnerEmail)
	if s.AllowedKeys == nil {
		s.AllowedKeys = base.AllowedKeys
	}
	if s.IgnoredKeys == nil {
		s.IgnoredKeys = base.IgnoredKeys
	}
	if s.BlockedKeyPatterns == nil {
		s.BlockedKeyPatterns = base.BlockedKeyPatterns
	}
	return s
}
