package secret

import (
	"strings"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/fingerprint"
)

const (
	kindToken = fingerprint.Credential
	kindID    = fingerprint.CredentialID
	kindWho   = fingerprint.Principal
)

func idDigest(kind, issuer, id string) fingerprint.Digest {
	return fingerprint.IDDigest(kind, issuer, id)
}

// stamps are the keys that Stamp writes and nothing else may.
var stamps = keySet(
	event.KeyFingerprint, event.KeyFingerprintPrev, event.KeyPrincipal, event.KeyPrincipalPrev,
	event.KeyPrincipalClaimed, event.KeyPrincipalBasis, event.KeyOthers, event.KeyCredentialID, event.KeyTokenScheme,
	event.KeyTokenLocation, event.KeyTokenFormat, event.KeyTokenChecksum, event.KeyTokenTruncated,
	event.KeyJWTIssuer, event.KeyJWTSubject, event.KeyJWTClientID, event.KeyJWTKeyID, event.KeyJWTID,
	event.KeyJWTScopes, event.KeyJWTAudience, event.KeyJWTExpiresAt, event.KeyJWTIssuedAt, event.KeyJWTAlgorithm,
	event.KeyJWTVerified, event.KeyTokensDropped, event.KeyRedaction, event.KeySanitized,
)

func stampOnly(key string) bool {
	if !strings.HasPrefix(key, event.PrefixToken) && !strings.HasPrefix(key, event.PrefixKeytrail) {
		return false
	}
	_, ok := stamps[key]
	return ok
}

// Stamp puts the token attributes of the request; without a credential, and without the remains of one, it puts
// nothing.
func (p *Pass) Stamp(put func(key string, v event.Value)) {
	creds := p.credentials()
	if len(creds) == 0 {
		p.stampMasked(put)
		return
	}
	first := &creds[0]
	fp := p.ring.Stamp(first.kind, first.digest).String()
	put(event.KeyFingerprint, event.String(fp))
	previous, overlap := p.ring.Previous(first.kind, first.digest)
	if overlap {
		put(event.KeyFingerprintPrev, event.String(previous.String()))
	}
	p.stampPrincipal(put, fp, previous, overlap)
	put(event.KeyTokenScheme, event.String(first.scheme))
	put(event.KeyTokenLocation, event.String(p.location(first.place)))
	if first.format != "" {
		put(event.KeyTokenFormat, event.String(first.format))
	}
	if first.checksum != "" {
		put(event.KeyTokenChecksum, event.String(first.checksum))
	}
	p.stampRest(put, creds)
}

// stampPrincipal says whose token it is, as far as the request itself proves it: the gateway's word for a caller it
// let in, else the token stands for itself.
func (p *Pass) stampPrincipal(put func(string, event.Value), fp string, previous fingerprint.ID, overlap bool) {
	basis, who := event.BasisCredential, fp
	if p.principal != "" {
		d := fingerprint.PrincipalDigest(p.issuer, "", p.principal)
		basis, who = event.BasisGateway, p.ring.Stamp(kindWho, d).String()
		previous, overlap = p.ring.Previous(kindWho, d)
	}
	put(event.KeyPrincipal, event.String(who))
	if overlap {
		put(event.KeyPrincipalPrev, event.String(previous.String()))
	}
	put(event.KeyPrincipalBasis, event.String(basis))
}

func (p *Pass) stampRest(put func(string, event.Value), creds []credential) {
	if len(creds) > 1 {
		others := make([]string, 0, len(creds)-1)
		for i := range creds[1:] {
			c := &creds[1+i]
			fp := p.ring.Stamp(c.kind, c.digest).String()
			others = append(others, fp+" "+p.location(c.place)+" "+c.scheme)
		}
		put(event.KeyOthers, event.Strings(others))
	}
	if n := p.Dropped(); n > 0 {
		put(event.KeyTokensDropped, event.Int(int64(n)))
	}
	if p.masked != nil {
		put(event.KeyTokenTruncated, event.Bool(true))
	}
	p.stampNames(put, creds)
}

// stampNames puts what the credentials say about themselves in clear: ids, names and claims, primary first.
func (p *Pass) stampNames(put func(string, event.Value), creds []credential) {
	defer p.recovered()
	var id, user, jwt *credential
	for i := range creds {
		c := &creds[i]
		if id == nil && c.id != "" {
			id = c
		}
		if user == nil && c.user != "" {
			user = c
		}
		if jwt == nil && !c.token.isZero() {
			jwt = c
		}
	}
	if id != nil {
		put(event.KeyCredentialID, event.String(p.claim(event.KeyCredentialID, id.id)))
	}
	if user != nil {
		put(event.KeyUserName, event.String(p.claim(event.KeyUserName, user.user)))
	}
	if jwt == nil {
		return
	}
	c := readClaims(jwt.token.reveal())
	if d, ok := c.principal(); ok {
		put(event.KeyPrincipalClaimed, event.String(p.ring.Stamp(kindWho, d).String()))
	}
	c.put(p, put)
}

// stampMasked says that a credential was there, and where, though too little of it is left to tell which.
func (p *Pass) stampMasked(put func(string, event.Value)) {
	if p.masked == nil {
		return
	}
	put(event.KeyTokenScheme, event.String(p.maskedBy))
	put(event.KeyTokenLocation, event.String(p.location(*p.masked)))
	put(event.KeyTokenTruncated, event.Bool(true))
}

// location renders a place. Its name part may be the caller's (a cookie's name), so it is scrubbed too.
func (p *Pass) location(at place) string {
	if at.name == "" {
		return at.kind
	}
	clean, changed := p.Scrub("", at.String())
	if changed {
		return at.kind
	}
	return clean
}

func (p *Pass) noteMasked(at place, scheme string) {
	if p.masked != nil && p.masked.rank <= at.rank {
		return
	}
	p.masked, p.maskedBy = &at, scheme
}
