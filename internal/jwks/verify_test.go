package jwks

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEveryAlgorithm(t *testing.T) {
	f := func(alg string, key crypto.Signer, size int) {
		t.Helper()
		s, _ := fileSets(t, setOf(jwk(key, "k1", "")))
		good := sign(key, alg, "k1", claims())
		assert.Equal(t, Verified, s.become(t, good), alg)
		assert.Equal(t, Verified, s.become(t, sign(key, alg, "", claims())), "%s without kid", alg)
		parts := strings.Split(good, ".")
		signature := must(base64.RawURLEncoding.DecodeString(parts[2]))
		assert.Len(t, signature, size)
		for _, i := range []int{0, size / 2, size - 1} {
			signature[i] ^= 1
			assert.Equal(t, Failed, s.become(t, withPart(good, 2, base64.RawURLEncoding.EncodeToString(signature))), "%s byte %d", alg, i)
			signature[i] ^= 1
		}
		assert.Equal(t, Failed, s.become(t, withPart(good, 1, segment(`{"iss":"`+iss+`","sub":"somebody-else"}`))), alg)
		assert.Equal(t, Failed, s.become(t, withPart(good, 2, base64.RawURLEncoding.EncodeToString(signature[:size-1]))), "%s cut", alg)
		assert.Equal(t, Failed, s.become(t, withPart(good, 2, segment(string(signature)+"x"))), "%s longer", alg)
	}
	for _, alg := range []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"} {
		f(alg, rsaKey(), 256)
	}
	f("ES256", ecKey(), 64)
	f("ES384", p384(), 96)
	f("ES512", p521(), 132)
	f("EdDSA", edKey(), 64)
}

// The ways in which a token makes a verifier check something other than what it should.
func TestAlgorithmConfusion(t *testing.T) {
	s, _ := fileSets(t, setOf(jwk(rsaKey(), "rsa", ""), jwk(ecKey(), "ec", ""), jwk(rsaKey2(), "only-ps", "PS256")))
	good := sign(rsaKey(), "RS256", "rsa", claims())
	require.Equal(t, Verified, s.become(t, good))
	payload := strings.Split(good, ".")[1]
	body := string(must(base64.RawURLEncoding.DecodeString(payload)))

	// HS256 with what is public for its secret, in each form in which a server may have it.
	der := must(x509.MarshalPKIXPublicKey(rsaKey().Public()))
	for _, secret := range [][]byte{
		der, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), rsaKey().N.Bytes(), setOf(jwk(rsaKey(), "rsa", "")),
	} {
		assert.Equal(t, Failed, s.become(t, assemble(`{"alg":"HS256","kid":"rsa"}`, body, func(input string) []byte {
			mac := hmac.New(sha256.New, secret)
			mac.Write([]byte(input))
			return mac.Sum(nil)
		})))
	}
	for _, alg := range []string{"none", "None", "NONE", "nOnE", "", "hs256", "rs256", "RS256 ", "RS1", "dir"} {
		header := segment(`{"alg":"` + alg + `","kid":"rsa"}`)
		assert.Equal(t, Failed, s.become(t, header+"."+payload+".AAAA"), alg)
		assert.Equal(t, Unsigned, s.become(t, header+"."+payload+"."), alg)
	}
	assert.Equal(t, Failed, s.become(t, segment(`{"kid":"rsa"}`)+"."+payload+".AAAA"), "no algorithm")
	assert.Equal(t, Failed, s.become(t, segment(`{"alg":["RS256"],"kid":"rsa"}`)+"."+payload+".AAAA"))

	// A key serves the algorithms of its type, or the one that its set names.
	assert.Equal(t, UnknownKey, s.become(t, sign(ecKey(), "ES256", "rsa", claims())))
	assert.Equal(t, UnknownKey, s.become(t, sign(rsaKey(), "RS256", "ec", claims())))
	assert.Equal(t, UnknownKey, s.become(t, sign(rsaKey2(), "RS256", "only-ps", claims())))
	assert.Equal(t, Verified, s.become(t, sign(rsaKey2(), "PS256", "only-ps", claims())))
	assert.Equal(t, UnknownKey, s.become(t, sign(p384(), "ES384", "ec", claims())), "another curve")

	// ECDSA with r = s = 0, which some libraries took for good.
	assert.Equal(t, Failed, s.become(t, assemble(`{"alg":"ES256","kid":"ec"}`, body, func(string) []byte { return make([]byte, 64) })))
}

