package tokenownerprocessor

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"

	"github.com/keytrail/keytrail/internal/gateway"
	"github.com/keytrail/keytrail/internal/owner"
	"github.com/keytrail/keytrail/internal/owner/ownersql"
	"github.com/keytrail/keytrail/internal/privacy"
	"github.com/keytrail/keytrail/internal/secret"
)

func TestConfig(t *testing.T) {
	conf, err := confmaptest.LoadConf("testdata/config.yaml")
	require.NoError(t, err)
	expect := func(id string, edit func(*Config)) {
		t.Helper()
		want := createDefaultConfig().(*Config)
		edit(want)
		sub, err := conf.Sub(id)
		require.NoError(t, err)
		got := createDefaultConfig().(*Config)
		require.NoError(t, sub.Unmarshal(got))
		require.NoError(t, confmap.Validate(got))
		require.Equal(t, want, got)
	}
	expect("token_owner", func(*Config) {})
	expect("token_owner/all", func(c *Config) {
		c.Keyring.Path = "/etc/keytrail/keyring.yaml"
		c.Source, c.Issuer = "nginx-eu", "shop"
		c.Parse, c.ParseAttribute = "json", "log.line"
		c.Mapping = map[string]string{"http.request.method": "verb"}
		c.TrustedProxies = []string{"10.0.0.0/8", "fd00::/8"}
		c.Tokens = []secret.Rule{{Cookie: "acme_sid"}}
		c.Backfill = 2160 * time.Hour
		c.Owners.File = configoptional.Some(OwnerFileConfig{Path: "/etc/keytrail/owners.csv", Interval: time.Minute})
	})
	expect("token_owner/agent_upstream", func(c *Config) { c.TrustUpstream = true })
	expect("token_owner/sources", func(c *Config) {
		o := &c.Owners
		o.Order = []string{"sql", "file"}
		o.File.GetOrInsertDefault().Path = "owners.jsonl"
		db := o.SQL.GetOrInsertDefault()
		db.Driver, db.DSN = ownersql.Postgres, "postgres://reader@localhost/identity?sslmode=verify-full"
		db.Query = "SELECT sha256, owner_id, updated_at FROM tokens"
		db.UpdatedQuery = "SELECT sha256, owner_id, updated_at FROM tokens WHERE updated_at > :since"
		db.LookupQuery = "SELECT owner_id FROM tokens WHERE sha256 = :sha256_hex"
		db.Interval, db.Lookup.Rate = 30*time.Second, 10
		api := o.HTTP.GetOrInsertDefault()
		api.Endpoint, api.LookupEndpoint = "https://identity.example/tokens", "https://identity.example/tokens/{sha256_hex}"
		api.Fields = map[string]string{"owner_id": "owner.login", "sha256": "hashed_token"}
		o.Gateway = []owner.Rule{{Preset: "kong"}}
		o.Claims = []owner.Rule{
			{Preset: "kubernetes"},
			{Match: map[string]string{"token.jwt.issuer": "https://idp.example"}, OwnerID: "user:{sub}", OwnerType: "user"},
		}
		require.Equal(t, []kind{kindSQL, kindFile, kindHTTP, kindGateway, kindClaims}, o.order())
	})
	expect("token_owner/redaction", func(c *Config) {
		c.Redaction = RedactionConfig{
			Rules: []string{"/etc/keytrail/rules.toml"}, DisabledRules: []string{"generic-api-key"}, Interval: time.Minute,
		}
	})
	expect("token_owner/privacy", func(c *Config) {
		c.Privacy = privacy.Config{
			Settings: privacy.Settings{
				ClientAddress: privacy.Truncate, UserAgent: privacy.Family, Email: privacy.Pseudonym,
				IgnoredKeys: []string{"server.contact"}, BlockedKeyPatterns: []string{`\.email$`},
			},
			Environments: map[string]privacy.Settings{
				"staging": {ClientAddress: privacy.Keep, OwnerEmail: privacy.Drop, AllowedKeys: []string{"url.path", "app.*"}},
			},
		}
	})
	expect("token_owner/file_defaults", func(c *Config) {
		c.Owners.File = configoptional.Some(OwnerFileConfig{Path: "owners.yaml", Interval: owner.DefaultInterval})
	})
}

