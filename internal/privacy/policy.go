package privacy

import (
	"regexp"

	"github.com/keytrail/keytrail/internal/event"
)

// Policy is a Config ready for use. It is safe for concurrent use; a nil Policy keeps everything.
type Policy struct {
	base  *Rules
	named map[string]*Rules
}

// New compiles what Validate accepts. Where nothing is asked it returns nil.
func New(c Config) (*Policy, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	p := &Policy{base: newRules(c.Settings), named: make(map[string]*Rules, len(c.Environments))}
	asked := p.base != nil
	for name, s := range c.Environments {
		p.named[name] = newRules(s.over(c.Settings))
		asked = asked || p.named[name] != nil
	}
	if !asked {
		return nil, nil
	}
	return p, nil
}

// For returns the rules of an environment, nil where everything is kept.
func (p *Policy) For(environment string) *Rules {
	if p == nil {
		return nil
	}
	if r, ok := p.named[environment]; ok {
		return r
	}
	return p.base
}

// Rules are what is done to the records of one environment.
type Rules struct {
	address, agent    Treatment
	email, ownerEmail Treatment

	allowed, ignored names
	blocked          []*regexp.Regexp
}

func newRules(s Settings) *Rules {
	r := &Rules{
		address: s.ClientAddress.or(), agent: s.UserAgent.or(), email: s.Email.or(), ownerEmail: s.OwnerEmail.or(),
		allowed: newNames(s.AllowedKeys), ignored: newNames(s.IgnoredKeys),
	}
	for _, p := range s.BlockedKeyPatterns {
		r.blocked = append(r.blocked, regexp.MustCompile(p)) // Validate has compiled it
	}
	if r.address == Keep && r.agent == Keep && r.email == Keep && r.ownerEmail == Keep &&
		r.allowed.empty() && len(r.blocked) == 0 {
		return nil
	}
	return r
}

func (t Treatment) or() Treatment {
	if t == "" {
		return Keep
	}
	return t
}

// protected reports whether a key stays whatever the lists of keys say. Without the skeleton there is no trail: it is
// what Keytrail counts, joins and searches by, and it is pseudonymous. The address has a treatment of its own.
func protected(key string) bool { return event.Skeleton(key) }
