package tokenanomalyconnector

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/keytrail/keytrail/connector/tokenanomalyconnector/internal/metadata"
)

func pcommonTime(t time.Time) pcommon.Timestamp { return pcommon.NewTimestampFromTime(t) }

func TestConfig(t *testing.T) {
	cm, err := confmaptest.LoadConf("testdata/config.yaml")
	require.NoError(t, err)
	load := func(name string) (*Config, error) {
		sub, err := cm.Sub(component.NewIDWithName(metadata.Type, name).String())
		require.NoError(t, err)
		cfg := createDefaultConfig().(*Config)
		require.NoError(t, sub.Unmarshal(cfg))
		return cfg, confmap.Validate(cfg)
	}
	cfg, err := load("")
	require.NoError(t, err)
	require.Equal(t, createDefaultConfig(), cfg)

	cfg, err = load("all")
	require.NoError(t, err)
	storage := component.MustNewIDWithName("file_storage", "state")
	require.Equal(t, &Config{
		StorageID: &storage, MetricsFlushInterval: 30 * time.Second, SnapshotInterval: 5 * time.Minute, MaxTokens: 1_000_000, AlertBudget: 2.5,
		Learning: 48 * time.Hour,
	}, cfg)

	for name, want := range map[string]string{
		"flush":    "`metrics_flush_interval` must be at least 1s, found 1ms",
		"snapshot": "`snapshot_interval` must be at least 1s, found 0s",
		"tokens":   "`max_tokens` must be between 1 and 10000000, found 0",
		"budget":   "`alert_budget` must be above 0, found 0",
		"learning": "`learning` must not be negative, found -1h0m0s",
	} {
		_, err = load(name)
		require.EqualError(t, err, want, name)
	}
}
