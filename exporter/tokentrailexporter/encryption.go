package tokentrailexporter

import (
	"errors"
	"fmt"
	"sync/atomic"

	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.uber.org/zap"

	"github.com/keytrail/keytrail/internal/fingerprint"
	"github.com/keytrail/keytrail/internal/journal"
	"github.com/keytrail/keytrail/internal/seal"
)

// EncryptionConfig says with which key the journal is sealed; its keys are those of sealed_storage, and key_file.
type EncryptionConfig struct {
	// Key is 32 random bytes in base64. One of Key, KeyFile and Keyring is set.
	Key configopaque.String `mapstructure:"key"`

	// KeyFile holds such a key.
	KeyFile string `mapstructure:"key_file"`

	// Keyring derives the keys from Keytrail's key ring, so that they change with its epochs.
	Keyring configoptional.Optional[KeyringConfig] `mapstructure:"keyring"`

	// PreviousKeys and PreviousKeyFiles open segments that were sealed before; they seal nothing.
	PreviousKeys     []configopaque.String `mapstructure:"previous_keys"`
	PreviousKeyFiles []string              `mapstructure:"previous_key_files"`

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

// Validate checks what can be known without reading a file.
func (c *EncryptionConfig) Validate() error {
	var errs []error
	given := 0
	for _, set := range []bool{c.Key != "", c.KeyFile != "", c.Keyring.HasValue()} {
		if set {
			given++
		}
	}
	if given != 1 {
		errs = append(errs, fmt.Errorf("one of `key`, `key_file` and `keyring` must be set, found %d", given))
	}
	if c.Key != "" {
		if _, err := seal.DecodeKey(string(c.Key)); err != nil {
			errs = append(errs, fmt.Errorf("`key` %w", err))
		}
	}
	_, err := decodeKeys(c.PreviousKeys)
	return errors.Join(append(errs, err)...)
}

func decodeKeys(texts []configopaque.String) ([][]byte, error) {
	var keys [][]byte
	for i, t := range texts {
		k, err := seal.DecodeKey(string(t))
		if err != nil {
			return nil, fmt.Errorf("`previous_keys[%d]` %w", i, err)
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// journalKeys are the keys of the journal, as long as it is open.
type journalKeys struct {
	keyring *fingerprint.Keyring // nil with a key that stays
	masters [][]byte             // those that stay: the key, if there is no ring, and the previous ones
	last    atomic.Pointer[derivedKeys]
}

type derivedKeys struct {
	ring *fingerprint.Ring
	keys seal.Keys
}

// openKeys reads the keys, nil where the journal is not encrypted.
func openKeys(c configoptional.Optional[EncryptionConfig], log *zap.Logger) (*journalKeys, error) {
	if !c.HasValue() {
		return nil, nil
	}
	k := &journalKeys{}
	if err := k.read(c.Get()); err != nil {
		return nil, fmt.Errorf("`journal::encryption`: %w", err)
	}
	if !c.Get().Keyring.HasValue() {
		return k, nil
	}
	ring := c.Get().Keyring.Get()
	var err error
	k.keyring, err = fingerprint.Open(fingerprint.ResolvePath(ring.Path), fingerprint.Options{
		Create: ring.Create, OnReload: func(err error) {
			if err != nil {
				log.Warn("key ring not reloaded, the last good one stays in use", zap.Error(err))
			}
		},
	})
	return k, err
}

// read takes up the keys that are not of a ring, in their order.
func (k *journalKeys) read(c *EncryptionConfig) error {
	files := c.PreviousKeyFiles
	if c.KeyFile != "" {
		files = append([]string{c.KeyFile}, files...)
	}
	if c.Key != "" {
		key, err := seal.DecodeKey(string(c.Key))
		if err != nil {
			return fmt.Errorf("`key` %w", err)
		}
		k.masters = append(k.masters, key)
	}
	for _, f := range files {
		key, err := seal.ReadKey(f)
		if err != nil {
			return err
		}
		k.masters = append(k.masters, key)
	}
	previous, err := decodeKeys(c.PreviousKeys)
	k.masters = append(k.masters, previous...)
	return err
}

// current returns the keys in force, the one that seals first.
func (k *journalKeys) current() (seal.Keys, error) {
	var ring *fingerprint.Ring
	if k.keyring != nil {
		ring = k.keyring.Ring()
	}
	if d := k.last.Load(); d != nil && d.ring == ring {
		return d.keys, nil
	}
	var masters [][]byte
	if ring != nil {
		derived, err := ring.Derive(journal.KeyPurpose)
		if err != nil {
			return nil, err
		}
		for _, d := range derived {
			masters = append(masters, d.Key)
		}
	}
	keys, err := seal.NewKeys(journal.KeyLabel, append(masters, k.masters...)...)
	if err != nil {
		return nil, err
	}
	k.last.Store(&derivedKeys{ring, keys}) // two at once derive the same
	return keys, nil
}

// source is what the journal asks; nil leaves it plain.
func (k *journalKeys) source() func() (seal.Keys, error) {
	if k == nil {
		return nil
	}
	return k.current
}

func (k *journalKeys) close() error {
	if k == nil || k.keyring == nil {
		return nil
	}
	return k.keyring.Close()
}
