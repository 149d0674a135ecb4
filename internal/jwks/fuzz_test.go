package jwks

import (
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

var fuzzAlgorithms = []jose.SignatureAlgorithm{
	jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
}

// Whatever comes in: no panic, one result; and what is verified, another library verifies too, under the same issuer.
func FuzzVerify(f *testing.F) {
	keys := []jose.JSONWebKey{jwk(rsaKey(), "rsa", ""), jwk(ecKey(), "ec", ""), jwk(edKey(), "", "")}
	s, _ := fileSets(f, setOf(keys...))
	for _, text := range []string{
		sign(rsaKey(), "RS256", "rsa", claims()), sign(rsaKey(), "PS512", "rsa", claims()), sign(ecKey(), "ES256", "ec", claims()),
		sign(edKey(), "EdDSA", "", claims("aud", []string{"a", "b"})), sign(ecKey2(), "ES256", "ec", claims()),
		segment(`{"alg":"none"}`) + "." + segment(`{"iss":"`+iss+`"}`) + ".", "a.b.c", "..", "",
		assemble(`{"alg":"EdDSA","alg":"EdDSA"}`, `{"iss":"`+iss+`"}`, edSign),
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if s.become(t, text) != Verified {
			return
		}
		jws, err := jose.ParseSignedCompact(strings.TrimRight(text, "="), fuzzAlgorithms)
		if err != nil {
			t.Fatalf("verified, and no JWS: %v", err)
		}
		for _, k := range keys {
			if payload, err := jws.Verify(k.Key); err == nil && strings.Contains(string(payload), iss) {
				return
			}
		}
		t.Fatalf("verified against nothing: %q", text)
	})
}

// A key set may come from an address: what it holds is refused or used, and never quoted.
func FuzzParseSet(f *testing.F) {
	f.Add(setOf(jwk(rsaKey(), "rsa", "RS256"), jwk(ecKey(), "ec", ""), jwk(edKey(), "", "")))
	f.Add([]byte(`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA","x5c":["AA"],"x5u":":"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		keys, err := parseSet(data)
		if (err == nil) == (len(keys) == 0) {
			t.Fatalf("%d keys, error %v", len(keys), err)
		}
		text := sign(ecKey(), "ES256", "", claims())
		tok, _ := split(text)
		for _, k := range keys {
			k.verify("ES256", []byte(tok.input), make([]byte, 64))
		}
		succeed(&keySet{generation: 1, keys: keys}, keys)
	})
}
