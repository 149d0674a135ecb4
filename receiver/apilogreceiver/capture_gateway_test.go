package apilogreceiver

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/keytrail/keytrail/internal/event"
)

const gateways = "../../config/gateways"

func readYAML(t *testing.T, path string) (doc map[string]any) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(gateways, path))
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(b, &doc))
	return doc
}

// at walks maps by key and lists by taking their first element.
func at(v any, keys ...string) any {
	for _, k := range keys {
		if l, ok := v.([]any); ok && len(l) > 0 {
			v = l[0]
		}
		m, _ := v.(map[string]any)
		v = m[k]
	}
	return v
}

// The examples for gateways that the testbed cannot run lead to the defaults here and let a request go on without an
// answer. The requests such a gateway makes are in testdata/capture.
func TestGatewayExamplesGoOnWithoutAnAnswer(t *testing.T) {
	auth := readYAML(t, "envoy/capture-auth.yaml")
	config := at(auth, "http_filters", "typed_config")
	assert.Equal(t, true, at(config, "failure_mode_allow"))
	assert.Equal(t, newDefaultCapture().AuthPath, at(config, "http_service", "path_prefix"))
	assert.Equal(t, "0.1s", at(config, "http_service", "server_uri", "timeout"))
	for _, doc := range []map[string]any{auth, readYAML(t, "envoy/capture-mirror.yaml")} {
		cluster := at(doc, "clusters")
		assert.Equal(t, 4381, at(cluster, "load_assignment", "endpoints", "lb_endpoints", "endpoint", "address", "socket_address", "port_value"))
		assert.NotNil(t, at(cluster, "connect_timeout"))
		assert.NotNil(t, at(cluster, "circuit_breakers", "thresholds", "max_pending_requests"))
	}
	traefik := readYAML(t, "traefik/capture.yaml")
	assert.Equal(t, "http://127.0.0.1:4381", at(traefik, "http", "services", "keytrail", "loadBalancer", "servers", "url"))
	assert.Equal(t, false, at(traefik, "http", "services", "orders-captured", "mirroring", "mirrorBody"))
	assert.Equal(t, 100, at(traefik, "http", "services", "orders-captured", "mirroring", "mirrors", "percent"))
}

// nginx writes no header by itself: each that the receiver believes must be set by the shipped file, or the caller's own
// would pass.
func TestNginxSetsEveryHeaderThatIsBelieved(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(gateways, "nginx/capture.conf"))
	require.NoError(t, err)
	var set []string
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) > 2 && f[0] == "proxy_set_header" {
			set = append(set, strings.ToLower(f[1]))
		}
	}
	a := nginxAsked
	for _, name := range []string{
		a.target, a.method, a.scheme, a.host, a.port, a.protocol, a.client, a.clientPort, a.requestID, a.bodySize,
		a.clientVerify, a.clientSubject,
	} {
		assert.True(t, slices.Contains(set, strings.ToLower(name)), name)
	}
}

func TestEveryGatewayHasBothWays(t *testing.T) {
	for _, g := range captureGateways() {
		assert.NotNil(t, dialects[g][event.CaptureAuth], g)
		assert.NotNil(t, dialects[g][event.CaptureMirror], g)
	}
}
