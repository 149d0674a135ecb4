package apilogreceiver

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"
)

func load(t *testing.T, file, section string) (*Config, error) {
	t.Helper()
	conf, err := confmaptest.LoadConf(filepath.Join("testdata", file))
	require.NoError(t, err)
	sub, err := conf.Sub(section)
	require.NoError(t, err)
	cfg := createDefaultConfig().(*Config)
	if err := sub.Unmarshal(cfg); err != nil {
		return nil, err
	}
	return cfg, confmap.Validate(cfg)
}

func TestConfig(t *testing.T) {
	cfg, err := load(t, "config.yaml", "smallest")
	require.NoError(t, err)
	assert.Equal(t, createDefaultConfig(), cfg)

	cfg, err = load(t, "config.yaml", "full")
	require.NoError(t, err)
	assert.Equal(t, "0.0.0.0:4380", cfg.Ingest.ServerConfig.NetAddr.Endpoint)
	assert.Equal(t, int64(8<<20), cfg.Ingest.ServerConfig.MaxRequestBodySize)
	assert.Equal(t, []string{"keytrail.example.test"}, cfg.Ingest.Hosts)
	assert.Equal(t, KeyringConfig{Path: "/etc/keytrail/keyring.yaml"}, cfg.Keyring)
	assert.Equal(t, []SourceConfig{
		{Name: "kong-eu", Path: "/ingest/kong-eu", Format: "kong", Issuer: "kong", Service: "orders", TrustedProxies: []string{"10.0.0.0/8", "192.0.2.1"}},
		{Name: "archive", Sender: "shipper", Format: "json", Backfill: 8760 * time.Hour, Mapping: map[string]string{"url.path": "req.path"}},
	}, cfg.Sources)
	assert.Equal(t, Limits{MaxRecords: 1000, MaxRecordBytes: 65536, ConcurrentRequests: 16, InflightBytes: 16 << 20, TemplatesPerService: 50}, cfg.Limits)
}

// Each section of invalid.yaml breaks one rule; the section's name says what the error must say.
func TestInvalidConfig(t *testing.T) {
	f := func(section, want string) {
		t.Helper()
		_, err := load(t, "invalid.yaml", section)
		require.Error(t, err, section)
		assert.Contains(t, err.Error(), want)
		assert.NotContains(t, err.Error(), "\n", "one rule, one error")
	}
	f("no_endpoint", "ingest: `endpoint` must not be empty")
	f("no_body", "ingest: `max_request_body_size` must be positive, found -1")
	f("encoding", "ingest: `compression_algorithms` may hold \"\", \"gzip\" and \"zstd\", found \"snappy\"")
	f("host_with_port", "ingest: `hosts` must hold host names without port, found \"a.test:80\"")
	f("source_name", "sources::0: `name` must match")
	f("source_other", "sources::0: `name` must match")
	f("source_unbound", "sources::0: one of `path` and `sender` must be set")
	f("source_path", "sources::0: `path` must be a clean path below /ingest/, found \"/kong\"")
	f("source_format", "sources::0: `format` must be one of auto, kong, nginx, envoy, traefik, json, found \"apache\"")
	f("source_proxy", "sources::0: `trusted_proxies` must hold addresses or networks, found \"10.0.0.0/99\"")
	f("source_backfill", "sources::0: `backfill` must not be negative, found -1h0m0s")
	f("source_mapping", "sources::0: `mapping` needs `format: json`, found \"kong\"")
	f("same_name", "`sources` must have distinct names, found \"a\" twice")
	f("same_path", "`sources` must have distinct paths, found \"/ingest/a\" twice")
	f("sender_without_auth", "`sender` of source \"a\" needs `ingest::auth`, which is not configured")
	f("limit", "limits: `max_records` must be positive, found 0")
	f("record_limit", "limits: `max_record_bytes` must not exceed 1048576, found 2097152")
	f("inflight_below_body", "`limits::inflight_bytes` must not be below `ingest::max_request_body_size` (20971520), found 1048576")
}

func TestReadmeShowsTheConfig(t *testing.T) {
	readme, conf := read(t, "README.md"), read(t, "testdata/smallest.yaml")
	assert.True(t, strings.Contains(readme, conf), "README.md must hold testdata/smallest.yaml")
}
