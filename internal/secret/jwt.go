package secret

import (
	"encoding/base64"
	"strings"
	"time"

	"github.com/valyala/fastjson"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/fingerprint"
)

const (
	// longestClaims bounds a segment whose JSON is read. Servers cap the whole header at 8 to 16 KiB.
	longestClaims = 32 << 10
	// longestClaim bounds one claim as it is kept: claims are the caller's to write until they are verified.
	longestClaim = 256
	// maxClaimList bounds scopes and audiences.
	maxClaimList = 32
)

// Outcomes of looking at a text as a JOSE token.
type jose uint8

const (
	notJOSE jose = iota
	jws
	jwe
	cutJOSE // begins like one, and lacks a part
	proof   // of DPoP: proves a key, is no credential
)

// classifyJOSE tells a JWS or JWE in compact form from other tokens, and finds those that a gateway cut short.
func classifyJOSE(s string) jose {
	if !strings.HasPrefix(s, "ey") && !strings.HasPrefix(s, "ewo") {
		return notJOSE
	}
	header, rest, dotted := strings.Cut(s, ".")
	if !dotted {
		return classifyHeaderOnly(header)
	}
	jose, isProof := joseHeader(header)
	switch {
	case !jose:
		return notJOSE
	case isProof:
		return proof
	}
	switch strings.Count(rest, ".") {
	case 0, 1: // without a signature it is what a careful gateway logs: the signing input is all we need
		payload, _, _ := strings.Cut(rest, ".")
		if !wholePayload(payload, rest != payload) {
			return cutJOSE
		}
		return jws
	case 3:
		return jwe
	}
	return cutJOSE
}

// classifyHeaderOnly judges a text without a dot: a complete JSON object without an algorithm is some other token
// in base64; anything else is a JWT of which too little is left.
func classifyHeaderOnly(header string) jose {
	if len(header) > longestClaims {
		return notJOSE
	}
	b, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(header, "="))
	if err == nil && fastjson.ValidateBytes(b) == nil && !strings.Contains(string(b), `"alg"`) {
		return notJOSE
	}
	if err != nil && strings.ContainsAny(header, "+/") {
		return notJOSE
	}
	return cutJOSE
}

// wholePayload reports whether nothing of a payload is missing. With a signature behind it, it is whole whatever it
// holds; without, it must be a complete JSON object.
func wholePayload(payload string, signed bool) bool {
	if payload == "" || signed {
		return payload != ""
	}
	if len(payload) > longestClaims {
		return false
	}
	b, err := base64.RawURLEncoding.DecodeString(payload)
	return err == nil && fastjson.ValidateBytes(b) == nil
}

// signingInput is header.payload: the identity of a JWS, because a signature can be respelled and still verify.
func signingInput(s string) string {
	header := strings.IndexByte(s, '.')
	if end := strings.IndexByte(s[header+1:], '.'); end >= 0 {
		return s[:header+1+end]
	}
	return s
}

// claims of an unproven JWT, as it writes them.
type claims struct {
	issuer, subject, client, keyID, id, algorithm string
	proofKey                                      string // the key that the token is bound to
	scopes, audience                              []string
	expires, issued                               time.Time
}

var parsers fastjson.ParserPool

// readClaims reads a JWS; what cannot be read is left empty.
func readClaims(token string) claims {
	var c claims
	header, rest, _ := strings.Cut(token, ".")
	payload, _, _ := strings.Cut(rest, ".")
	withSegment(header, func(v *fastjson.Value) {
		c.algorithm = text(v, "alg")
		c.keyID = text(v, "kid")
	})
	withSegment(payload, func(v *fastjson.Value) {
		c.issuer = text(v, "iss")
		c.subject = text(v, "sub")
		c.id = text(v, "jti")
		for _, name := range []string{"client_id", "azp", "cid", "appid"} {
			if c.client == "" {
				c.client = text(v, name)
			}
		}
		c.scopes = list(v, "scope")
		if c.scopes == nil {
			c.scopes = list(v, "scp")
		}
		if len(c.scopes) == 1 {
			c.scopes = strings.Fields(c.scopes[0])
		}
		c.audience = list(v, "aud")
		if cnf := v.Get("cnf"); cnf != nil {
			c.proofKey = text(cnf, "jkt")
		}
		c.expires = moment(v, "exp")
		c.issued = moment(v, "iat")
	})
	return c
}

func withSegment(segment string, read func(*fastjson.Value)) {
	if len(segment) > longestClaims {
		return
	}
	b, err := base64.RawURLEncoding.DecodeString(segment)
	if err != nil {
		return
	}
	parser := parsers.Get()
	defer parsers.Put(parser)
	if v, err := parser.ParseBytes(b); err == nil && v.Type() == fastjson.TypeObject {
		read(v)
	}
}

// text copies: the parser's memory is used again.
func text(v *fastjson.Value, name string) string { return string(v.GetStringBytes(name)) }

func list(v *fastjson.Value, name string) []string {
	member := v.Get(name)
	if member == nil {
		return nil
	}
	if member.Type() == fastjson.TypeString {
		return []string{string(member.GetStringBytes())}
	}
	var l []string
	for _, item := range member.GetArray() {
		if len(l) == maxClaimList {
			break
		}
		if b := item.GetStringBytes(); b != nil {
			l = append(l, string(b))
		}
	}
	return l
}

// lastMoment is the end of the year 9999, beyond which RFC 3339 has no form.
const lastMoment = 253402300799

func moment(v *fastjson.Value, name string) time.Time {
	seconds := v.GetFloat64(name)
	if seconds <= 0 || seconds > lastMoment {
		return time.Time{}
	}
	return time.Unix(int64(seconds), 0).UTC()
}

// put stamps the claims. They come from the caller, so each is scrubbed and cut like any other text.
func (c *claims) put(p *Pass, put func(string, event.Value)) {
	str := func(key, value string) {
		if value != "" {
			put(key, event.String(p.claim(key, value)))
		}
	}
	str(event.KeyJWTIssuer, c.issuer)
	str(event.KeyJWTSubject, c.subject)
	str(event.KeyJWTClientID, c.client)
	str(event.KeyJWTKeyID, c.keyID)
	str(event.KeyJWTID, c.id)
	str(event.KeyJWTAlgorithm, c.algorithm)
	strs := func(key string, values []string) {
		if len(values) == 0 {
			return
		}
		values = values[:min(len(values), maxClaimList)]
		clean := make([]string, len(values))
		for i, v := range values {
			clean[i] = p.claim(key, v)
		}
		put(key, event.Strings(clean))
	}
	strs(event.KeyJWTScopes, c.scopes)
	strs(event.KeyJWTAudience, c.audience)
	when := func(key string, t time.Time) {
		if !t.IsZero() {
			put(key, event.String(t.Format(time.RFC3339)))
		}
	}
	when(event.KeyJWTExpiresAt, c.expires)
	when(event.KeyJWTIssuedAt, c.issued)
}

func (p *Pass) claim(key, value string) string {
	clean, _ := p.scrub(&note{class: p.lookupClass(key)}, key, value)
	cut := cutText(clean, longestClaim)
	if len(cut) < len(clean) {
		p.sanitized = true
	}
	return cut
}

// principal is the stable identity the claims name; zero where they name none.
func (c *claims) principal() (fingerprint.Digest, bool) {
	if c.subject == "" && c.client == "" {
		return fingerprint.Digest{}, false
	}
	return fingerprint.PrincipalDigest(c.issuer, c.client, c.subject), true
}
