package detect

import (
	"time"
)

// Detector names what was noticed; it is the value of the `detector` label.
type Detector uint8

// The detectors. The numbers index arrays and stand in snapshots: append, never reorder.
const (
	UsageSpike Detector = iota
	NewEndpoint
	DeadToken
	DetectorCount
)

var detectorNames = [DetectorCount]string{"usage_spike", "new_endpoint", "dead_token"}

func (d Detector) String() string { return detectorNames[d] }

// Severity of an alert. Paging needs two independent signals or a deterministic one; that is High.
type Severity uint8

// The severities, rising.
const (
	Low Severity = iota
	Medium
	High
	SeverityCount
)

var severityNames = [SeverityCount]string{"low", "medium", "high"}

func (s Severity) String() string { return severityNames[s] }

// Suppression is why something noticed did not become an alert of its own.
type Suppression uint8

// The reasons, a closed set.
const (
	ByCooldown Suppression = iota // the same token and detector alerted less than six hours ago
	ByWarmup                      // too little is known of the token, or of the whole fleet
	ByBudget                      // the day's budget of low alerts is spent
	ByIncident                    // a fifth of the fleet trips at once: one alert stands for all
	ByDeploy                      // other old owners use the new route too
	ByCapacity                    // the book of open alerts is full
	SuppressionCount
)

var suppressionNames = [SuppressionCount]string{"cooldown", "warmup", "budget", "global_incident", "deploy", "capacity"}

func (s Suppression) String() string { return suppressionNames[s] }

// Eviction is which bounded table had to forget something.
type Eviction uint8

// The tables, a closed set.
const (
	EvictToken Eviction = iota
	EvictRoute
	EvictArea
	EvictDead
	EvictSeen
	EvictSource
	EvictAlert
	EvictionCount
)

var evictionNames = [EvictionCount]string{"tokens", "routes", "areas", "dead_tokens", "seen_events", "sources", "pending_alerts"}

func (e Eviction) String() string { return evictionNames[e] }

// Config of an Engine. The zero value means the defaults.
type Config struct {
	// MaxTokens bounds the profiles kept; the least used of the longest idle goes first.
	MaxTokens int
	// AlertBudget is how many false alerts a day, over all tokens, the statistical detectors may make.
	AlertBudget float64
	// Learning is how much event time the fleet must show before a detector that needs history may speak.
	Learning time.Duration
	// MaxSeen bounds the event ids remembered against double counting.
	MaxSeen int
	// Now is the arrival clock; tests and backtests bring their own.
	Now func() time.Time
}

// Defaults of Config.
const (
	DefaultMaxTokens   = 100_000
	DefaultAlertBudget = 10
	DefaultLearning    = 24 * time.Hour
	DefaultMaxSeen     = 1 << 19 // ten minutes at 870 events/s; beyond, the window is shorter and that is counted
)

func (c Config) withDefaults() Config {
	if c.MaxTokens <= 0 {
		c.MaxTokens = DefaultMaxTokens
	}
	if c.AlertBudget <= 0 {
		c.AlertBudget = DefaultAlertBudget
	}
	if c.Learning <= 0 {
		c.Learning = DefaultLearning
	}
	if c.MaxSeen <= 0 {
		c.MaxSeen = DefaultMaxSeen
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}
