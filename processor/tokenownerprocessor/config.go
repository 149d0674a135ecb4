package tokenownerprocessor

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configoptional"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/gateway"
	"github.com/keytrail/keytrail/internal/privacy"
	"github.com/keytrail/keytrail/internal/secret"
)

// Config of the processor.
type Config struct {
	// Keyring holds the keys that make fingerprints.
	Keyring KeyringConfig `mapstructure:"keyring"`

	// Source names where the data comes from; it stands on every event and in its id.
	Source string `mapstructure:"source"`

	// Issuer separates credential ids and logins of one system from those of another. Default: the source.
	Issuer string `mapstructure:"issuer"`

	// TrustUpstream keeps the token.* and keytrail.* attributes that arrive, and does not redact again what carries
	// them. Only for data that can come from nobody but our own collectors, over mTLS.
	TrustUpstream bool `mapstructure:"trust_upstream"`

	// Parse makes each log record's text one raw access-log line of this format.
	Parse string `mapstructure:"parse"`

	// ParseAttribute names the attribute that holds the line. Default: the body.
	ParseAttribute string `mapstructure:"parse_attribute"`

	// Mapping says which field of a `json` line is which attribute.
	Mapping map[string]string `mapstructure:"mapping"`

	// TrustedProxies are the networks whose X-Forwarded-For is believed in a parsed line.
	TrustedProxies []string `mapstructure:"trusted_proxies"`

	// Tokens are further places in which clients send credentials; the usual ones need none.
	Tokens []secret.Rule `mapstructure:"tokens"`

	// Backfill is how far a claimed time may lie back and still be the event's time. Default, and least: 30 days.
	Backfill time.Duration `mapstructure:"backfill"`

	// Owners are the sources of who owns a token.
	Owners OwnersConfig `mapstructure:"owners"`

	// Canary plants tokens in the logs pipeline behind, where token_trail looks whether one comes through.
	Canary configoptional.Optional[CanaryConfig] `mapstructure:"canary"`

	// Redaction are the rules that look for secrets beside the floor.
	Redaction RedactionConfig `mapstructure:"redaction"`

	// Privacy says what is kept of a person.
	Privacy privacy.Config `mapstructure:"privacy"`

	_ struct{}
}

// KeyringConfig says where the key ring is.
type KeyringConfig struct {
	// Path of the file. Default: $KEYTRAIL_KEYRING, else ./data/keyring.yaml.
	Path string `mapstructure:"path"`

	// Create makes a key ring where there is none. Two collectors that each make their own cannot find each other's
	// tokens, so this is for a single machine.
	Create bool `mapstructure:"create"`

	_ struct{}
}

var _ component.Config = (*Config)(nil)

// maxNameBytes bounds the source and the issuer, which stand on every event.
const maxNameBytes = 64

func createDefaultConfig() component.Config {
	return &Config{
		Source:    event.SourceOther,
		Backfill:  event.DefaultWindow.Back,
		Owners:    defaultOwners(),
		Canary:    defaultCanary(),
		Redaction: defaultRedaction(),
	}
}

// Validate checks what does not need the files.
func (c *Config) Validate() error {
	return errors.Join(
		checkName("source", c.Source, false),
		checkName("issuer", c.Issuer, true),
		c.checkParse(),
		c.checkProxies(),
		c.checkBackfill(),
	)
}

func (c *Config) checkBackfill() error {
	if c.Backfill < event.DefaultWindow.Back {
		return fmt.Errorf("`backfill` must be at least %s, found %s", event.DefaultWindow.Back, c.Backfill)
	}
	return nil
}

func checkName(key, value string, optional bool) error {
	switch {
	case value == "" && optional:
		return nil
	case value == "" || len(value) > maxNameBytes:
		return fmt.Errorf("`%s` must be 1 to %d bytes, found %d", key, maxNameBytes, len(value))
	case strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r > '~' }):
		return fmt.Errorf("`%s` must be printable ASCII without spaces, found %q", key, value)
	}
	return nil
}

func (c *Config) checkParse() error {
	if c.Parse == "" {
		if c.ParseAttribute != "" || len(c.Mapping) > 0 || len(c.TrustedProxies) > 0 {
			return errors.New("`parse_attribute`, `mapping` and `trusted_proxies` need `parse`, found none")
		}
		return nil
	}
	if !slices.Contains(gateway.Formats(), c.Parse) {
		return fmt.Errorf("`parse` must be one of %s, found %q", strings.Join(gateway.Formats(), ", "), c.Parse)
	}
	if _, err := gateway.New(c.Parse, gateway.Options{Mapping: c.Mapping}); err != nil {
		return err
	}
	return nil
}

func (c *Config) checkProxies() error {
	for i, p := range c.TrustedProxies {
		if _, err := netip.ParsePrefix(p); err != nil {
			return fmt.Errorf("`trusted_proxies::%d` must be a network such as 10.0.0.0/8, found %q", i, p)
		}
	}
	return nil
}

func (c *Config) issuer() string {
	if c.Issuer != "" {
		return c.Issuer
	}
	return c.Source
}

func (c *Config) window() event.Window {
	return event.Window{Back: c.Backfill, Ahead: event.DefaultWindow.Ahead}
}

func (c *Config) gatewayOptions() gateway.Options {
	o := gateway.Options{Mapping: c.Mapping}
	for _, p := range c.TrustedProxies {
		o.TrustedProxies = append(o.TrustedProxies, netip.MustParsePrefix(p)) // Validate has parsed it
	}
	return o
}
