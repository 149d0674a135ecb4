//go:build scenario

package scenarios

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/keytrail/keytrail/testbed/harness"
)

// Every shipped file validates with the real binary, from a folder of its own, by path and as embedded.
func TestEveryConfigValidates(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(harness.Root(t), "config", "*.yaml"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	dir := harness.Dir(t)
	p := newPKI(t, dir)
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".yaml")
		for _, config := range []string{f, "embedded:" + name} {
			cmd := exec.Command(harness.Bin(t, "otelcol-keytrail"), "validate", "--config", config)
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "KEYTRAIL_CA="+p.ca, "KEYTRAIL_CERT="+p.cert, "KEYTRAIL_KEY="+p.key, "KEYTRAIL_OWNERS="+filepath.Join(dir, "owners.yaml"))
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, "%s: %s", config, out)
		}
	}
}

// No shipped pipeline may queue in memory between a sender and the journal: that would acknowledge what a kill loses.
func TestNoMemoryQueueBeforeTheJournal(t *testing.T) {
	keeps := map[string]bool{"token_trail": true, "prometheus": true} // the journal itself, and metrics
	files, err := filepath.Glob(filepath.Join(harness.Root(t), "config", "*.yaml"))
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(files), 5)
	for _, f := range files {
		var c struct {
			Processors map[string]any            `yaml:"processors"`
			Exporters  map[string]map[string]any `yaml:"exporters"`
		}
		b, err := os.ReadFile(f)
		require.NoError(t, err)
		require.NoError(t, yaml.Unmarshal(b, &c))
		require.NotEmpty(t, c.Exporters, f)
		for name := range c.Processors {
			require.False(t, strings.HasPrefix(name, "batch"), "%s: %s", f, name)
		}
		for name, settings := range c.Exporters {
			if kind, _, _ := strings.Cut(name, "/"); !keeps[kind] {
				require.Equal(t, map[string]any{"enabled": false}, settings["sending_queue"], "%s: %s", f, name)
			}
		}
	}
}

// A stranger's manifest: an empty folder, stock components, and one component of ours.
func TestStrangersManifestBuildsAndRuns(t *testing.T) {
	dir := harness.Dir(t)
	manifest := `dist:
  name: otelcol-stranger
  output_path: ./build
receivers:
  - gomod: go.opentelemetry.io/collector/receiver/otlpreceiver v0.158.0
processors:
  - gomod: github.com/keytrail/keytrail v0.0.0
    import: github.com/keytrail/keytrail/processor/tokenownerprocessor
    path: ` + harness.Root(t) + `
exporters:
  - gomod: go.opentelemetry.io/collector/exporter/debugexporter v0.158.0
providers:
  - gomod: go.opentelemetry.io/collector/confmap/provider/envprovider v1.64.0
  - gomod: go.opentelemetry.io/collector/confmap/provider/fileprovider v1.64.0
`
	require.NoError(t, os.WriteFile(filepath.Join(dir, "manifest.yaml"), []byte(manifest), 0o600))
	ocb(t, dir, "--config", "manifest.yaml", "--skip-strict-versioning=false")

	config := `receivers: {otlp: {protocols: {http: {endpoint: "localhost:4318"}}}}
processors: {token_owner: {keyring: {path: ./keys/keyring.yaml, create: true}}}
exporters: {debug: {verbosity: detailed}}
service:
  telemetry: {metrics: {level: none}}
  pipelines: {logs: {receivers: [otlp], processors: [token_owner], exporters: [debug]}}
`
	require.NoError(t, os.WriteFile(filepath.Join(dir, "config.yaml"), []byte(config), 0o600))
	c := harness.Start(t, harness.Options{Dir: dir, Config: "file:config.yaml", Ready: "localhost:4318", Binary: filepath.Join(dir, "build/otelcol-stranger")})
	token := "stranger-token-0123456789"
	body := `{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"sent ` + token + `"},"attributes":[{"key":"http.request.header.authorization","value":{"stringValue":"Bearer ` + token + `"}}]}]}]}]}`
	status, answer, err := harness.Post("http://localhost:4318/v1/logs", "application/json", []byte(body))
	require.NoError(t, err)
	require.Equal(t, 200, status, answer)
	c.Stop()
	require.Contains(t, c.Log(), "token.fingerprint: Str(kt1_")
	harness.NoLeak(t, "the debug exporter", c.Log(), token)
}

// The distribution as people build it: with ocb, versions checked strictly.
func TestOcbBuildsAWorkingCollector(t *testing.T) {
	dir := harness.Dir(t)
	root := harness.Root(t)
	ocb(t, root, "--config", "builder-config.yaml", "--skip-strict-versioning=false", "--output-path", filepath.Join(dir, "build"))
	binary := filepath.Join(dir, "build", "otelcol-keytrail")
	c := harness.Start(t, harness.Options{Dir: dir, Config: "embedded:quickstart", Ready: "localhost:4380", Binary: binary})
	ingest(t, "kong", kong(t, func(_, h, _ map[string]any) { h["x-api-key"] = "ocb-built-token-0123456789" }))
	wait(t, dir, "ocb-built-token-0123456789", 1)
	c.Stop()
}

func ocb(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command("go", append([]string{"tool", "-modfile=" + filepath.Join(harness.Root(t), "internal/tools/go.mod"), "builder"}, args...)...)
	cmd.Dir = dir
	if dir != harness.Root(t) {
		// outside the module `go tool -modfile` has no module to stand in: build the tool once
		bin := filepath.Join(harness.Dir(t), "ocb")
		build := exec.Command("go", "build", "-o", bin, "go.opentelemetry.io/collector/cmd/builder")
		build.Dir = filepath.Join(harness.Root(t), "internal/tools")
		out, err := build.CombinedOutput()
		require.NoError(t, err, "%s", out)
		cmd = exec.Command(bin, args...)
		cmd.Dir = dir
	}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
}
