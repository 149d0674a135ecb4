package secret

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/valyala/fastjson"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/fingerprint"
)

// rfc9449 is the key of the examples in RFC 9449, and its thumbprint there.
const (
	rfc9449Key   = `{"kty":"EC","x":"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs","y":"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA","crv":"P-256"}`
	rfc9449Print = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
)

func TestKeyThumbprint(t *testing.T) {
	for name, tc := range map[string]struct{ jwk, want string }{
		"RFC 9449": {rfc9449Key, rfc9449Print},
		"RFC 7638": {`{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}`,
			"NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"},
		"RFC 8037":   {`{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"},
		"shared key": {`{"kty":"oct","k":"abc"}`, ""},
		"incomplete": {`{"kty":"EC","x":"a","crv":"P-256"}`, ""},
		"injection":  {`{"kty":"OKP","crv":"a\",\"b","x":"y"}`, ""},
	} {
		v, err := fastjson.Parse(tc.jwk)
		require.NoError(t, err)
		assert.Equal(t, tc.want, keyThumbprint(v), name)
	}
}

// proofOf makes a proof of the form of RFC 9449, of a request and with a signature of its own.
func proofOf(d dice) string {
	return b64(`{"typ":"dpop+jwt","alg":"ES256","jwk":`+rfc9449Key+`}`) + "." +
		b64(`{"jti":"`+d.base62(12)+`","htm":"GET","htu":"https://api.example/x","iat":1800000000}`) + "." + d.base62(86)
}

// TestAProofIsNoCredential: the access token is, and two requests of one client have one fingerprint and one key.
func TestAProofIsNoCredential(t *testing.T) {
	d := newDice(80)
	token := d.jwt(`{"sub":"user-1","cnf":{"jkt":"` + rfc9449Print + `"}}`)
	signing := token[:strings.LastIndexByte(token, '.')]
	for range 2 {
		proof := proofOf(d)
		r, _ := seal(t, event.Auth{}, "http.request.header.dpop", proof, authorization, "DPoP "+token, "app.note", "proof "+proof)
		assert.Equal(t, wantToken(t, signing), r.Attrs.Str(event.KeyFingerprint))
		assert.Equal(t, "dpop", r.Attrs.Str(event.KeyTokenScheme))
		assert.Equal(t, rfc9449Print, r.Attrs.Str(event.KeyTokenProofKey))
		assert.Empty(t, r.Attrs.Str(event.KeyOthers))
		assert.NotContains(t, dump(r), proof[:40])
	}
	r, _ := seal(t, event.Auth{}, authorization, "DPoP "+token)
	assert.Equal(t, rfc9449Print, r.Attrs.Str(event.KeyTokenProofKey), "the key that the token says it is bound to")
	r, out := seal(t, event.Auth{}, authorization, "Bearer "+proofOf(d))
	assert.Empty(t, r.Attrs.Str(event.KeyFingerprint))
	assert.Equal(t, event.VisibilityNone, out.Visibility)
	r, _ = seal(t, event.Auth{}, authorization, "Bearer "+d.jwt(`{"sub":"u","cnf":{"jkt":"`+d.github("ghp_")+`abc"}}`))
	_, stamped := r.Attrs.Get(event.KeyTokenProofKey)
	assert.False(t, stamped, "a claim that is no thumbprint")
	r, _ = seal(t, event.Auth{}, event.KeyTokenProofKey, "forged", "url.path", "/")
	assert.NotContains(t, dump(r), "forged")
}

// TestVerifiedTokenProvesWhoseItIs: a signature is believed of the primary credential only.
func TestVerifiedTokenProvesWhoseItIs(t *testing.T) {
	d := newDice(81)
	good := d.jwt(`{"iss":"https://issuer.example","sub":"user-1","azp":"app"}`)
	bad := d.jwt(`{"iss":"https://issuer.example","sub":"victim","azp":"app"}`)
	opaque := "Canary" + d.base62(26)
	asked := 0
	s := New(fingerprint.Static(testRing(t)), Options{Issuer: testIssuer, Verify: func(token string) bool { asked++; return token == good }})
	run := func(auth event.Auth, pairs ...string) *event.Record {
		r := &event.Record{Attrs: attrs(pairs...), Auth: auth}
		s.Record(r)
		return r
	}
	ring := testRing(t)
	who := fingerprint.PrincipalDigest("https://issuer.example", "app", "user-1")
	principal := ring.Stamp(fingerprint.Principal, who).String()

	r := run(event.Auth{}, authorization, "Bearer "+good)
	assert.Equal(t, event.BasisVerified, r.Attrs.Str(event.KeyPrincipalBasis))
	assert.Equal(t, principal, r.Attrs.Str(event.KeyPrincipal))
	previous, _ := ring.Previous(fingerprint.Principal, who)
	assert.Equal(t, previous.String(), r.Attrs.Str(event.KeyPrincipalPrev))
	verified, _ := r.Attrs.Get(event.KeyJWTVerified)
	assert.True(t, verified.Bool())
	_, claimed := r.Attrs.Get(event.KeyPrincipalClaimed)
	assert.False(t, claimed, "what is proven is no claim")
	assert.Equal(t, 1, asked)

	r = run(event.Auth{}, authorization, "Bearer "+bad)
	assert.Equal(t, event.BasisCredential, r.Attrs.Str(event.KeyPrincipalBasis))
	assert.Equal(t, r.Attrs.Str(event.KeyFingerprint), r.Attrs.Str(event.KeyPrincipal))
	assert.NotEmpty(t, r.Attrs.Str(event.KeyPrincipalClaimed))
	_, said := r.Attrs.Get(event.KeyJWTVerified)
	assert.False(t, said)

	r = run(event.Auth{}, authorization, "Bearer "+opaque, "http.request.header.cookie", "session="+good)
	assert.Equal(t, event.BasisCredential, r.Attrs.Str(event.KeyPrincipalBasis), "a valid token of the thief's own, beside a stolen one")
	assert.NotEqual(t, principal, r.Attrs.Str(event.KeyPrincipal))
	_, said = r.Attrs.Get(event.KeyJWTVerified)
	assert.False(t, said)

	r = run(event.Auth{Principal: "consumer-1", Authenticated: true}, authorization, "Bearer "+good)
	assert.Equal(t, event.BasisVerified, r.Attrs.Str(event.KeyPrincipalBasis), "a signature says more than a gateway's log")

	s = New(fingerprint.Static(ring), Options{Issuer: testIssuer, Verify: func(string) bool { panic("boom") }})
	r = run(event.Auth{}, authorization, "Bearer "+good)
	assert.Equal(t, event.RedactionFailed, r.Attrs.Str(event.KeyRedaction))
	assert.NotEmpty(t, r.Attrs.Str(event.KeyFingerprint))
	assert.NotContains(t, dump(r), good)
}
