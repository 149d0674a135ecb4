package query

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/keytrail/keytrail/internal/event"
)

// Card is what is known of one token.
type Card struct {
	Fingerprints []string
	Principal    string
	CredentialID string
	Format       string
	Scheme       []Count
	Owner        Owner
	Token        TokenInfo
	First, Last  time.Time
	Requests     int
	Routes       []Count // "METHOD route"
	Networks     []Count
	Agents       []Count
	Statuses     []Count
	Refusals     []Count // "who reason"
	Services     []Count
	Alerts       []Alert
}

// Owner is who holds a token, as the newest event that knows says.
type Owner struct{ ID, Type, Name, Team, Contact, Source string }

// TokenInfo is what the owner directory says of the token itself.
type TokenInfo struct{ ID, Name, State, CreatedAt, ExpiresAt, RevokedAt string }

// NewCards makes a card for each fingerprint in events, which stand in time order: those of two epochs that an
// event joins are one token.
func NewCards(events []Event) []Card {
	b := cardBuilder{cards: map[string]*building{}, joins: joins{}}
	for i := range events {
		b.joins.learn(&events[i].Record)
	}
	var alerts []Event
	for i := range events {
		if events[i].Name == event.NameAnomaly {
			alerts = append(alerts, events[i])
			continue
		}
		b.add(&events[i])
	}
	for _, a := range NewAlerts(alerts) {
		c := b.card(a.Fingerprint)
		c.Alerts = append(c.Alerts, a)
	}
	return b.finish()
}

type building struct {
	Card
	routes, networks, agents, statuses, refusals, services, schemes tally
}

type cardBuilder struct {
	cards map[string]*building
	order []*building
	joins joins
}

// card returns the card of the token that fp stands for, a new one where there is none.
func (b *cardBuilder) card(fp string) *building {
	key := b.joins.newest(fp)
	c := b.cards[key]
	if c == nil {
		c = &building{routes: tally{}, networks: tally{}, agents: tally{}, statuses: tally{}, refusals: tally{}, services: tally{}, schemes: tally{}}
		b.cards[key] = c
		b.order = append(b.order, c)
	}
	if !slices.Contains(c.Fingerprints, fp) {
		c.Fingerprints = append(c.Fingerprints, fp)
	}
	return c
}

func (b *cardBuilder) add(e *Event) {
	c := b.card(e.Fingerprint)
	c.request(&e.Record)
	if e.Fingerprint == e.Attrs.Str(event.KeyFingerprint) {
		c.identity(e.Attrs)
	}
}

func (c *building) request(r *event.Record) {
	t := at(r)
	if c.Requests == 0 || t.Before(c.First) {
		c.First = t
	}
	c.Last = later(c.Last, t)
	c.Requests++
	pair := func(first, then string) string { return strings.TrimSpace(first + " " + then) }
	c.routes.add(pair(r.Attrs.Str(event.KeyMethod), Route(r)), t)
	c.networks.add(Network(r.Attrs.Str(event.KeyClientAddress)), t)
	c.agents.add(Agent(r), t)
	if status, ok := r.Attrs.Get(event.KeyStatus); ok {
		c.statuses.add(status.Text(), t)
	}
	c.services.add(r.Resource.Str(event.KeyServiceName), t)
	if scheme := r.Attrs.Str(event.KeyTokenScheme); scheme != "" {
		c.schemes.add(scheme+" in "+r.Attrs.Str(event.KeyTokenLocation), t)
	}
	if reason := r.Attrs.Str(event.KeyDenyReason); reason != "" {
		c.refusals.add(pair(r.Attrs.Str(event.KeyAnsweredBy), reason), t)
	}
}

// identity takes what the event says of the token it names first; a later event knows better.
func (c *building) identity(a event.Attrs) {
	for _, f := range []struct {
		to  *string
		key string
	}{
		{&c.Principal, event.KeyPrincipal}, {&c.CredentialID, event.KeyCredentialID}, {&c.Format, event.KeyTokenFormat},
		{&c.Owner.ID, event.KeyOwnerID}, {&c.Owner.Type, event.KeyOwnerType}, {&c.Owner.Name, event.KeyOwnerName},
		{&c.Owner.Team, event.KeyOwnerTeam}, {&c.Owner.Contact, event.KeyOwnerContact}, {&c.Owner.Source, event.KeyOwnerSource},
		{&c.Token.ID, event.KeyTokenID}, {&c.Token.Name, event.KeyTokenName}, {&c.Token.State, event.KeyTokenState},
		{&c.Token.CreatedAt, event.KeyTokenCreatedAt}, {&c.Token.ExpiresAt, event.KeyTokenExpiresAt}, {&c.Token.RevokedAt, event.KeyTokenRevokedAt},
	} {
		if v := a.Str(f.key); v != "" {
			*f.to = v
		}
	}
}

// shown is how many lines of a tally a card keeps.
const shown = 20

func (b *cardBuilder) finish() []Card {
	out := make([]Card, 0, len(b.order))
	for _, c := range b.order {
		slices.SortFunc(c.Fingerprints, newestEpochFirst)
		c.Routes, c.Networks, c.Agents = c.routes.top(shown), c.networks.top(shown), c.agents.top(shown)
		c.Statuses, c.Refusals = c.statuses.top(shown), c.refusals.top(shown)
		c.Services, c.Scheme = c.services.top(shown), c.schemes.top(shown)
		out = append(out, c.Card)
	}
	return out
}

func newestEpochFirst(a, b string) int {
	return cmp.Or(cmp.Compare(epochOf(b), epochOf(a)), cmp.Compare(a, b))
}

// epochOf reads the epoch of a fingerprint's text form, kt<epoch>_<digits>.
func epochOf(fp string) int {
	head, _, _ := strings.Cut(fp, "_")
	n, err := strconv.Atoi(head[min(len(head), len("kt")):])
	if err != nil {
		return 0
	}
	return n
}
