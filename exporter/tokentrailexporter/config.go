package tokentrailexporter

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configoptional"

	"github.com/keytrail/keytrail/internal/archive"
	"github.com/keytrail/keytrail/internal/archive/bucket"
	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/journal"
)

// Config of the exporter. The pipelines that use it share one journal and its destinations.
type Config struct {
	// Journal is what an acknowledgement rests on.
	Journal JournalConfig `mapstructure:"journal"`

	// Destinations are where the journal's records go. The key `archive` beside it is short for the archive here.
	Destinations DestinationsConfig `mapstructure:"destinations"`

	// Canary says what a planted token that comes through does.
	Canary CanaryConfig `mapstructure:"canary"`

	// Classes say what is kept of which event, and for how long. An event goes to every class that wants it.
	Classes []ClassConfig `mapstructure:"classes"`

	// SweepInterval is how often blocks that no class keeps any more are removed.
	SweepInterval time.Duration `mapstructure:"sweep_interval"`

	// Compaction makes few large blocks of many small ones.
	Compaction CompactionConfig `mapstructure:"compaction"`

	// Digest signs, every hour, what was written.
	Digest DigestConfig `mapstructure:"digest"`

	// Tests put faults between the archive and its store, and a clock of their own before the next attempt.
	between func(bucket.Bucket) bucket.Bucket
	after   func(time.Duration) <-chan time.Time

	_ struct{}
}

// JournalConfig configures the journal.
type JournalConfig struct {
	// Directory on a local disk, for this exporter alone.
	Directory string `mapstructure:"directory"`

	// MaxSize in bytes. A journal that cannot get rid of its records refuses more at this size.
	MaxSize int64 `mapstructure:"max_size"`

	// SegmentSize in bytes: a segment becomes blocks when it is this large.
	SegmentSize int64 `mapstructure:"segment_size"`

	// SegmentAge: or when its first record is this old. Zero is a minute for an archive in a directory and five for
	// one on S3, where every block costs requests for as long as it lives.
	SegmentAge time.Duration `mapstructure:"segment_age"`

	// Encryption seals the records on the disk.
	Encryption configoptional.Optional[EncryptionConfig] `mapstructure:"encryption"`

	_ struct{}
}

// ClassConfig is one retention class and the events it wants.
type ClassConfig struct {
	Class archive.Class `mapstructure:",squash"`

	// When is an OTTL condition on the log record (log.attributes["…"]); empty is every event.
	When string `mapstructure:"when"`

	// Destinations that take the class: archive, which must be among them, and loki. Empty is every one there is.
	Destinations []string `mapstructure:"destinations"`

	_ struct{}
}

var _ component.Config = (*Config)(nil)

const (
	defaultSweepInterval = time.Hour
	minSweepInterval     = time.Minute

	minSegmentSize = 1 << 20 // below, a block is mostly footer
	minSegmentAge  = time.Second
)

// securityWhen picks what security must be able to look back on: what was refused, what a dead token tried, alerts.
var securityWhen = strings.Join([]string{
	`log.attributes["http.response.status_code"] == 401`,
	`log.attributes["http.response.status_code"] == 403`,
	`log.attributes["keytrail.deny.reason"] != nil`,
	`log.attributes["token.state"] == "` + event.StateExpired + `"`,
	`log.attributes["token.state"] == "` + event.StateRevoked + `"`,
	`log.event_name == "` + event.NameAnomaly + `"`,
}, " or ")

func createDefaultConfig() component.Config {
	return &Config{
		Journal: JournalConfig{
			Directory:   filepath.Join("data", "journal"),
			MaxSize:     journal.DefaultMaxSize,
			SegmentSize: journal.DefaultSegmentSize,
		},
		Destinations: DestinationsConfig{
			Archive: ArchiveConfig{Required: true, Directory: filepath.Join("data", "archive")},
			Loki:    configoptional.Default(defaultLokiConfig()),
		},
		Classes:       shippedClasses(),
		SweepInterval: defaultSweepInterval,
		Compaction:    CompactionConfig{Interval: defaultCompactionInterval},
		Digest:        DigestConfig{Interval: defaultDigestInterval},
	}
}

func shippedClasses() []ClassConfig {
	var classes []ClassConfig
	for _, c := range archive.ShippedClasses() {
		cc := ClassConfig{Class: c}
		if c.Name == "security" {
			cc.When = securityWhen
			cc.Destinations = []string{destinationArchive} // a year and more: Loki is the copy of the last weeks
		}
		classes = append(classes, cc)
	}
	return classes
}

// Validate checks what concerns more than one key.
func (c *Config) Validate() error {
	var errs []error
	if len(c.Classes) == 0 {
		errs = append(errs, errors.New("`classes` must name at least one class"))
	}
	seen := make(map[string]bool, len(c.Classes))
	for _, cl := range c.Classes {
		if seen[cl.Class.Name] {
			errs = append(errs, fmt.Errorf("`classes` must have different names, found %q twice", cl.Class.Name))
		}
		seen[cl.Class.Name] = true
		errs = append(errs, c.checkDestinations(cl))
	}
	if c.SweepInterval < minSweepInterval {
		errs = append(errs, fmt.Errorf("`sweep_interval` must be at least %s, found %s", minSweepInterval, c.SweepInterval))
	}
	if dir := c.Destinations.Archive.Directory; within(dir, c.Journal.Directory) || within(c.Journal.Directory, dir) {
		errs = append(errs, fmt.Errorf("`journal::directory` and `archive::directory` must lie apart, found %q and %q",
			c.Journal.Directory, dir))
	}
	return errors.Join(errs...)
}

// within reports whether path is dir or lies in it.
func within(path, dir string) bool {
	if path == "" || dir == "" {
		return false // said by the check of the key
	}
	rel, err := filepath.Rel(filepath.Clean(dir), filepath.Clean(path))
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

// Validate checks the sizes.
func (c *JournalConfig) Validate() error {
	var errs []error
	if c.Directory == "" {
		errs = append(errs, errors.New("`directory` must be set"))
	}
	if c.SegmentSize < minSegmentSize {
		errs = append(errs, fmt.Errorf("`segment_size` must be at least %d, found %d", minSegmentSize, c.SegmentSize))
	}
	if c.SegmentAge != 0 && c.SegmentAge < minSegmentAge {
		errs = append(errs, fmt.Errorf("`segment_age` must be at least %s, found %s", minSegmentAge, c.SegmentAge))
	}
	if c.MaxSize < 2*c.SegmentSize {
		errs = append(errs, fmt.Errorf("`max_size` (%d) must be at least twice `segment_size` (%d)", c.MaxSize, c.SegmentSize))
	}
	return errors.Join(errs...)
}

// Validate compiles the condition; the class checks itself.
func (c *ClassConfig) Validate() error {
	if _, err := compile(c.When); err != nil {
		return fmt.Errorf("`when` %w", err)
	}
	return nil
}
