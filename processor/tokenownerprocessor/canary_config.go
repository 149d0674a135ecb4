package tokenownerprocessor

import (
	"fmt"
	"time"

	"go.opentelemetry.io/collector/config/configoptional"
)

// CanaryConfig plants tokens in the pipeline, to see that they do not come out of it.
type CanaryConfig struct {
	// Interval between two canaries; up to a tenth less.
	Interval time.Duration `mapstructure:"interval"`

	_ struct{}
}

const (
	defaultCanaryInterval = time.Hour
	// minCanaryInterval lets a test wait for one; in service it would only cost.
	minCanaryInterval = time.Second
)

// defaultCanary is off: `canary:` alone turns it on.
func defaultCanary() configoptional.Optional[CanaryConfig] {
	return configoptional.Default(CanaryConfig{Interval: defaultCanaryInterval})
}

// Validate checks the interval.
func (c *CanaryConfig) Validate() error {
	if c.Interval < minCanaryInterval {
		return fmt.Errorf("`interval` must be at least %s, found %s", minCanaryInterval, c.Interval)
	}
	return nil
}
