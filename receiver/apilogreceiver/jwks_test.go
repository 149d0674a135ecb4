package apilogreceiver

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer/consumertest"

	"github.com/keytrail/keytrail/internal/event"
)

const testIssuer = "https://issuer.example.test/"

// authority signs tokens as an identity provider does.
type authority struct {
	t   *testing.T
	key *ecdsa.PrivateKey
	kid string
}

func newAuthority(t *testing.T, kid string) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return authority{t, key, kid}
}

func (a authority) sign(claims map[string]any) string {
	a.t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: a.key},
		(&jose.SignerOptions{}).WithType("JWT").WithHeader("kid", a.kid))
	require.NoError(a.t, err)
	payload, err := json.Marshal(claims)
	require.NoError(a.t, err)
	jws, err := signer.Sign(payload)
	require.NoError(a.t, err)
	text, err := jws.CompactSerialize()
	require.NoError(a.t, err)
	return text
}

func (a authority) keySet() []byte {
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: a.key.Public(), KeyID: a.kid}}})
	require.NoError(a.t, err)
	return set
}

func dummyClaims() map[string]any {
	return map[string]any{"iss": testIssuer, "sub": "dummy-subject", "client_id": "dummy-client", "aud": "dummy-api", "exp": 1, "jti": canaryID}
}

// canaryID is a claim, not a credential: it may be kept.
const canaryID = "dummy-jwt-id"

// newJWKS is an element of `jwks:` with its defaults.
func newJWKS(t *testing.T, conf map[string]any) JWKSConfig {
	t.Helper()
	var c JWKSConfig
	require.NoError(t, c.Unmarshal(confmap.NewFromStringMap(conf)))
	return c
}

func kongBearer(id, token string) []byte {
	return fmt.Appendf(nil, `{"request":{"id":%q,"method":"GET","uri":"/v1/orders/17","url":"http://api.example.test:8000/v1/orders/17",`+
		`"size":214,"headers":{"host":"api.example.test","authorization":"Bearer %s"}},`+
		`"response":{"status":200,"size":512,"headers":{}},"latencies":{"kong":1,"proxy":11,"request":12},`+
		`"service":{"name":"orders"},"client_ip":"192.0.2.7","started_at":%d}`, id, token, nowMillis())
}

// A proven token names who it was issued for; a forged one only claims to, and its claim stands where nobody takes it
// for more.
func TestAVerifiedJWT(t *testing.T) {
	real, forger := newAuthority(t, "k1"), newAuthority(t, "k1")
	path := filepath.Join(t.TempDir(), "jwks.json")
	require.NoError(t, os.WriteFile(path, real.keySet(), 0o600))
	cfg := testConfig(t)
	cfg.JWKS = []JWKSConfig{newJWKS(t, map[string]any{"issuer": testIssuer, "file": path, "audiences": []any{"dummy-api"}})}
	r := start(t, cfg)

	again := dummyClaims()
	again["jti"] = "dummy-next"
	elsewhere := dummyClaims()
	elsewhere["iss"] = "https://elsewhere.example.test/"
	tokens := []string{real.sign(dummyClaims()), real.sign(again), forger.sign(dummyClaims()), real.sign(elsewhere)}
	for i, token := range tokens {
		require.Equal(t, 200, r.post("/ingest/kong", kongBearer(fmt.Sprint("request-", i), token)).code)
	}
	events := r.events()
	require.Len(t, events, len(tokens))
	attr := func(i int, key string) string { return events[i].Attrs.Str(key) }
	verified := func(i int) bool {
		v, ok := events[i].Attrs.Get(event.KeyJWTVerified)
		return ok && v.Bool()
	}
	assert.True(t, verified(0))
	assert.Equal(t, event.BasisVerified, attr(0, event.KeyPrincipalBasis))
	assert.Regexp(t, `^kp1_[0-9a-f]{32}$`, attr(0, event.KeyPrincipal))
	assert.True(t, verified(1))
	assert.NotEqual(t, attr(0, event.KeyFingerprint), attr(1, event.KeyFingerprint))
	assert.Equal(t, attr(0, event.KeyPrincipal), attr(1, event.KeyPrincipal), "another token of the same caller")

	for _, i := range []int{2, 3} {
		assert.False(t, verified(i))
		assert.Equal(t, event.BasisCredential, attr(i, event.KeyPrincipalBasis))
		assert.Equal(t, attr(i, event.KeyFingerprint), attr(i, event.KeyPrincipal), "it stands for itself")
		assert.Regexp(t, `^kp1_`, attr(i, event.KeyPrincipalClaimed))
	}
	assert.Equal(t, attr(0, event.KeyPrincipal), attr(2, event.KeyPrincipalClaimed))

	assert.Equal(t, int64(2), r.counter("jwks_verifications", "result=verified"))
	assert.Equal(t, int64(1), r.counter("jwks_verifications", "result=failed"))
	assert.Equal(t, int64(1), r.counter("jwks_verifications", "result=unknown_issuer"))
	out := r.everything()
	for _, token := range tokens {
		for _, part := range strings.Split(token, ".")[1:] {
			assert.False(t, strings.Contains(out, part), "a part of a token came out")
		}
	}
}

