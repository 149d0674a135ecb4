package tokenownerprocessor

import (
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/owner"
	"github.com/keytrail/keytrail/internal/secret"
)

// Values of token.owner.source that are no source.
const (
	sourceStale   = "stale"   // a source that does not answer any more said so
	sourceNone    = "none"    // a source could not be asked, and no other one knows
	sourcePending = "pending" // a source is being asked
)

// link writes who owns the token, and what the token was at that time. p is the pass that sealed the record, nil
// for one that came sealed.
func (c *call) link(a pcommon.Map, at time.Time, p *secret.Pass) {
	c.bindPrincipal(a)
	if len(c.sources) == 0 {
		return
	}
	q := query{call: c, pass: p, attrs: a, at: at}
	q.read()
	if q.none() {
		return
	}
	var f owner.Facts
	found := c.ask(&q, &f)
	if f.Text[owner.OwnerID] == "" {
		c.misses++
		c.unknown(&q, found)
		return
	}
	c.hits++
	if p == nil { // an upstream may have named another owner, and half of each would be neither
		a.RemoveIf(func(k string, _ pcommon.Value) bool { return ownerKey(k) })
	}
	putFacts(a, &f)
	a.PutStr(event.KeyOwnerSource, found.source)
	if found.asOf != "" {
		a.PutStr(event.KeyOwnerAsOf, found.asOf)
	}
	a.PutStr(event.KeyTokenState, f.State(at))
	if days, ok := f.ExpiresInDays(at); ok {
		a.PutInt(event.KeyTokenExpiresIn, days)
	}
}

// finding is where the owner was found; where he was not, the source is why, "" for no particular reason.
type finding struct{ source, asOf string }

// ask puts the question to the sources in their order. The first answer wins, field by field.
func (c *call) ask(q *query, f *owner.Facts) (found finding) {
	var missing string
	for _, s := range c.sources {
		known := f.Text[owner.OwnerID] != ""
		var g owner.Facts
		said := q.ask(s, known, &g)
		c.answers[s.kind][said]++
		switch said {
		case answerHit, answerStale:
			if !known {
				found = finding{kindNames[s.kind], q.asOf}
				if said == answerStale {
					found.source = sourceStale
				}
			}
			f.Fill(&g)
		case answerPending:
			missing = sourcePending
		case answerUnavailable:
			if missing == "" {
				missing = sourceNone
			}
		}
	}
	if found.source == "" {
		found.source = missing
	}
	return found
}

// unknown writes what can be said of a token that no source knows. What an upstream knew stays.
func (c *call) unknown(q *query, found finding) {
	if q.state == "" {
		q.attrs.PutStr(event.KeyTokenState, event.StateUnknown)
	}
	if found.source != "" && q.from == "" {
		q.attrs.PutStr(event.KeyOwnerSource, found.source)
	}
	for i := owner.OwnerID; i <= owner.OwnerContact; i++ {
		if text := q.claimed.Text[i]; text != "" {
			q.attrs.PutStr(event.PrefixTokenClaimed+strings.TrimPrefix(owner.TextKeys[i], event.PrefixToken), text)
		}
	}
}

func putFacts(a pcommon.Map, f *owner.Facts) {
	for i, text := range f.Text {
		switch {
		case text == "":
		case owner.Field(i) == owner.TokenScopes:
			list := a.PutEmptySlice(owner.TextKeys[i])
			for scope := range strings.SplitSeq(text, " ") {
				list.AppendEmpty().SetStr(scope)
			}
		default:
			a.PutStr(owner.TextKeys[i], text)
		}
	}
	for i, t := range f.Moment {
		if !t.IsZero() {
			a.PutStr(owner.MomentKeys[i], t.Format(time.RFC3339))
		}
	}
}

// ownerKey reports whether an answer writes key.
func ownerKey(key string) bool {
	switch key {
	case event.KeyOwnerID, event.KeyOwnerType, event.KeyOwnerName, event.KeyOwnerTeam, event.KeyOwnerContact,
		event.KeyOwnerSource, event.KeyOwnerAsOf, event.KeyTokenID, event.KeyTokenName, event.KeyTokenScopes,
		event.KeyTokenCreatedAt, event.KeyTokenExpiresAt, event.KeyTokenRevokedAt, event.KeyTokenRotatedAt,
		event.KeyTokenExpiresIn:
		return true
	}
	return strings.HasPrefix(key, event.PrefixTokenClaimed+"owner.")
}
