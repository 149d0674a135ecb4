package sealedstorageextension

import (
	"errors"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configoptional"

	"github.com/keytrail/keytrail/internal/seal"
)

// Config of the sealed_storage extension.
type Config struct {
	// Storage is the storage extension that keeps the sealed values.
	Storage component.ID `mapstructure:"storage"`
	// Key seals values: 32 random bytes in base64. Either this or Keyring.
	Key configopaque.String `mapstructure:"key"`
	// Keyring derives the keys from Keytrail's key ring, so that they change with its epochs.
	Keyring configoptional.Optional[KeyringConfig] `mapstructure:"keyring"`
	// PreviousKeys open what was sealed before Key, or before Keyring, took over; they seal nothing.
	PreviousKeys []configopaque.String `mapstructure:"previous_keys"`

	_ struct{}
}

// KeyringConfig says where the key ring is.
type KeyringConfig struct {
	// Path of the file; empty is $KEYTRAIL_KEYRING, else ./data/keyring.yaml.
	Path string `mapstructure:"path"`
	// Create makes a key ring where there is none.
	Create bool `mapstructure:"create"`

	_ struct{}
}

var _ component.Config = (*Config)(nil)

// Validate checks what can be known without reading the key ring.
func (c *Config) Validate() error {
	var errs []error
	if c.Storage == (component.ID{}) {
		errs = append(errs, errors.New("`storage` must name the storage extension to seal, such as file_storage"))
	}
	switch {
	case c.Key == "" && !c.Keyring.HasValue():
		errs = append(errs, errors.New("one of `key` and `keyring` must be set, found none"))
	case c.Key != "" && c.Keyring.HasValue():
		errs = append(errs, errors.New("one of `key` and `keyring` must be set, found both"))
	case c.Key != "":
		if _, err := seal.DecodeKey(string(c.Key)); err != nil {
			errs = append(errs, fmt.Errorf("`key` %w", err))
		}
	}
	for i, k := range c.PreviousKeys {
		if _, err := seal.DecodeKey(string(k)); err != nil {
			errs = append(errs, fmt.Errorf("`previous_keys[%d]` %w", i, err))
		}
	}
	return errors.Join(errs...)
}