// What a token says about where its key is found is never looked at.
func TestTheTokenDoesNotChooseItsKey(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(secret, []byte("dummy"), 0o600))
	s, _ := fileSets(t, setOf(jwk(ecKey(), "k1", "")))
	for _, h := range [][]any{
		{"jku", "https://attacker.example.test/jwks.json"},
		{"x5u", "https://attacker.example.test/cert.pem"},
		{"jwk", jwk(ecKey2(), "k1", "")},
		{"x5c", []string{base64.StdEncoding.EncodeToString([]byte("no certificate"))}},
	} {
		assert.Equal(t, Failed, s.become(t, sign(ecKey2(), "ES256", "k1", claims(), h...)), "%v", h[0])
		assert.Equal(t, Verified, s.become(t, sign(ecKey(), "ES256", "k1", claims(), h...)), "%v beside a good signature", h[0])
	}
	for _, kid := range []string{
		"../../../../dev/null", secret, "k1\x00", "K1", " k1", "k1' OR '1'='1", strings.Repeat("k", maxKeyID+1), "\u202ek1",
	} {
		assert.Equal(t, UnknownKey, s.become(t, sign(ecKey(), "ES256", kid, claims())), "%.40q", kid)
	}
	assert.Equal(t, Failed, s.become(t, sign(ecKey2(), "ES256", "", claims())))
}

func TestIssuersDoNotShareKeys(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a.json"), filepath.Join(dir, "b.json")
	require.NoError(t, os.WriteFile(a, setOf(jwk(ecKey(), "k1", "")), 0o600))
	require.NoError(t, os.WriteFile(b, setOf(jwk(ecKey2(), "k1", "")), 0o600))
	s := open(t, Config{Issuers: []Issuer{{Name: iss, File: a}, {Name: other, File: b}}})
	assert.Equal(t, Verified, s.become(t, sign(ecKey(), "ES256", "k1", claims())))
	assert.Equal(t, Verified, s.become(t, sign(ecKey2(), "ES256", "k1", claims("iss", other))))
	assert.Equal(t, Failed, s.become(t, sign(ecKey(), "ES256", "k1", claims("iss", other))), "the key of another issuer")
	assert.Equal(t, Failed, s.become(t, sign(ecKey2(), "ES256", "k1", claims())))
}

func TestTheIssuerIsExact(t *testing.T) {
	s, _ := fileSets(t, setOf(jwk(edKey(), "", "")))
	for _, name := range []any{
		strings.TrimSuffix(iss, "/"), strings.ToUpper(iss), " " + iss, iss + "\x00", "", nil, 7, []string{iss}, map[string]any{"a": iss},
	} {
		assert.Equal(t, UnknownIssuer, s.become(t, sign(edKey(), "EdDSA", "", claims("iss", name))), "%v", name)
	}
	assert.Equal(t, UnknownIssuer, s.become(t, assemble(`{"alg":"EdDSA"}`, `{"ISS":"`+iss+`"}`, edSign)), "names are exact, too")
}

// A token whose claims can be read in two ways is not one that proves anything: the same signature would stand for
// whichever reading.
func TestAmbiguousTokens(t *testing.T) {
	s, _ := fileSets(t, setOf(jwk(edKey(), "", "")))
	f := func(want Result, header, payload string) {
		t.Helper()
		assert.Equal(t, want, s.become(t, assemble(header, payload, edSign)), "%s.%s", header, payload)
	}
	f(Verified, `{"alg":"EdDSA"}`, `{"iss":"`+iss+`","sub":"a","x":1,"x":2}`)
	f(Malformed, `{"alg":"EdDSA"}`, `{"iss":"`+other+`","iss":"`+iss+`"}`)
	f(Malformed, `{"alg":"EdDSA"}`, `{"iss":"`+iss+`","sub":"a","sub":"b"}`)
	f(Malformed, `{"alg":"EdDSA"}`, `{"\u0069ss":"`+other+`","iss":"`+iss+`"}`)
	f(Malformed, `{"alg":"none","alg":"EdDSA"}`, `{"iss":"`+iss+`"}`)
	f(Malformed, `{"alg":"EdDSA"}`, `[{"iss":"`+iss+`"}]`)
	f(Malformed, `{"alg":"EdDSA"}`, `{"iss":"`+iss+`"} {}`)
	f(Malformed, `{"alg":"EdDSA"}`, strings.Repeat("[", 10_000))
	f(Malformed, `"EdDSA"`, `{"iss":"`+iss+`"}`)
	f(Failed, `{"alg":"EdDSA","crit":["b64"],"b64":false}`, `{"iss":"`+iss+`"}`)
	f(Failed, `{"alg":"EdDSA","crit":[]}`, `{"iss":"`+iss+`"}`)
}

