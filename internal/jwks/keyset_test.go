package jwks

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func filepathOf(t *testing.T, content string) (path string, size int) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "jwks.json")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path, len(content)
}

// keyText is a public key as JSON with members put in or, where nil, left out.
func keyText(k jose.JSONWebKey, members map[string]any) string {
	m := map[string]any{}
	if err := json.Unmarshal(must(k.MarshalJSON()), &m); err != nil {
		panic(err)
	}
	for name, v := range members {
		m[name] = v
		if v == nil {
			delete(m, name)
		}
	}
	return string(must(json.Marshal(m)))
}

func TestKeysThatArePassedOver(t *testing.T) {
	good := keyText(jwk(ecKey2(), "good", ""), nil)
	f := func(want, bad string) {
		t.Helper()
		keys, err := parseSet([]byte(`{"keys":[` + bad + `,` + good + `],"more":1}`))
		require.NoError(t, err, bad)
		require.Len(t, keys, 1)
		assert.Equal(t, "good", keys[0].kid)
		_, err = parseSet([]byte(`{"keys":[` + bad + `]}`))
		require.ErrorContains(t, err, "must hold a key for signatures, found 1 others, the first: key 0: "+want)
		assert.NotContains(t, err.Error(), "canary")
	}
	ec := jwk(ecKey(), "k1", "")
	f("is not for signatures", keyText(ec, map[string]any{"use": "enc"}))
	f("is not for signatures", keyText(ec, map[string]any{"key_ops": []string{"encrypt"}}))
	f("is not for signatures", keyText(ec, map[string]any{"key_ops": "sign"}))
	f("is of no known kind", keyText(ec, map[string]any{"kty": "canary"}))
	f("is of no known kind", keyText(ec, map[string]any{"kty": nil}))
	f("is of no known kind", keyText(ec, map[string]any{"crv": "secp256k1"}))
	f("is of no known kind", keyText(ec, map[string]any{"y": ec.Key.(*ecdsa.PublicKey).X.Bytes()}))
	f("is of no known kind", keyText(ec, map[string]any{"x": nil}))
	f("is of no known kind", keyText(ec, map[string]any{"x5c": []string{"canary"}}))
	f("is of no known kind", `"canary"`)
	f("is of no known kind", `null`)
	f("`kid` must have at most", keyText(ec, map[string]any{"kid": strings.Repeat("k", maxKeyID+1)}))
	f("is of a kind that proves nothing here", `{"kty":"oct","k":"Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5","alg":"HS256","d":"eA"}`)
	f("an RSA key must have at least 2048 bits, found 1024", keyText(jose.JSONWebKey{Key: &rsa.PublicKey{
		N: new(big.Int).SetBit(new(big.Int).SetBytes(rsaKey().N.Bytes()[:128]), 0, 1), E: 65537,
	}}, nil))
	f("is of no known kind", keyText(jose.JSONWebKey{Key: &rsa.PublicKey{
		N: new(big.Int).Lsh(big.NewInt(1), 8192), E: 65537,
	}}, nil))
}

func TestSetsThatAreRefused(t *testing.T) {
	f := func(want, set string) {
		t.Helper()
		_, err := parseSet([]byte(set))
		require.ErrorContains(t, err, want)
	}
	f("must be JSON", "")
	f("must be JSON", "canary")
	f("must be an object with an array `keys`", "[]")
	f("must be an object with an array `keys`", "{}")
	f("must be an object with an array `keys`", `{"keys":{}}`)
	f("must hold a key, found none", `{"keys":[]}`)
	f("must hold at most 100 keys, found 101", `{"keys":[`+strings.Repeat("0,", 100)+`0]}`)
	for _, private := range []any{ecKey(), rsaKey(), edKey()} {
		set := must(json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{jwk(ecKey2(), "good", ""), {Key: private, KeyID: "k1"}}}))
		f("key 1: must not hold the private part", string(set))
	}
}

func TestWhatAKeyCanDo(t *testing.T) {
	all := []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "HS256", "HS384", "HS512", "none", ""}
	f := func(k jose.JSONWebKey, want ...string) {
		t.Helper()
		keys, err := parseSet(setOf(k))
		require.NoError(t, err)
		var can []string
		for _, alg := range all {
			if keys[0].can(alg) {
				can = append(can, alg)
			}
		}
		assert.Equal(t, want, can)
	}
	f(jwk(rsaKey(), "", ""), "RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
	f(jwk(rsaKey(), "", "RS384"), "RS384")
	f(jwk(ecKey(), "", ""), "ES256")
	f(jwk(p384(), "", ""), "ES384")
	f(jwk(p521(), "", ""), "ES512")
	f(jwk(edKey(), "", ""), "EdDSA")
	f(jwk(ecKey(), "", "HS256"))
	f(jwk(ecKey(), "", "RS256"))
}

// The unit of the budget is the cheapest check; the others must weigh what they cost.
func BenchmarkCheck(b *testing.B) {
	big4096 := must(rsa.GenerateKey(rand.Reader, 4096))
	for _, c := range []struct {
		alg string
		key any
		pub jose.JSONWebKey
	}{
		{"RS256", rsaKey(), jwk(rsaKey(), "", "")}, {"PS256", rsaKey(), jwk(rsaKey(), "", "")}, {"RS512", big4096, jwk(big4096, "", "")},
		{"ES256", ecKey(), jwk(ecKey(), "", "")}, {"ES384", p384(), jwk(p384(), "", "")}, {"ES512", p521(), jwk(p521(), "", "")},
		{"EdDSA", edKey(), jwk(edKey(), "", "")},
	} {
		keys := must(parseSet(setOf(c.pub)))
		t, r := split(sign(c.key, c.alg, "", claims()))
		if r != Verified || !t.read() {
			b.Fatal(c.alg)
		}
		signature, _ := t.signatureBytes()
		name := c.alg
		if c.key == any(big4096) {
			name += "-4096"
		}
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if !keys[0].verify(c.alg, []byte(t.input), signature) {
					b.Fatal("did not verify")
				}
			}
			b.ReportMetric(float64(keys[0].cost), "cost")
		})
	}
}

// A token that comes again, which is what tokens do.
func BenchmarkVerify(b *testing.B) {
	s, _ := fileSets(b, setOf(jwk(rsaKey(), "k1", "")))
	good := sign(rsaKey(), "RS256", "k1", claims("roles", strings.Repeat("role ", 60)))
	for name, text := range map[string]string{
		"cached": good, "unknown issuer": sign(rsaKey(), "RS256", "k1", claims("iss", other)), "no token": strings.Repeat("x", 40),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s.Verify(text)
			}
		})
	}
}
