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
	event.KeyTokenVisibility, event.KeyTokenProofKey,
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
	switch seen := p.Visibility(); seen {
	case event.VisibilityMasked, event.VisibilityTruncated, event.VisibilityID:
		put(event.KeyTokenVisibility, event.String(seen))
	}
	if len(creds) == 0 {
		p.stampHidden(put)
		p.stampProofKey(put, "")
		return
	}
	first, ids := &creds[0], p.printed()
	put(event.KeyFingerprint, event.String(ids[0].stamp))
	if ids[0].previous != "" {
		put(event.KeyFingerprintPrev, event.String(ids[0].previous))
	}
	who := p.whose(creds)
	p.stampPrincipal(put, who, ids[0].stamp, ids[0].previous)
	put(event.KeyTokenScheme, event.String(first.scheme))
	put(event.KeyTokenLocation, event.String(p.location(first.place)))
	if first.format != "" {
		put(event.KeyTokenFormat, event.String(first.format))
	}
	if first.checksum != "" {
		put(event.KeyTokenChecksum, event.String(first.checksum))
	}
	p.stampRest(put, creds, ids)
	p.stampNames(put, creds, who)
}

// owner is whose a request's token is, as far as the request itself proves it.
type owner struct {
	basis    string
	digest   fingerprint.Digest // unless the basis is the credential itself
	verified bool               // the primary credential is a JWT whose signature verified
	jwt      *credential        // the best-placed JWT, nil without one
	claims   claims             // what it writes
}

// whose asks the token, then the gateway: a signature proves the claims of the token that carries it, and only the
// primary one's, because anybody may send a valid token of his own beside a stolen one.
func (p *Pass) whose(creds []credential) (o owner) {
	defer p.recovered()
	o.basis = event.BasisCredential
	switch {
	case p.principal != "":
		o.basis, o.digest = event.BasisGateway, fingerprint.PrincipalDigest(p.issuer, p.principalKind, p.principal)
	case p.peer != "" && len(creds) == 1: // beside a token, the certificate may be a proxy's
		o.basis, o.digest = event.BasisGateway, fingerprint.PrincipalDigest(p.issuer, schemeMTLS, p.peer)
	}
	for i := range creds {
		if !creds[i].token.isZero() {
			o.jwt = &creds[i]
			break
		}
	}
	if o.jwt == nil {
		return o
	}
	o.claims = readClaims(o.jwt.token.reveal())
	if o.jwt != &creds[0] || p.sealer == nil || p.sealer.verify == nil || !p.sealer.verify(o.jwt.token.reveal()) {
		return o
	}
	o.verified = true
	if d, ok := o.claims.principal(); ok {
		o.basis, o.digest = event.BasisVerified, d
	}
	return o
}

func (p *Pass) stampPrincipal(put func(string, event.Value), o owner, who, previous string) {
	if o.basis != event.BasisCredential {
		who, previous = p.ring.Stamp(kindWho, o.digest).String(), ""
		if id, overlap := p.ring.Previous(kindWho, o.digest); overlap {
			previous = id.String()
		}
	}
	put(event.KeyPrincipal, event.String(who))
	if previous != "" {
		put(event.KeyPrincipalPrev, event.String(previous))
	}
	put(event.KeyPrincipalBasis, event.String(o.basis))
}

func (p *Pass) others(creds []credential, ids []prints) []string {
	list := make([]string, 0, len(creds))
	for i := range creds {
		c := &creds[i]
		list = append(list, ids[i].stamp+" "+p.location(c.place)+" "+c.scheme)
	}
	return list
}

func (p *Pass) stampRest(put func(string, event.Value), creds []credential, ids []prints) {
	if len(creds) > 1 {
		put(event.KeyOthers, event.Strings(p.others(creds[1:], ids[1:])))
	}
	if n := p.Dropped(); n > 0 {
		put(event.KeyTokensDropped, event.Int(int64(n)))
	}
	if p.hidden.remains {
		put(event.KeyTokenTruncated, event.Bool(true))
	}
}

// stampNames puts what the credentials say about themselves in clear: ids, names and claims, primary first.
func (p *Pass) stampNames(put func(string, event.Value), creds []credential, o owner) {
	defer p.recovered()
	var id, user *credential
	for i := range creds {
		c := &creds[i]
		if id == nil && c.id != "" {
			id = c
		}
		if user == nil && c.user != "" {
			user = c
		}
	}
	if id != nil {
		put(event.KeyCredentialID, event.String(p.claim(event.KeyCredentialID, id.id)))
	}
	if user != nil {
		put(event.KeyUserName, event.String(p.claim(event.KeyUserName, user.user)))
	}
	p.stampProofKey(put, o.claims.proofKey)
	if o.jwt == nil {
		return
	}
	if o.verified {
		put(event.KeyJWTVerified, event.Bool(true))
	} else if d, ok := o.claims.principal(); ok {
		put(event.KeyPrincipalClaimed, event.String(p.ring.Stamp(kindWho, d).String()))
	}
	o.claims.put(p, put)
}

// stampProofKey names the key that the request proved to hold, else the one that its token says it is bound to.
func (p *Pass) stampProofKey(put func(string, event.Value), bound string) {
	switch {
	case p.proofKey != "":
		put(event.KeyTokenProofKey, event.String(p.proofKey))
	case plainThumbprint(bound):
		if clean, changed := p.Scrub("", bound); !changed { // the caller writes the claim, and may write a token there
			put(event.KeyTokenProofKey, event.String(clean))
		}
	}
}

// stampHidden says that a credential was there, and where, though too little of it is left to tell which.
func (p *Pass) stampHidden(put func(string, event.Value)) {
	if p.hidden.how == "" {
		return
	}
	put(event.KeyTokenScheme, event.String(p.hidden.scheme))
	put(event.KeyTokenLocation, event.String(p.location(p.hidden.place)))
	if p.hidden.remains {
		put(event.KeyTokenTruncated, event.Bool(true))
	}
}

// locationAuthorization is where most credentials stand.
const locationAuthorization = placeHeader + ".authorization"

// location renders a place. Its name part may be the caller's (a cookie's name), so it is scrubbed too.
func (p *Pass) location(at place) string {
	switch {
	case at.name == "":
		return at.kind
	case at.name == "authorization" && at.kind == placeHeader:
		return locationAuthorization
	}
	if at.kind == placeHeader {
		if text, ok := headerLocations[at.name]; ok {
			return p.unlessPresented(text, at)
		}
	}
	clean, changed := p.scrubText(at.String())
	if changed {
		return at.kind
	}
	return clean
}

// headerLocations are the locations of headers that we name ourselves.
var headerLocations = func() map[string]string {
	m := make(map[string]string)
	for _, c := range common {
		if c.header {
			m[c.name] = place{kind: placeHeader, name: c.name}.String()
		}
	}
	return m
}()

// unlessPresented returns a text of ours, unless somebody presented it as his credential.
func (p *Pass) unlessPresented(text string, at place) string {
	for _, v := range p.values {
		if strings.Contains(text, v.reveal()) {
			return at.kind
		}
	}
	return text
}
