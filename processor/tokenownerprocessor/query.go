package tokenownerprocessor

import (
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/fingerprint"
	"github.com/keytrail/keytrail/internal/owner"
	"github.com/keytrail/keytrail/internal/owner/lookup"
	"github.com/keytrail/keytrail/internal/secret"
)

// answer is what a source says of a token.
type answer uint8

const (
	answerHit answer = iota
	answerStale
	answerMiss
	answerPending
	answerUnavailable
	answerNotAsked
	answerClaimed // by claims that nobody proved
	answers
)

var answerNames = [answers]string{"hit", "stale", "miss", "pending", "unavailable", "not_asked", "claimed"}

var ofLookup = [...]answer{
	lookup.NotAsked: answerNotAsked, lookup.Pending: answerPending, lookup.Absent: answerMiss,
	lookup.Unavailable: answerUnavailable, lookup.Stale: answerStale, lookup.Known: answerHit,
}

// query is the question whose token an event shows.
type query struct {
	call  *call
	pass  *secret.Pass // that sealed the record, nil for one that came sealed
	attrs pcommon.Map
	at    time.Time

	keys               owner.Keys // those of a JWT whether proven or not
	previous, format   string
	basis, state, from string // from: what an upstream says of its source
	others             pcommon.Slice
	hasOthers          bool
	status             int64

	claimed owner.Facts // what unproven claims would say
	asOf    string      // of the last answer
}

func (q *query) none() bool { return q.keys.Fingerprint == "" && q.keys.CredentialID == "" }

// read takes what the event says of its credentials.
func (q *query) read() {
	for k, v := range q.attrs.All() {
		if !strings.HasPrefix(k, event.PrefixToken) {
			if k == event.KeyStatus {
				q.status = v.Int()
			}
			continue
		}
		switch k {
		case event.KeyFingerprint:
			q.keys.Fingerprint = v.Str()
		case event.KeyFingerprintPrev:
			q.previous = v.Str()
		case event.KeyCredentialID:
			q.keys.CredentialID = v.Str()
		case event.KeyTokenState:
			q.state = v.Str()
		case event.KeyTokenFormat:
			q.format = v.Str()
		case event.KeyPrincipalBasis:
			q.basis = v.Str()
		case event.KeyOwnerSource:
			q.from = v.Str()
		case event.KeyOthers:
			if v.Type() == pcommon.ValueTypeSlice {
				q.others, q.hasOthers = v.Slice(), true
			}
		case event.KeyJWTIssuer:
			q.keys.JWTIssuer = v.Str()
		case event.KeyJWTSubject:
			q.keys.JWTSubject = v.Str()
		case event.KeyJWTClientID:
			q.keys.JWTClientID = v.Str()
		case event.KeyJWTID:
			q.keys.JWTID = v.Str()
		}
	}
}

// proven reports whether the claims are those of a token that is what it says: its signature verified, or the gateway
// authenticated the request and the JWT is all that it could have meant. Beside another credential, a JWT may be one
// that the caller wrote himself.
func (q *query) proven() bool {
	return q.basis == event.BasisVerified ||
		q.basis == event.BasisGateway && q.format == formatJWT && !q.hasOthers
}

const formatJWT = "jwt"

// ask puts the question to one source. known says that an earlier one has named the owner: then rows may still fill
// what it left out, but nobody is asked over the network.
func (q *query) ask(s *source, known bool, f *owner.Facts) answer {
	said := answerMiss
	switch s.kind {
	case kindGateway:
		if q.basis == event.BasisGateway && s.rules.Look(q.text, f) {
			said = answerHit
		}
		q.asOf = ""
		return said
	case kindClaims:
		return q.askClaims(s.rules, f)
	}
	if s.book != nil {
		said = q.askBook(s.book, f)
	}
	if s.cache != nil && !known && said != answerHit && said != answerStale {
		later := q.askCache(s.cache, f)
		switch {
		case later == answerMiss:
		case later == answerNotAsked && said == answerUnavailable: // its rows are stale, and nobody was asked instead
		default:
			return later
		}
	}
	return said
}

func (q *query) text(key string) string { return strOf(q.attrs, key) }

func (q *query) askClaims(rules *owner.Rules, f *owner.Facts) answer {
	q.asOf = ""
	if q.keys.JWTIssuer == "" && q.keys.JWTSubject == "" && q.keys.JWTClientID == "" || !rules.Look(q.text, f) {
		return answerMiss
	}
	if q.proven() {
		return answerHit
	}
	return q.claim(f)
}

// claim keeps for later what unproven claims say; the first source that does wins.
func (q *query) claim(f *owner.Facts) answer {
	if q.claimed.Text[owner.OwnerID] == "" {
		q.claimed = *f
	}
	*f = owner.Facts{}
	return answerClaimed
}

func (q *query) askBook(b *owner.Book, f *owner.Facts) answer {
	x := b.Index()
	q.asOf = x.AsOf()
	found, stale := q.find(x, f), b.Stale()
	switch {
	case found && stale:
		return answerStale
	case found:
		return answerHit
	case stale:
		return answerUnavailable
	}
	if !q.proven() && x.ByJWT(&q.keys, q.at, f) {
		return q.claim(f)
	}
	return answerMiss
}

// find looks for the primary credential first, then for the others in their order, then for a default.
func (q *query) find(x *owner.Index, f *owner.Facts) bool {
	if x.ByText(q.keys.Fingerprint, q.at, f) || x.ByText(q.previous, q.at, f) ||
		x.ByCredentialID(q.keys.CredentialID, q.at, f) {
		return true
	}
	if q.keys.JWTIssuer != "" && q.proven() && x.ByJWT(&q.keys, q.at, f) {
		return true
	}
	if q.pass != nil && (x.Pinned() || x.Ring() != q.call.ring) {
		if q.findByDigest(x, f) {
			return true
		}
	} else if q.hasOthers {
		for _, v := range q.others.All() {
			fp, _, _ := strings.Cut(v.Str(), " ")
			if x.ByText(fp, q.at, f) {
				return true
			}
		}
	}
	return x.ByFormat(q.format, q.at, f)
}

// findByDigest tries every live epoch: a row keyed by a fingerprint holds for one epoch only, and right after a
// rotation the index is still that of the ring before.
func (q *query) findByDigest(x *owner.Index, f *owner.Facts) bool {
	ids, digests := q.pass.Fingerprints(), q.pass.Digests()
	for i := range ids {
		if x.ByDigest(q.call.ring, ids[i].Kind, digests[i], q.at, f) {
			return true
		}
	}
	return false
}

// askCache asks about a token whose request was answered: a flood of made-up ones must not become a flood of
// questions.
func (q *query) askCache(c *lookup.Cache, f *owner.Facts) answer {
	k := q.keys
	if !q.proven() {
		k.JWTIssuer, k.JWTSubject, k.JWTClientID, k.JWTID = "", "", "", ""
	}
	if q.pass != nil {
		ids, digests := q.pass.Fingerprints(), q.pass.Digests()
		if len(ids) > 0 && ids[0].Kind == fingerprint.Credential {
			k.SHA256, k.HasSHA256 = digests[0], true
		}
	}
	row, state := c.Get(&k, q.status >= 200 && q.status < 400)
	said := ofLookup[state]
	if row == nil {
		return said
	}
	if !row.Holds(q.at) {
		return answerMiss
	}
	*f = row.Facts()
	q.asOf = row.AsOf.UTC().Format(time.RFC3339)
	return said
}
