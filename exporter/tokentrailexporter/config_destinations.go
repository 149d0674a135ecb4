package tokentrailexporter

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/confmap"

	"github.com/keytrail/keytrail/internal/archive/bucket"
	"github.com/keytrail/keytrail/internal/loki"
)

// DestinationsConfig says where the journal's records go.
type DestinationsConfig struct {
	// Archive is where the blocks go.
	Archive ArchiveConfig `mapstructure:"archive"`

	// Loki gets a copy to look at in Grafana.
	Loki configoptional.Optional[LokiConfig] `mapstructure:"loki"`

	_ struct{}
}

// ArchiveConfig configures the archive, in a directory or on S3.
type ArchiveConfig struct {
	// Required must be true: what the archive has not got stays in the journal, and what others missed is read from it.
	Required bool `mapstructure:"required"`

	// Directory that holds the archive.
	Directory string `mapstructure:"directory"`

	// S3 holds it instead.
	S3 configoptional.Optional[bucket.S3Config] `mapstructure:"s3"`

	_ struct{}
}

// LokiConfig configures the destination loki.
type LokiConfig struct {
	// Required keeps in the journal what Loki has not got, and refuses more when it is full. Otherwise Loki leaves a
	// journal that is half full and catches up from the blocks.
	Required bool `mapstructure:"required"`

	confighttp.ClientConfig `mapstructure:",squash"`

	// Tenant goes into X-Scope-OrgID; Tenants gives classes one of their own.
	Tenant  string            `mapstructure:"tenant"`
	Tenants map[string]string `mapstructure:"tenants"`

	// MaxBatchBytes bounds the body of one request before compression.
	MaxBatchBytes int `mapstructure:"max_batch_bytes"`

	// MaxStreams bounds the streams that this exporter makes; beyond it a service is called "other".
	MaxStreams int `mapstructure:"max_streams"`

	_ struct{}
}

// CompactionConfig says how often small blocks are made into large ones.
type CompactionConfig struct {
	// Interval between two compactions; zero is never, here: another collector or `keytrail archive compact` does it.
	Interval time.Duration `mapstructure:"interval"`

	_ struct{}
}

// DigestConfig says who signs what was written.
type DigestConfig struct {
	// KeyFile holds the Ed25519 key that `keytrail archive digest` makes; empty signs nothing.
	KeyFile string `mapstructure:"key_file"`

	// Interval between two attempts; a digest is about whole hours however often it is tried.
	Interval time.Duration `mapstructure:"interval"`

	_ struct{}
}

const (
	defaultCompactionInterval = 10 * time.Minute
	defaultDigestInterval     = 15 * time.Minute
	minLoopInterval           = time.Second

	// lokiTimeout bounds one push. Loki answers within a second; a request that takes longer has hit its limits.
	lokiTimeout = 30 * time.Second

	segmentAgeDirectory = time.Minute
	segmentAgeS3        = 5 * time.Minute
)

func defaultLokiConfig() LokiConfig {
	c := LokiConfig{ClientConfig: confighttp.NewDefaultClientConfig()}
	c.Timeout = lokiTimeout
	c.Compression = "" // the body is snappy already
	return c
}

// Unmarshal reads `archive` as short for `destinations::archive`, and takes the default directory away where the
// archive is on S3.
func (c *Config) Unmarshal(conf *confmap.Conf) error {
	if conf.IsSet("archive") {
		if conf.IsSet("destinations::archive") {
			return errors.New("one of `archive` and `destinations::archive` may be set, found both")
		}
		settings := map[string]any{"archive": conf.Get("archive")}
		conf.Delete("archive")
		if err := conf.Merge(confmap.NewFromStringMap(map[string]any{"destinations": settings})); err != nil {
			return err
		}
	}
	if conf.IsSet("destinations::archive::s3") && !conf.IsSet("destinations::archive::directory") {
		c.Destinations.Archive.Directory = ""
	}
	return conf.Unmarshal(c)
}

// checkDestinations finds names that a class cannot mean.
func (c *Config) checkDestinations(cl ClassConfig) error {
	for _, d := range cl.Destinations {
		switch {
		case d == destinationArchive:
		case d != destinationLoki:
			return fmt.Errorf("`destinations` of class %q must be of %s and %s, found %q", cl.Class.Name, destinationArchive, destinationLoki, d)
		case !c.Destinations.Loki.HasValue():
			return fmt.Errorf("`destinations` of class %q name %s, which `destinations` does not configure", cl.Class.Name, d)
		}
	}
	if len(cl.Destinations) > 0 && !slices.Contains(cl.Destinations, destinationArchive) {
		return fmt.Errorf("`destinations` of class %q must contain %s: it is what a promise is kept by", cl.Class.Name, destinationArchive)
	}
	return nil
}

// takes reports whether a destination gets the class.
func (c *ClassConfig) takes(destination string) bool {
	return len(c.Destinations) == 0 || slices.Contains(c.Destinations, destination)
}

// segmentAge is the configured one, or what suits the archive.
func (c *Config) segmentAge() time.Duration {
	switch {
	case c.Journal.SegmentAge != 0:
		return c.Journal.SegmentAge
	case c.Destinations.Archive.S3.HasValue():
		return segmentAgeS3
	}
	return segmentAgeDirectory
}

// Validate checks that there is one place.
func (c *ArchiveConfig) Validate() error {
	var errs []error
	if !c.Required {
		errs = append(errs, errors.New("`required` must be true: the archive is what the journal empties into"))
	}
	switch {
	case c.Directory == "" && !c.S3.HasValue():
		errs = append(errs, errors.New("`directory` or `s3` must be set"))
	case c.Directory != "" && c.S3.HasValue():
		errs = append(errs, errors.New("one of `directory` and `s3` may be set, found both"))
	}
	return errors.Join(errs...)
}

func (c *LokiConfig) client() loki.Config {
	return loki.Config{
		Endpoint: c.Endpoint, Tenant: c.Tenant, Tenants: c.Tenants, MaxBatchBytes: c.MaxBatchBytes, MaxStreams: c.MaxStreams,
	}
}

// Validate checks the address and the limits.
func (c *LokiConfig) Validate() error { return c.client().Validate() }

// Validate checks the interval.
func (c *CompactionConfig) Validate() error {
	if c.Interval != 0 && c.Interval < minLoopInterval {
		return fmt.Errorf("`interval` must be 0 or at least %s, found %s", minLoopInterval, c.Interval)
	}
	return nil
}

// Validate checks the interval.
func (c *DigestConfig) Validate() error {
	if c.Interval < minLoopInterval {
		return fmt.Errorf("`interval` must be at least %s, found %s", minLoopInterval, c.Interval)
	}
	return nil
}
