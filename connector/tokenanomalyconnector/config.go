package tokenanomalyconnector

import (
	"fmt"
	"time"

	"go.opentelemetry.io/collector/component"

	"github.com/keytrail/keytrail/internal/detect"
)

// Config of the connector. All edges of one configured connector share it, and with it their state.
type Config struct {
	// StorageID is the storage extension that keeps baselines and open alerts over a restart; without one a restart
	// learns anew.
	StorageID *component.ID `mapstructure:"storage"`
	// MetricsFlushInterval is how often the metrics go out. Alerts go out at once.
	MetricsFlushInterval time.Duration `mapstructure:"metrics_flush_interval"`
	// SnapshotInterval is how often the state is written to the storage.
	SnapshotInterval time.Duration `mapstructure:"snapshot_interval"`
	// MaxTokens bounds the tokens that have a baseline, at some 700 bytes each.
	MaxTokens int `mapstructure:"max_tokens"`
	// AlertBudget is how many false alerts a day, over all tokens, the statistical detectors may make.
	AlertBudget float64 `mapstructure:"alert_budget"`
	// Learning is how much event time must pass before a detector that needs history may speak.
	Learning time.Duration `mapstructure:"learning"`

	_ struct{}
}

const (
	defaultMetricsFlushInterval = 15 * time.Second
	defaultSnapshotInterval     = time.Minute
	// maxTokensLimit is the largest state that was measured.
	maxTokensLimit = 10_000_000
)

func createDefaultConfig() component.Config {
	return &Config{
		MetricsFlushInterval: defaultMetricsFlushInterval,
		SnapshotInterval:     defaultSnapshotInterval,
		MaxTokens:            detect.DefaultMaxTokens,
		AlertBudget:          detect.DefaultAlertBudget,
		Learning:             detect.DefaultLearning,
	}
}

// Validate checks every value an operator can get wrong.
func (c *Config) Validate() error {
	switch {
	case c.MetricsFlushInterval < time.Second:
		return fmt.Errorf("`metrics_flush_interval` must be at least 1s, found %s", c.MetricsFlushInterval)
	case c.SnapshotInterval < time.Second:
		return fmt.Errorf("`snapshot_interval` must be at least 1s, found %s", c.SnapshotInterval)
	case c.MaxTokens < 1 || c.MaxTokens > maxTokensLimit:
		return fmt.Errorf("`max_tokens` must be between 1 and %d, found %d", maxTokensLimit, c.MaxTokens)
	case !(c.AlertBudget > 0):
		return fmt.Errorf("`alert_budget` must be above 0, found %v", c.AlertBudget)
	case c.Learning < 0:
		return fmt.Errorf("`learning` must not be negative, found %s", c.Learning)
	}
	return nil
}
