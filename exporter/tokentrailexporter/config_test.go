package tokentrailexporter

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"

	"github.com/keytrail/keytrail/internal/archive"
)

func load(t *testing.T, name string) (*Config, error) {
	t.Helper()
	file, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
	require.NoError(t, err)
	sub, err := file.Sub("token_trail/" + name)
	require.NoError(t, err)
	cfg := createDefaultConfig().(*Config)
	if err := sub.Unmarshal(cfg); err != nil {
		return nil, err
	}
	return cfg, confmap.Validate(cfg)
}

func TestDefaultConfig(t *testing.T) {
	cfg, err := load(t, "default")
	require.NoError(t, err)
	require.Equal(t, createDefaultConfig(), cfg)
	require.Equal(t, "data/journal", cfg.Journal.Directory)
	require.Equal(t, "data/archive", cfg.Destinations.Archive.Directory)
	var names []string
	for _, c := range cfg.Classes {
		names = append(names, c.Class.Name)
	}
	require.Equal(t, []string{"full", "trail", "security"}, names)
}

func TestEveryKey(t *testing.T) {
	cfg, err := load(t, "all")
	require.NoError(t, err)
	require.Equal(t, &Config{
		Journal: JournalConfig{
			Directory: "/var/lib/keytrail/journal", MaxSize: 1 << 30, SegmentSize: 16 << 20, SegmentAge: 5 * time.Second,
		},
		Destinations: DestinationsConfig{
			Archive: ArchiveConfig{Required: true, Directory: "/var/lib/keytrail/archive"},
			Loki:    configoptional.Default(defaultLokiConfig()),
		},
		Digest:        DigestConfig{KeyFile: "/etc/keytrail/digest.key", Interval: 5 * time.Minute},
		SweepInterval: 10 * time.Minute,
		Classes: []ClassConfig{{
			Class: archive.Class{Name: "denied", Keep: 720 * time.Hour, Fields: []string{archive.FieldsSkeleton}},
			When:  `log.attributes["http.response.status_code"] == 403`,
		}},
	}, cfg, "the shipped classes are replaced, not added to")
}

func TestS3AndLoki(t *testing.T) {
	cfg, err := load(t, "s3_and_loki")
	require.NoError(t, err)
	a := cfg.Destinations.Archive
	require.Empty(t, a.Directory, "the default directory gives way")
	require.Equal(t, "keytrail-archive", a.S3.Get().Bucket)
	require.Equal(t, 5*time.Minute, cfg.segmentAge())
	require.Equal(t, time.Minute, createDefaultConfig().(*Config).segmentAge())
	l := cfg.Destinations.Loki.Get()
	require.False(t, l.Required)
	require.Equal(t, 30*time.Second, l.Timeout)
	require.Equal(t, "keytrail", l.client().Tenant)
	require.True(t, cfg.Classes[0].takes("loki"))
	require.False(t, cfg.Classes[1].takes("loki"))
	require.Equal(t, "/etc/keytrail/keyring.yaml", cfg.Journal.Encryption.Get().Keyring.Get().Path)
}

func TestWrongConfigs(t *testing.T) {
	f := func(name string, want ...string) {
		t.Helper()
		_, err := load(t, name)
		for _, w := range want {
			require.ErrorContains(t, err, w)
		}
	}
	f("no_directory", "journal: `directory` must be set", "destinations::archive: `directory` or `s3` must be set")
	f("same_directory", "`journal::directory` and `archive::directory` must lie apart, found \"./data\" and \"./data/archive\"")
	f("sizes", "journal: `max_size` (4194304) must be at least twice `segment_size` (3145728)")
	f("tiny", "`segment_size` must be at least 1048576, found 4096", "`segment_age` must be at least 1s, found 1ms",
		"`sweep_interval` must be at least 1m0s, found 1s")
	f("no_class", "`classes` must name at least one class")
	f("twice", "`classes` must have different names, found \"full\" twice")
	f("condition", "classes::0: `when` ")
	f("class", "classes::0::class: `keep` must be at least a day")
	f("mode", "`owner` must be one of")
	f("unknown", "retention")
	f("two_places", "destinations::archive: one of `directory` and `s3` may be set, found both")
	f("two_archives", "one of `archive` and `destinations::archive` may be set, found both")
	f("not_required", "destinations::archive: `required` must be true")
	f("class_without_archive", "`destinations` of class \"full\" must contain archive")
	f("class_nowhere", "`destinations` of class \"full\" must be of archive and loki, found \"tape\"",
		"`destinations` of class \"trail\" name loki, which `destinations` does not configure")
	f("loki_address", "destinations::loki: `endpoint` must be an http or https address with a host")
	f("encryption", "journal::encryption: one of `key`, `key_file` and `keyring` must be set, found 2",
		"`key` must be 32 bytes in base64, found other characters", "`previous_keys[0]` must be 32 bytes in base64, found 3 bytes")
	f("intervals", "compaction: `interval` must be 0 or at least 1s, found 1ms", "digest: `interval` must be at least 1s, found 0s")
}