func TestShapes(t *testing.T) {
	s, _ := fileSets(t, setOf(jwk(edKey(), "", "")))
	good := sign(edKey(), "EdDSA", "", claims())
	parts := strings.Split(good, ".")
	for text, want := range map[string]Result{
		good: Verified,
		"":   Malformed, ".": Malformed, "..": Malformed, "a.b.c": Malformed,
		"Bearer " + good:                    Malformed,
		good + ".":                          Malformed,
		good + "." + parts[2] + "." + "AA":  Malformed, // a JWE has five
		parts[0] + "." + parts[1]:           Unsigned,
		parts[0] + "." + parts[1] + ".":     Unsigned,
		parts[0] + ".." + parts[2]:          Malformed,
		"." + parts[1] + "." + parts[2]:     Malformed,
		withPart(good, 0, "eyJhbGciOiJFZE"): Malformed,
		withPart(good, 1, "***"):            Malformed,
	} {
		assert.Equal(t, want, s.become(t, text), "%.30s", text)
	}
	big := func(size int) string {
		for pad := size * 3 / 4; ; pad-- {
			if text := sign(edKey(), "EdDSA", "", claims("pad", strings.Repeat("x", pad))); len(text) <= size {
				return text
			}
		}
	}
	fits := big(maxToken)
	assert.Equal(t, Verified, s.become(t, fits))
	assert.Equal(t, Malformed, s.become(t, sign(edKey(), "EdDSA", "", claims("pad", strings.Repeat("x", maxToken)))))
}

// The identity of a token is header.payload as sent. Another spelling of these is another token, which the issuer did
// not sign; another spelling of the signature is the same one.
func TestRespelledTokens(t *testing.T) {
	s, _ := fileSets(t, setOf(jwk(ecKey(), "k1", ""), jwk(edKey(), "k2", "")))
	respelled := 0
	for pad := range 6 {
		good := sign(ecKey(), "ES256", "k1", claims("pad", strings.Repeat("x", pad)))
		require.Equal(t, Verified, s.become(t, good))
		for part, want := range []Result{Failed, Failed, Verified} {
			other, ok := strayBits(strings.Split(good, ".")[part])
			if !ok {
				continue
			}
			respelled++
			assert.Equal(t, want, s.become(t, withPart(good, part, other)), "stray bits in part %d", part)
		}
		assert.Equal(t, Verified, s.become(t, good+"=="))
		parts := strings.Split(good, ".")
		assert.NotEqual(t, Verified, s.become(t, withPart(good, 1, parts[1][:8]+"\n"+parts[1][8:])))
	}
	assert.Greater(t, respelled, 6)

	// Each ECDSA signature (r, s) has the twin (r, n - s).
	good := sign(ecKey(), "ES256", "k1", claims())
	signature := must(base64.RawURLEncoding.DecodeString(strings.Split(good, ".")[2]))
	twin := new(big.Int).Sub(ecKey().Params().N, new(big.Int).SetBytes(signature[32:]))
	twin.FillBytes(signature[32:])
	assert.Equal(t, Verified, s.become(t, withPart(good, 2, base64.RawURLEncoding.EncodeToString(signature))))

	// DER is what other protocols use, and no JWS.
	digest := sha256.Sum256([]byte(good[:strings.LastIndexByte(good, '.')]))
	der := must(ecdsa.SignASN1(nil, ecKey(), digest[:]))
	assert.Equal(t, Failed, s.become(t, withPart(good, 2, base64.RawURLEncoding.EncodeToString(der))))
}

// strayBits changes the bits of the last letter that no byte comes from.
func strayBits(part string) (string, bool) {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	if len(part)%4 == 0 {
		return "", false
	}
	last := strings.IndexByte(letters, part[len(part)-1])
	return part[:len(part)-1] + string(letters[last^1]), true
}

func TestAudiences(t *testing.T) {
	s, _ := fileSets(t, setOf(jwk(edKey(), "", "")), func(i *Issuer) { i.Audiences = []string{"api-1", "api-2"} })
	f := func(want Result, aud any) {
		t.Helper()
		assert.Equal(t, want, s.become(t, sign(edKey(), "EdDSA", "", claims("aud", aud))), "%v", aud)
	}
	f(Verified, "api-1")
	f(Verified, []string{"x", "api-2"})
	f(WrongAudience, "api-3")
	f(WrongAudience, "api-1 api-2")
	f(WrongAudience, []any{})
	f(WrongAudience, nil)
	f(WrongAudience, map[string]any{"api-1": "api-1"})
	f(WrongAudience, []any{[]string{"api-1"}})
}

// An expired token says whose it was; that is what the trail is for.
func TestTimesAreNotLookedAt(t *testing.T) {
	s, _ := fileSets(t, setOf(jwk(edKey(), "", "")))
	for _, c := range []map[string]any{
		claims("exp", 1), claims("exp", -1), claims("exp", "never"), claims("nbf", 1<<50), claims("iat", 1e300), claims("exp", nil),
	} {
		assert.Equal(t, Verified, s.become(t, sign(edKey(), "EdDSA", "", c)), "%v", c)
	}
}