// An issuer behind its own certificate and an API key; nothing of that key comes out, whatever goes wrong.
func TestAnIssuerOverHTTPS(t *testing.T) {
	a := newAuthority(t, "k1")
	key := canary(t)
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Header.Get("X-Api-Key") != key {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		_, _ = w.Write(a.keySet())
	}))
	defer srv.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}), 0o600))
	conf := func(key string) map[string]any {
		return map[string]any{"issuer": testIssuer, "http": map[string]any{
			"endpoint": srv.URL + "/jwks?k=" + key, "tls": map[string]any{"ca_file": ca}, "headers": map[string]any{"X-Api-Key": key},
		}}
	}
	cfg := testConfig(t)
	cfg.JWKS = []JWKSConfig{newJWKS(t, conf(key))}
	r := start(t, cfg)
	require.Equal(t, 200, r.post("/ingest/kong", kongBearer("request-1", a.sign(dummyClaims()))).code)
	assert.Equal(t, int64(1), r.counter("jwks_verifications", "result=verified"))
	assert.False(t, strings.Contains(r.everything(), key), "the key came out")

	wrong := canary(t)
	cfg = testConfig(t)
	cfg.JWKS = []JWKSConfig{newJWKS(t, conf(wrong))}
	r = start(t, cfg)
	require.Equal(t, 200, r.post("/ingest/kong", kongBearer("request-1", a.sign(dummyClaims()))).code)
	assert.Equal(t, int64(1), r.counter("jwks_verifications", "result=unknown_key"))
	assert.Equal(t, int64(1), r.counter("jwks_refresh_errors"))
	require.Equal(t, 1, r.logs.FilterMessage("key set not refreshed").Len())
	assert.False(t, strings.Contains(r.everything(), wrong), "the key came out")
}

// Start does not depend on the network, and the status says so while a key set is missing.
func TestAnIssuerThatIsDown(t *testing.T) {
	var up atomic.Bool
	a := newAuthority(t, "k1")
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !up.Load() {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		_, _ = w.Write(a.keySet())
	}))
	defer srv.Close()
	host := statusHost{componenttest.NewNopHost(), make(chan *componentstatus.Event, 8)}
	cfg := testConfig(t)
	cfg.JWKS = []JWKSConfig{newJWKS(t, map[string]any{"issuer": testIssuer, "http": map[string]any{"endpoint": srv.URL}})}
	r := startWith(t, cfg, consumertest.NewNop(), host)
	e := <-host.events
	assert.Equal(t, componentstatus.StatusRecoverableError, e.Status())
	assert.ErrorContains(t, e.Err(), `key set of issuer "`+testIssuer+`": get from `)

	// Another part that recovers does not make the missing set good.
	r.recv.keyringReloaded(host, nil)
	assert.Equal(t, componentstatus.StatusRecoverableError, (<-host.events).Status())
	r.recv.keyringReloaded(host, os.ErrPermission)
	assert.ErrorIs(t, (<-host.events).Err(), os.ErrPermission)
	r.recv.keySetRefreshed(host, testIssuer, nil)
	assert.Equal(t, componentstatus.StatusRecoverableError, (<-host.events).Status())
	r.recv.keyringReloaded(host, nil)
	assert.Equal(t, componentstatus.StatusOK, (<-host.events).Status())
}

