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

	"github.com/keytrail/keytrail/internal/gateway"
	"github.com/keytrail/keytrail/internal/secret"
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
		{Name: "kong-eu", Path: "/ingest/kong-eu", Format: "kong", Issuer: "kong", Service: "orders", TrustedProxies: []string{"10.0.0.0/8", "192.0.2.1"},
			Tokens: []secret.Rule{{Header: "X-Acme-Ticket"}, {Path: "/hooks/{token}/**", Scheme: "token"}}},
		{Name: "archive", Sender: "shipper", Format: "json", Backfill: 8760 * time.Hour, Mapping: map[string]string{"url.path": "req.path"}},
	}, cfg.Sources)
	assert.Equal(t, Limits{MaxRecords: 1000, MaxRecordBytes: 65536, ConcurrentRequests: 16, InflightBytes: 16 << 20, EventBytes: 32 << 20, TemplatesPerService: 50}, cfg.Limits)
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
	f("source_unbound", "one of `path` and `sender` of source \"a\" must be set, or it be the `capture::source`")
	f("source_path", "sources::0: `path` must be a clean path below /ingest/, found \"/kong\"")
	f("source_format", "sources::0: `format` must be one of "+strings.Join(gateway.Formats(), ", ")+", found \"apache\"")
	f("source_proxy", "sources::0: `trusted_proxies` must hold addresses or networks, found \"10.0.0.0/99\"")
	f("source_backfill", "sources::0: `backfill` must not be negative, found -1h0m0s")
	f("source_mapping", "sources::0: `mapping` needs a format that takes one (auto, haproxy, json or logfmt), found \"kong\"")
	f("source_token", "sources::0::tokens::0: exactly one of `header`, `query`, `cookie`, `field` and `path` must be set, found 2")
	f("source_token_path", "sources::0::tokens::0: `path` must hold {token} exactly once")
	f("same_name", "`sources` must have distinct names, found \"a\" twice")
	f("same_path", "`sources` must have distinct paths, found \"/ingest/a\" twice")
	f("sender_without_auth", "`sender` of source \"a\" needs `ingest::auth`, which is not configured")
	f("limit", "limits: `max_records` must be positive, found 0")
	f("record_limit", "limits: `max_record_bytes` must not exceed 1048576, found 2097152")
	f("capture_no_gateway", "capture: `gateway` must be one of nginx, caddy, traefik, envoy, found \"\"")
	f("capture_gateway", "capture: `gateway` must be one of nginx, caddy, traefik, envoy, found \"apache\"")
	f("capture_endpoint", "capture: `endpoint` must not be empty")
	f("capture_auth", "capture: `auth` must not be set: a refusal here would fail the gateway's request")
	f("capture_cors", "capture: `cors` must not be set")
	f("capture_middleware", "capture: `middlewares` must not be set")
	f("capture_headers", "capture: `response_headers` must not be set: a gateway may hand them on")
	f("capture_body", "capture: `max_request_body_size` must not be set: bodies are not read")
	f("capture_path", "capture: `auth_path` must be a clean path, found \"auth/\"")
	f("capture_no_path", "capture: one of `auth_path` and `mirror_path` must be set")
	f("capture_paths", "capture: `auth_path` and `mirror_path` must not lie below each other, found \"/auth\" and \"/\"")
	f("capture_paths_equal", "capture: `auth_path` and `mirror_path` must not lie below each other, found \"/auth\" and \"/auth/\"")
	f("capture_source", "`capture::source` must be the name of one of `sources`, found \"edge\"")
	f("capture_queue", "capture: `queue::records` must be positive, found 0")
	f("capture_queue_bytes", "capture: `queue::bytes` must be at least 2228224, which the largest request takes, found 1048576")
	f("capture_batch", "capture: `batch::interval` must be positive, found -1s")
	f("capture_connections", "capture: `connections` must be positive, found 0")
	f("inflight_below_body", "`limits::inflight_bytes` must not be below `ingest::max_request_body_size` (20971520), found 1048576")
}

func TestCaptureConfig(t *testing.T) {
	cfg, err := load(t, "config.yaml", "capture")
	require.NoError(t, err)
	want := newDefaultCapture()
	want.Gateway, want.Source = "nginx", "edge"
	assert.Equal(t, "localhost:4381", want.ServerConfig.NetAddr.Endpoint)
	assert.Equal(t, want, *cfg.Capture.Get(), "what is not set is the default")

	cfg, err = load(t, "config.yaml", "mirror")
	require.NoError(t, err)
	got := cfg.Capture.Get()
	assert.Equal(t, "unix", string(got.ServerConfig.NetAddr.Transport))
	assert.Equal(t, "/run/keytrail/capture.sock", got.ServerConfig.NetAddr.Endpoint)
	assert.Equal(t, "", got.AuthPath)
	assert.Equal(t, "/", got.MirrorPath)
	assert.Equal(t, CaptureQueueConfig{Records: 500, Bytes: 4 << 20}, got.Queue)
	assert.Equal(t, CaptureBatchConfig{Records: 50, Interval: time.Second}, got.Batch)
	assert.Equal(t, 64, got.Connections)
}

func TestReadmeShowsTheConfig(t *testing.T) {
	readme, conf := read(t, "README.md"), read(t, "testdata/smallest.yaml")
	assert.True(t, strings.Contains(readme, conf), "README.md must hold testdata/smallest.yaml")
}
