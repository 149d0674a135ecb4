package apilogreceiver

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/client"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configauth"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/keytrail/keytrail/internal/event"
)

func TestHostAndOriginAreChecked(t *testing.T) {
	cfg := testConfig(t)
	cfg.Ingest.Hosts = []string{"keytrail.example.test"}
	cfg.Ingest.ServerConfig.CORS = configoptional.Some(confighttp.CORSConfig{
		AllowedOrigins: []string{"https://console.example.test", "https://*.tools.example.test"},
	})
	r := start(t, cfg)
	f := func(code int, headers ...string) {
		t.Helper()
		assert.Equal(t, code, r.post("/ingest/kong", kong("a", "dummy-key"), headers...).code, headers)
	}
	f(200, "Host: localhost")
	f(200, "Host: LOCALHOST:4380")
	f(200, "Host: 127.0.0.1:9999")
	f(200, "Host: [::1]:4380")
	f(200, "Host: keytrail.example.test")
	f(421, "Host: attacker.example")
	f(421, "Host: localhost.attacker.example")
	f(421, "Host: 192.0.2.9")
	f(200, "Origin: https://console.example.test")
	f(200, "Origin: https://a.tools.example.test")
	f(403, "Origin: https://tools.example.test")
	f(403, "Origin: http://console.example.test")
	f(403, "Origin: null")
	f(403, "Origin: https://console.example.test", "Origin: https://console.example.test")

	a := r.do(http.MethodOptions, "/ingest/kong", nil,
		"Origin: https://console.example.test", "Access-Control-Request-Method: POST")
	assert.Equal(t, "https://console.example.test", a.header.Get("Access-Control-Allow-Origin"))
	assert.Equal(t, 421, r.do(http.MethodGet, "/health", nil, "Host: attacker.example").code)
}

func TestHostRule(t *testing.T) {
	f := func(endpoint, host string, want bool) {
		t.Helper()
		cfg := createDefaultConfig().(*Config)
		cfg.Ingest.ServerConfig.NetAddr.Endpoint = endpoint
		assert.Equal(t, want, newHostRule(&cfg.Ingest).allows(host), "%s on %s", host, endpoint)
	}
	f("localhost:4380", "10.0.0.9:4380", false)
	f("0.0.0.0:4380", "10.0.0.9:4380", true)
	f("[::]:4380", "[2001:db8::1]:4380", true)
	f(":4380", "pod.example.test:4380", false)
	f("logs.example.test:4380", "Logs.Example.Test.:4380", true)
	f("localhost:4380", "", false)
	f("localhost:4380", ":4380", false)
}

// authExtension lets everybody in as who they say they are, and like basic auth it keeps the whole header.
type authExtension struct {
	component.StartFunc
	component.ShutdownFunc
}

type authData map[string]string

func (a authData) GetAttribute(n string) any { return a[n] }
func (authData) GetAttributeNames() []string { return []string{"username", "raw"} }
func (authExtension) name() component.ID     { return component.MustNewID("testauth") }

func (authExtension) Authenticate(ctx context.Context, h map[string][]string) (context.Context, error) {
	raw := http.Header(h).Get("Authorization")
	if raw == "" {
		return ctx, errors.New("no header in " + raw)
	}
	info := client.FromContext(ctx)
	info.Auth = authData{"username": http.Header(h).Get("X-Test-User"), "raw": raw}
	return client.NewContext(ctx, info), nil
}

type authHost struct{ ext authExtension }

func (h authHost) GetExtensions() map[component.ID]component.Component {
	return map[component.ID]component.Component{h.ext.name(): h.ext}
}

func withAuth(cfg *Config) {
	cfg.Ingest.ServerConfig.Auth = configoptional.Some(confighttp.AuthConfig{
		Config: configauth.Config{AuthenticatorID: component.MustNewID("testauth")},
	})
}

func TestSourcesAreBoundToPathOrSender(t *testing.T) {
	cfg := testConfig(t)
	withAuth(cfg)
	cfg.Sources = []SourceConfig{
		{Name: "kong-eu", Path: "/ingest/kong-eu", Format: "kong"},
		{Name: "kong-us", Path: "/ingest/kong-us", Format: "kong", Sender: "us"},
		{Name: "edge", Sender: "edge", Service: "edge-api"},
	}
	sink := new(consumertest.LogsSink)
	r := startWith(t, cfg, sink, authHost{})
	r.sink = sink
	f := func(path, user, source string) {
		t.Helper()
		sink.Reset()
		a := r.post(path, kong("a", "dummy-key"), "Authorization: Test dummy", "X-Test-User: "+user)
		if source == "" {
			assert.Equal(t, 403, a.code)
			return
		}
		require.Equal(t, 200, a.code, a.body)
		assert.Equal(t, source, r.events()[0].Attrs.Str(event.KeySource))
	}
	f("/ingest/kong-eu", "anyone", "kong-eu")
	f("/ingest/kong-us", "us", "kong-us")
	f("/ingest/kong-us", "anyone", "")
	f("/ingest/kong", "edge", "edge")
	f("/ingest", "edge", "edge")
	f("/ingest/kong", "anyone", "other")

	a := r.post("/ingest/kong", kong("a", "dummy-key"))
	assert.Equal(t, 401, a.code)
	assert.Equal(t, "unauthenticated", a.refusal.Error)
}

func TestTheSendersCredentialGoesNoFurther(t *testing.T) {
	cfg := testConfig(t)
	withAuth(cfg)
	cfg.Ingest.ServerConfig.IncludeMetadata = true
	var info client.Info
	var trusted bool
	next, err := consumerFunc(func(ctx context.Context, _ plog.Logs) error {
		info, trusted = client.FromContext(ctx), event.IsTrusted(ctx)
		return nil
	})
	require.NoError(t, err)
	r := startWith(t, cfg, next, authHost{})
	a := r.post("/ingest/kong", kong("a", "dummy-key"), "Authorization: Test dummy", "X-Test-User: me",
		"X-Api-Key: dummy", "Cookie: a=b", "X-Tenant: blue")
	require.Equal(t, 200, a.code)
	assert.True(t, trusted)
	assert.Equal(t, "me", info.Auth.GetAttribute("subject"))
	assert.Nil(t, info.Auth.GetAttribute("raw"))
	assert.Equal(t, []string{"subject"}, info.Auth.GetAttributeNames())
	assert.Equal(t, []string{"blue"}, info.Metadata.Get("x-tenant"))
	for _, h := range []string{"authorization", "x-api-key", "cookie"} {
		assert.Empty(t, info.Metadata.Get(h), h)
	}
}