func TestABadKeySetFileStopsTheStart(t *testing.T) {
	f := func(want, path string) {
		t.Helper()
		cfg := testConfig(t)
		cfg.JWKS = []JWKSConfig{newJWKS(t, map[string]any{"issuer": testIssuer, "file": path})}
		r := newFor(t, cfg, consumertest.NewNop())
		err := r.Start(t.Context(), componenttest.NewNopHost())
		require.ErrorContains(t, err, `jwks: key set of issuer "`+testIssuer+`": `)
		require.ErrorContains(t, err, want)
		require.NoError(t, r.Shutdown(t.Context()))
	}
	path := filepath.Join(t.TempDir(), "jwks.json")
	f("no such file", path)
	require.NoError(t, os.WriteFile(path, []byte("dummy garbage"), 0o600))
	f("must be JSON", path)
	require.NoError(t, os.WriteFile(path, []byte(`{"keys":[]}`), 0o600))
	f("must hold a key, found none", path)
}

func TestJWKSConfig(t *testing.T) {
	load := func(conf ...map[string]any) (*Config, error) {
		cfg := createDefaultConfig().(*Config)
		list := make([]any, len(conf))
		for i := range conf {
			list[i] = conf[i]
		}
		require.NoError(t, confmap.NewFromStringMap(map[string]any{"jwks": list}).Unmarshal(cfg))
		return cfg, confmap.Validate(cfg)
	}
	file := func(more ...any) map[string]any {
		m := map[string]any{"issuer": "a", "file": "jwks.json"}
		for i := 0; i < len(more); i += 2 {
			m[more[i].(string)] = more[i+1]
		}
		return m
	}
	web := func(endpoint string) map[string]any {
		return map[string]any{"issuer": "a", "http": map[string]any{"endpoint": endpoint}}
	}

	cfg, err := load(file(), map[string]any{
		"issuer": "b", "refresh_interval": "5m", "audiences": []any{"x"}, "max_verifications_per_second": 50,
		"http": map[string]any{"endpoint": "https://b.example.test/jwks", "headers": map[string]any{"x-key": "dummy"}},
	})
	require.NoError(t, err)
	client := confighttp.NewDefaultClientConfig()
	assert.Equal(t, JWKSConfig{
		Issuer: "a", File: "jwks.json", HTTP: configoptional.Default(client), RefreshInterval: time.Hour, MaxVerifications: 1000,
	}, cfg.JWKS[0])
	client.Endpoint = "https://b.example.test/jwks"
	client.Headers = configopaque.MapList{{Name: "x-key", Value: "dummy"}}
	assert.Equal(t, JWKSConfig{
		Issuer: "b", HTTP: configoptional.Some(client), RefreshInterval: 5 * time.Minute, Audiences: []string{"x"}, MaxVerifications: 50,
	}, cfg.JWKS[1])

	f := func(want string, conf ...map[string]any) {
		t.Helper()
		_, err := load(conf...)
		require.ErrorContains(t, err, want)
		assert.NotContains(t, err.Error(), "\n", "one rule, one error")
		assert.NotContains(t, err.Error(), "dummy-secret")
	}
	f("jwks::0: `issuer` must not be empty", file("issuer", ""))
	f("jwks::0: one of `file` and `http` must be set", file("file", ""))
	f("jwks::0: one of `file` and `http` must be set", file("http", map[string]any{"endpoint": "https://a.example.test"}))
	f("jwks::1: `refresh_interval` must be at least 1m0s, found 1s", file(), file("issuer", "b", "refresh_interval", "1s"))
	f("jwks::0: `max_verifications_per_second` must be positive, found 0", file("max_verifications_per_second", 0))
	f("`jwks` must have distinct issuers, found \"a\" twice", file(), file())
	f("jwks::0: `http::endpoint` must be an http or https URL", web("a.example.test/jwks?k=dummy-secret"))
	f("jwks::0: `http::endpoint` must be an http or https URL", web("ftp://a.example.test/jwks?k=dummy-secret"))
	f("jwks::0: `http::endpoint` must not hold a password", web("https://dummy:dummy-secret@a.example.test/jwks"))
	f("jwks::0: `http::endpoint` must be https, found http to \"a.example.test\"", web("http://a.example.test/jwks?k=dummy-secret"))

	for _, endpoint := range []string{"http://localhost:8080/jwks", "http://127.0.0.1/jwks", "http://[::1]:80/jwks"} {
		_, err = load(web(endpoint))
		require.NoError(t, err)
	}
	mesh := web("http://keycloak.example.test/jwks")
	mesh["http"].(map[string]any)["tls"] = map[string]any{"insecure": true}
	_, err = load(mesh)
	require.NoError(t, err)
}
