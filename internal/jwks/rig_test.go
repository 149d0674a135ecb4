package jwks

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"
)

const (
	iss   = "https://issuer.example.test/"
	other = "https://other.example.test/"
)

// Keys take long to make; each kind is made once for all tests.
var (
	rsaKey  = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) })
	rsaKey2 = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) })
	ecKey   = sync.OnceValue(func() *ecdsa.PrivateKey { return newEC(elliptic.P256()) })
	ecKey2  = sync.OnceValue(func() *ecdsa.PrivateKey { return newEC(elliptic.P256()) })
	p384    = sync.OnceValue(func() *ecdsa.PrivateKey { return newEC(elliptic.P384()) })
	p521    = sync.OnceValue(func() *ecdsa.PrivateKey { return newEC(elliptic.P521()) })
	edKey   = sync.OnceValue(func() ed25519.PrivateKey {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return must(key, err)
	})
)

func newEC(c elliptic.Curve) *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(c, rand.Reader)) }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// jwk is the public part of key as a key set holds it; kid and alg may be empty.
func jwk(key crypto.Signer, kid, alg string) jose.JSONWebKey {
	return jose.JSONWebKey{Key: key.Public(), KeyID: kid, Algorithm: alg}
}

func setOf(keys ...jose.JSONWebKey) []byte {
	if keys == nil {
		keys = []jose.JSONWebKey{}
	}
	return must(json.Marshal(jose.JSONWebKeySet{Keys: keys}))
}

// claims are those of a token of iss, and what more as name, value.
func claims(more ...any) map[string]any {
	c := map[string]any{"iss": iss, "sub": "dummy-user", "aud": "dummy-api", "exp": 1}
	for i := 0; i < len(more); i += 2 {
		c[more[i].(string)] = more[i+1]
	}
	return c
}

// sign makes a token as go-jose does: what we verify was not made by ourselves.
func sign(key any, alg, kid string, c map[string]any, header ...any) string {
	o := (&jose.SignerOptions{}).WithType("JWT")
	for i := 0; i < len(header); i += 2 {
		o.WithHeader(jose.HeaderKey(header[i].(string)), header[i+1])
	}
	if kid != "" {
		o.WithHeader("kid", kid)
	}
	s := must(jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(alg), Key: key}, o))
	return must(must(s.Sign(must(json.Marshal(c)))).CompactSerialize())
}

// assemble makes a token of texts that no library would sign.
func assemble(header, payload string, signature func(input string) []byte) string {
	input := segment(header) + "." + segment(payload)
	return input + "." + segment(string(signature(input)))
}

func segment(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

func edSign(input string) []byte { return ed25519.Sign(edKey(), []byte(input)) }

// fileSets opens sets over one issuer's file.
func fileSets(t testing.TB, set []byte, change ...func(*Issuer)) (s *Sets, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "jwks.json")
	require.NoError(t, os.WriteFile(path, set, 0o600))
	i := Issuer{Name: iss, File: path}
	for _, f := range change {
		f(&i)
	}
	return open(t, Config{Issuers: []Issuer{i}}), path
}

func open(t testing.TB, c Config) *Sets {
	t.Helper()
	s, err := Open(t.Context(), c)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// become verifies a token and returns which of the counters said so.
func (s *Sets) become(t testing.TB, text string) Result {
	t.Helper()
	before := s.Stats()
	ok := s.Verify(text)
	after := s.Stats()
	for i := range after.Results {
		if after.Results[i] != before.Results[i] {
			require.Equal(t, ok, Result(i) == Verified)
			return Result(i)
		}
	}
	t.Fatal("a verification was not counted")
	return 0
}

// withPart replaces segment i of a token.
func withPart(text string, i int, part string) string {
	parts := strings.Split(text, ".")
	parts[i] = part
	return strings.Join(parts, ".")
}
