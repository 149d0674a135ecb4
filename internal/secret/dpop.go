package secret

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"

	"github.com/valyala/fastjson"
)

// RFC 9449: `Authorization: DPoP` carries an access token, and the header DPoP a JWT of this request alone, signed
// with the key that the token is bound to. The proof is no credential. Its key is: every token of one client
// instance is bound to it, so its thumbprint tells a stolen token from a renewed one.

// proofType is the typ of a proof's header.
const proofType = `dpop+jwt`

// addProof reads the key of a proof. All of the proof is removed.
func (p *Pass) addProof(jwt string) {
	p.addValue(jwt, rankOther)
	if p.proofKey != "" {
		return
	}
	header, _, _ := strings.Cut(jwt, ".")
	withSegment(header, func(v *fastjson.Value) {
		if jwk := v.Get("jwk"); jwk != nil {
			p.proofKey = keyThumbprint(jwk)
		}
	})
}

// keyThumbprint is the RFC 7638 thumbprint of a public key: SHA-256 over its required members in lexicographic order.
func keyThumbprint(jwk *fastjson.Value) string {
	var members []string
	switch string(jwk.GetStringBytes("kty")) {
	case "EC":
		members = []string{"crv", "kty", "x", "y"}
	case "OKP":
		members = []string{"crv", "kty", "x"}
	case "RSA":
		members = []string{"e", "kty", "n"}
	default:
		return "" // a proof signed with a shared key is refused by every server
	}
	canonical := []byte{'{'}
	for i, name := range members {
		value := jwk.GetStringBytes(name)
		if !plainMember(value) {
			return ""
		}
		if i > 0 {
			canonical = append(canonical, ',')
		}
		canonical = append(canonical, '"')
		canonical = append(canonical, name...)
		canonical = append(canonical, `":"`...)
		canonical = append(canonical, value...)
		canonical = append(canonical, '"')
	}
	sum := sha256.Sum256(append(canonical, '}'))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// longestMemberOfKey is the modulus of an RSA key of 16,384 bits.
const longestMemberOfKey = 2732

// plainMember reports whether a member of a key is what the standards allow, which needs no escaping.
func plainMember(v []byte) bool {
	for _, c := range v {
		if letterSets[c]&urlSafe == 0 {
			return false
		}
	}
	return len(v) > 0 && len(v) <= longestMemberOfKey
}

// plainThumbprint reports whether a claim is a thumbprint in the form we stamp.
func plainThumbprint(s string) bool {
	return len(s) == base64.RawURLEncoding.EncodedLen(sha256.Size) && letterRun(s, 0, urlSafe) == len(s)
}
