package detect

import (
	"fmt"
	"strings"

	"github.com/keytrail/keytrail/internal/event"
)

func quoteRoute(q *request) string {
	if !q.quotable() {
		return "an endpoint"
	}
	return quote(q.method + " " + q.routeText())
}

// from names the network of a request in a sentence.
func (q *request) from(strange bool) string {
	if strange {
		return q.where() + ", a network new to it"
	}
	return q.where()
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// who names the token in a sentence: by the directory's names where it knows them, always by its fingerprint.
func (q *request) who(fp string) string {
	name := "token " + brief(fp)
	if !q.quotable() {
		return name
	}
	if q.tokenName != "" {
		name += " (" + quote(q.tokenName) + ")"
	}
	if q.ownerName != "" {
		name += " of " + quote(q.ownerName)
	}
	return name
}

// brief cuts a fingerprint to what the command accepts and people can compare.
func brief(fp string) string {
	const hexDigits = 8
	if i := strings.IndexByte(fp, '_'); i >= 0 && len(fp) > i+1+hexDigits {
		return fp[:i+1+hexDigits] + "…"
	}
	return fp
}

// copied are the keys of the causing event that an alert carries.
var copied = []string{
	event.KeyFingerprint, event.KeyFingerprintPrev, event.KeyPrincipal, event.KeyPrincipalPrev, event.KeyPrincipalBasis,
	event.KeyCredentialID, event.KeyTokenScheme, event.KeyTokenLocation, event.KeyTokenFormat, event.KeyTokenID, event.KeyTokenName,
	event.KeyTokenState, event.KeyTokenRevokedAt, event.KeyTokenExpiresAt,
	event.KeyOwnerID, event.KeyOwnerType, event.KeyOwnerName, event.KeyOwnerTeam, event.KeyOwnerContact, event.KeyOwnerSource,
	event.KeyMethod, event.KeyRoute, event.KeyTemplate, event.KeyClientAddress, event.KeyClientAS, event.KeyClientCountry,
	event.KeyStatus, event.KeySource,
}

// subject copies what an alert needs of the event, whose memory belongs to somebody else.
func (q *request) subject(fp string) Subject {
	s := Subject{Fingerprint: fp, Scope: q.rec.Scope, TraceID: q.rec.TraceID, SpanID: q.rec.SpanID}
	if !q.quotable() {
		s.Attrs.Add(event.KeyFingerprint, event.String(strings.Clone(fp)))
		return s
	}
	for _, k := range copied {
		if v, ok := q.rec.Attrs.Get(k); ok {
			s.Attrs.Add(k, own(v))
		}
	}
	s.Attrs.Set(event.KeyFingerprint, event.String(strings.Clone(fp)))
	if q.route == "" && q.template == "" && q.path != "" {
		s.Attrs.Set(event.KeyTemplate, event.String(strings.Clone(q.routeText())))
	}
	for _, k := range []string{event.KeyServiceName, event.KeyServiceNamespace, event.KeyDeploymentEnv} {
		if v, ok := q.rec.Resource.Get(k); ok {
			s.Resource.Add(k, own(v))
		}
	}
	return s
}

func own(v event.Value) event.Value {
	if v.Kind() == event.KindString {
		return event.String(strings.Clone(v.Str()))
	}
	return v
}