func TestBadConfigurationsNameKeyRuleAndValue(t *testing.T) {
	bad := func(want string, conf map[string]any) {
		t.Helper()
		cfg := createDefaultConfig()
		require.NoError(t, confmap.NewFromStringMap(conf).Unmarshal(cfg))
		require.EqualError(t, confmap.Validate(cfg), want)
	}
	bad("`source` must be 1 to 64 bytes, found 0", map[string]any{"source": ""})
	bad("`source` must be printable ASCII without spaces, found \"a b\"", map[string]any{"source": "a b"})
	bad("`issuer` must be printable ASCII without spaces, found \"é\"", map[string]any{"issuer": "é"})
	bad("`parse` must be one of "+strings.Join(gateway.Formats(), ", ")+", found \"squid\"", map[string]any{"parse": "squid"})
	bad("tokens::0: exactly one of `header`, `query`, `cookie`, `field` and `path` must be set, found 0",
		map[string]any{"tokens": []any{map[string]any{"scheme": "token"}}})
	bad("`parse_attribute`, `mapping` and `trusted_proxies` need `parse`, found none", map[string]any{"parse_attribute": "x"})
	bad("`trusted_proxies::1` must be a network such as 10.0.0.0/8, found \"10.0.0.1\"",
		map[string]any{"parse": "nginx", "trusted_proxies": []any{"10.0.0.0/8", "10.0.0.1"}})
	bad("`backfill` must be at least 720h0m0s, found 1h0m0s", map[string]any{"backfill": "1h"})
	file := func(conf map[string]any) map[string]any {
		return map[string]any{"owners": map[string]any{"file": conf}}
	}
	bad("owners::file: `path` must be set", file(map[string]any{"interval": "1m"}))
	bad("owners::file: `path` must end in .yaml, .yml, .csv or .jsonl, found \"owners.json\"", file(map[string]any{"path": "/x/owners.json"}))
	bad("owners::file: `interval` must be at least 1s, found 1ms", file(map[string]any{"path": "owners.csv", "interval": "1ms"}))

	bad("redaction: `rules::1` must not name one twice, found \"a.toml\"",
		map[string]any{"redaction": map[string]any{"rules": []any{"a.toml", "a.toml"}}})
	bad("redaction: `disabled_rules::0` must be set", map[string]any{"redaction": map[string]any{"disabled_rules": []any{""}}})
	bad("redaction: `interval` must be at least 1s, found 0s", map[string]any{"redaction": map[string]any{"interval": "0s"}})
	bad("privacy: `client_address` must be one of keep, truncate, drop, found \"hide\"",
		map[string]any{"privacy": map[string]any{"client_address": "hide"}})
	bad("privacy: `environments::lab`: `email` must be one of keep, pseudonym, drop, found \"truncate\"",
		map[string]any{"privacy": map[string]any{"environments": map[string]any{"lab": map[string]any{"email": "truncate"}}}})

	owners := func(conf map[string]any) map[string]any { return map[string]any{"owners": conf} }
	bad("owners: `order` must be of file, sql, http, gateway, claims, found \"ldap\"", owners(map[string]any{"order": []any{"ldap"}}))
	bad("owners: `order` must name sources that are configured, found \"sql\"", owners(map[string]any{"order": []any{"sql"}}))
	bad("owners: `claims`: 0: `owner_id` must be set", owners(map[string]any{"claims": []any{map[string]any{"owner_type": "user"}}}))

	cfg := createDefaultConfig()
	require.NoError(t, confmap.NewFromStringMap(owners(map[string]any{"sql": map[string]any{
		"driver": "postgres", "dsn": "postgres://reader:dummy-password@localhost/x", "query": "SELECT 1", "lookup": map[string]any{"rate": -1},
	}})).Unmarshal(cfg))
	err := confmap.Validate(cfg)
	require.ErrorContains(t, err, "owners::sql: lookup: `rate` must be above 0")
	require.NotContains(t, err.Error(), "dummy-password")

	cfg = createDefaultConfig()
	require.NoError(t, confmap.NewFromStringMap(map[string]any{
		"parse": "json", "mapping": map[string]any{"token.fingerprint": "fp"},
	}).Unmarshal(cfg))
	require.Error(t, confmap.Validate(cfg), "a line must not set what only Keytrail may say")
}

func TestFactory(t *testing.T) {
	f := NewFactory()
	require.Equal(t, component.MustNewType("token_owner"), f.Type())
	require.NoError(t, componenttest.CheckConfigStruct(f.CreateDefaultConfig()))
}
