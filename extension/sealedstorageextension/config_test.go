package sealedstorageextension

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"
	"go.opentelemetry.io/collector/extension/extensiontest"
)

const (
	testKey  = "bm90IGEgc2VjcmV0LCBvbmx5IGEgdGVzdCB2YWx1ZSE="
	otherKey = "bm90IGEgc2VjcmV0LCBhbm90aGVyIHRlc3QgdmFsdWU="
)

func loadConfig(t *testing.T, id string) *Config {
	t.Helper()
	conf, err := confmaptest.LoadConf("testdata/config.yaml")
	require.NoError(t, err)
	sub, err := conf.Sub(id)
	require.NoError(t, err)
	cfg := createDefaultConfig().(*Config)
	require.NoError(t, sub.Unmarshal(cfg))
	return cfg
}

func TestGoodConfigs(t *testing.T) {
	files := component.MustNewID("file_storage")
	for id, want := range map[string]*Config{
		"sealed_storage": {
			Storage: component.MustNewIDWithName("file_storage", "state"),
			Keyring: configoptional.Some(KeyringConfig{Path: "/etc/keytrail/keyring.yaml"}),
		},
		"sealed_storage/created": {Storage: files, Keyring: configoptional.Some(KeyringConfig{Create: true})},
		"sealed_storage/key":     {Storage: files, Key: testKey, PreviousKeys: []configopaque.String{otherKey}},
	} {
		cfg := loadConfig(t, id)
		assert.Equal(t, want, cfg, id)
		require.NoError(t, confmap.Validate(cfg), id)
		assert.NotContains(t, fmt.Sprintf("%v %+v", cfg, cfg), testKey[:8])
	}
}

func TestBadConfigsAreExplained(t *testing.T) {
	bad := func(id, want string) {
		t.Helper()
		require.EqualError(t, confmap.Validate(loadConfig(t, id)), want)
	}
	bad("sealed_storage/bad_nothing", "`storage` must name the storage extension to seal, such as file_storage\n"+
		"one of `key` and `keyring` must be set, found none")
	bad("sealed_storage/bad_both", "one of `key` and `keyring` must be set, found both")
	bad("sealed_storage/bad_keys", "`key` must be 32 bytes in base64, found other characters\n"+
		"`previous_keys[0]` must be 32 bytes in base64, found 9 bytes\n"+
		"`previous_keys[1]` must be random, found one byte repeated")
}

func TestItCannotSealItself(t *testing.T) {
	set := extensiontest.NewNopSettings(NewFactory().Type())
	_, err := NewFactory().Create(t.Context(), set, &Config{Storage: set.ID, Key: testKey})
	require.ErrorContains(t, err, "`storage` must name another extension, found ")
}
