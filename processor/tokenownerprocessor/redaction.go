package tokenownerprocessor

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/keytrail/keytrail/internal/redact"
)

// RedactionConfig says which rules look for secrets beside the floor, which always does.
type RedactionConfig struct {
	// DefaultRules are those of gitleaks, and Keytrail's own for connection strings and payment cards.
	DefaultRules bool `mapstructure:"default_rules"`

	// Rules are files with rules as gitleaks writes them.
	Rules []string `mapstructure:"rules"`

	// DisabledRules are the ids of rules to leave out.
	DisabledRules []string `mapstructure:"disabled_rules"`

	// Interval is how often the files are looked at.
	Interval time.Duration `mapstructure:"interval"`

	_ struct{}
}

const (
	// maxRuleFiles and maxDisabled are more than one can keep an eye on.
	maxRuleFiles = 64
	maxDisabled  = 1024

	defaultRulesInterval = 10 * time.Second
)

func defaultRedaction() RedactionConfig {
	return RedactionConfig{DefaultRules: true, Interval: defaultRulesInterval}
}

// Validate checks what does not need the files to be there.
func (c *RedactionConfig) Validate() error {
	return errors.Join(
		checkList("rules", c.Rules, maxRuleFiles),
		checkList("disabled_rules", c.DisabledRules, maxDisabled),
		checkInterval(c.Interval),
	)
}

func checkList(key string, list []string, most int) error {
	if len(list) > most {
		return fmt.Errorf("`%s` must be at most %d, found %d", key, most, len(list))
	}
	for i, s := range list {
		switch {
		case s == "":
			return fmt.Errorf("`%s::%d` must be set", key, i)
		case slices.Contains(list[:i], s):
			return fmt.Errorf("`%s::%d` must not name one twice, found %q", key, i, s)
		}
	}
	return nil
}

// asked reports whether there are any rules beside the floor.
func (c *RedactionConfig) asked() bool { return c.DefaultRules || len(c.Rules) > 0 }

func (c *RedactionConfig) set() redact.Config {
	return redact.Config{
		Rules: c.Rules, DisableDefault: !c.DefaultRules, DisableOwn: !c.DefaultRules, Disabled: c.DisabledRules,
	}
}
