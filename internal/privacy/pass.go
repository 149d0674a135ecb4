package privacy

import (
	"strings"

	"github.com/keytrail/keytrail/internal/event"
)

// Change is why a value was changed, as the counter of changes tells them apart.
type Change uint8

// The changes.
const (
	ClientAddressCut Change = iota
	UserAgentCut
	EmailReplaced
	KeyNotAllowed
	KeyBlocked
	Changes
)

// ChangeNames are their names on metrics: those of the settings.
var ChangeNames = [Changes]string{"client_address", "user_agent", "email", "allowed_keys", "blocked_key_patterns"}

// Verdict is what becomes of an attribute for its key's sake.
type Verdict uint8

const (
	// Look means that its texts go through Text.
	Look Verdict = iota
	// Leave means that it stays as it is, with all that it holds.
	Leave
	// Remove means that it goes.
	Remove
	// Block means that Blocked takes the place of its value.
	Block
	// ToFamily means that it goes, and its event.AgentFamily stands under event.KeyAgentFamily.
	ToFamily
)

// What stands in the place of what was removed, in the form of every other replacement.
const (
	Blocked        = "[REDACTED:blocked_key]"
	droppedAddress = "[REDACTED:client_address]"
	droppedAgent   = "[REDACTED:user_agent]"
	droppedEmail   = "[REDACTED:email]"
)

// Pass is the work on one record: Note for each of its strings, then Key for each attribute and Text for each string
// that is left. It is not safe for concurrent use.
type Pass struct {
	rules *Rules
	names *Pseudonyms
	swaps []swap
	count [Changes]int64
}

// Begin starts the work on a record. Without names an e-mail address that should get a pseudonym is dropped.
func (r *Rules) Begin(names *Pseudonyms) Pass { return Pass{rules: r, names: names} }

// Count is how many values were changed for what.
func (p *Pass) Count() [Changes]int64 { return p.count }

// Note learns from a field who the client is, so that his address and agent are also found where some other field
// repeats them.
func (p *Pass) Note(key, text string) {
	switch t := traitOf(key); {
	case t == address && p.rules.address != Keep:
		p.remember(text, p.cutAddress(text), ClientAddressCut)
	case t == agent && p.rules.agent != Keep:
		p.remember(text, p.cutAgent(text), UserAgentCut)
	}
}

// Key says what becomes of what stands under a key, which is written with the keys of the maps around it. listed says
// that it is an attribute, which needs the permission of AllowedKeys; what it holds then has it too.
func (p *Pass) Key(key string, listed bool) Verdict {
	r := p.rules
	if r.ignored.has(key) {
		return Leave
	}
	if v, ok := p.person(key); ok {
		return v
	}
	if protected(key) {
		return Look
	}
	if listed && !r.allowed.empty() && !r.allowed.has(key) && !event.Reserved(key) {
		p.count[KeyNotAllowed]++
		return Remove
	}
	for _, b := range r.blocked {
		if b.MatchString(key) {
			p.count[KeyBlocked]++
			return Block
		}
	}
	return Look
}

// person decides on the keys whose name alone says that they tell of the client.
func (p *Pass) person(key string) (Verdict, bool) {
	switch t := traitOf(key); t {
	case ordinary:
		return Look, false
	case address, addresses, port:
		if p.rules.address == Drop || p.rules.address == Truncate && t == port {
			p.count[ClientAddressCut]++
			return Remove, true
		}
	case agent, agentFamily, agentDetail:
		return p.agentKey(key, t)
	}
	return Look, false
}

func (p *Pass) agentKey(key string, t trait) (Verdict, bool) {
	switch how := p.rules.agent; {
	case how == Keep:
		return Look, false
	case how == Family && t == agentFamily:
		return Look, true
	case how == Family && key == event.KeyUserAgent:
		p.count[UserAgentCut]++
		return ToFamily, true
	case how == Family && t == agent:
		return Look, false
	}
	p.count[UserAgentCut]++
	return Remove, true
}

// Text treats one string that stands under key.
func (p *Pass) Text(key, text string) (string, bool) {
	if len(text) < shortest {
		return text, false
	}
	was := text
	switch t := traitOf(key); {
	case t == address && p.rules.address == Truncate:
		text = p.cutAddress(text)
	case t == addresses && p.rules.address == Truncate:
		text = cutAddresses(text)
	case t == agent && p.rules.agent == Family:
		if family := event.AgentFamily(text); family != text {
			p.count[UserAgentCut]++
			return family, true
		}
	}
	if text != was {
		p.count[ClientAddressCut]++
	}
	if len(p.swaps) > 0 && !exact(key) {
		text = p.swap(text)
	}
	text = p.emails(key, text)
	return text, text != was
}

// shortest is less than any address or agent that tells of somebody: ::1 needs no cutting, a@b.cc has six bytes.
const shortest = 4

func (p *Pass) emails(key, text string) string {
	how := p.rules.email
	if ofOwner(key) {
		how = p.rules.ownerEmail
	}
	if how == Keep || !mayHoldAtSign(text) {
		return text
	}
	clean, n := replaceEmails(text, func(address string) string {
		if how == Drop || p.names == nil {
			return droppedEmail
		}
		return p.names.Email(address)
	})
	if n > 0 {
		p.count[EmailReplaced]++
	}
	return clean
}

// ofOwner reports whether a key says what a directory knows of a token's owner.
func ofOwner(key string) bool {
	return strings.HasPrefix(key, "token.owner.") || strings.HasPrefix(key, event.PrefixTokenClaimed+"owner.") ||
		key == event.KeyTokenName
}

// exact reports whether a key holds what must not depend on what its neighbours hold.
func exact(key string) bool {
	return protected(key) || key == event.KeyServerAddress || strings.HasPrefix(key, "keytrail.ring.")
}
