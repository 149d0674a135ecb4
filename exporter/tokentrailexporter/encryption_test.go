package tokentrailexporter

import (
	"crypto/rand"
	"encoding/base64"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configoptional"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/journal"
	"github.com/keytrail/keytrail/internal/seal"
)

func newKey() configopaque.String {
	key := make([]byte, seal.KeySize)
	_, _ = rand.Read(key)
	return configopaque.String(base64.StdEncoding.EncodeToString(key))
}

func testEncryption(testing.TB) configoptional.Optional[EncryptionConfig] {
	return configoptional.Some(EncryptionConfig{Key: newKey()})
}

// With encryption what is acknowledged stands on the disk and in no file in clear; the blocks get it as ever, also
// after the key was changed.
func TestASealedJournal(t *testing.T) {
	const canary = "kt-test-canary-of-the-sealed-journal"
	cfg := testConfig(t)
	file := filepath.Join(t.TempDir(), "journal.key")
	first := newKey()
	require.NoError(t, os.WriteFile(file, []byte(first), 0o600))
	cfg.Journal.Encryption = configoptional.Some(EncryptionConfig{KeyFile: file})
	require.NoError(t, os.WriteFile(cfg.Destinations.Archive.Directory, nil, 0o600)) // nothing leaves the journal
	r := start(t, cfg)
	require.NoError(t, r.logs.ConsumeLogs(t.Context(), asLogs(request("a", with("kong.x", event.String(canary))))))
	requireNowhere(t, cfg.Journal.Directory, canary)
	r.stop()
	requireNowhere(t, cfg.Journal.Directory, canary)
	for _, err := range journal.Tail(cfg.Journal.Directory) {
		require.ErrorIs(t, err, journal.ErrNoKey)
	}

	plain := *cfg
	plain.Journal.Encryption = configoptional.None[EncryptionConfig]()
	_, err := acquire(&plain, nopSettings(), newHost())
	require.ErrorIs(t, err, journal.ErrNoKey, "what cannot be read is not left to lie")

	require.NoError(t, os.Remove(cfg.Destinations.Archive.Directory))
	changed := *cfg
	changed.Journal.Encryption = configoptional.Some(EncryptionConfig{Key: newKey(), PreviousKeys: []configopaque.String{first}})
	r = start(t, &changed)
	require.NoError(t, r.logs.ConsumeLogs(t.Context(), asLogs(request("b"))))
	r.stop()
	require.Equal(t, map[string]int{"a": 1, "b": 1}, archived(t, &changed, "full"))
}

// The key ring gives the journal its keys; after a rotation both epochs open.
func TestAJournalSealedFromTheKeyRing(t *testing.T) {
	cfg := testConfig(t)
	ring := filepath.Join(t.TempDir(), "keyring.yaml")
	cfg.Journal.Encryption = configoptional.Some(EncryptionConfig{
		Keyring: configoptional.Some(KeyringConfig{Path: ring, Create: true}),
	})
	r := start(t, cfg)
	require.NoError(t, r.logs.ConsumeLogs(t.Context(), asLogs(request("a"))))
	r.stop()
	require.Equal(t, map[string]int{"a": 1}, archived(t, cfg, "full"))
}

func TestAKeyFileThatOthersMayRead(t *testing.T) {
	cfg := testConfig(t)
	file := filepath.Join(t.TempDir(), "journal.key")
	require.NoError(t, os.WriteFile(file, []byte(newKey()), 0o600))
	require.NoError(t, os.Chmod(file, 0o644))
	cfg.Journal.Encryption = configoptional.Some(EncryptionConfig{KeyFile: file})
	_, err := acquire(cfg, nopSettings(), newHost())
	require.ErrorContains(t, err, "`journal::encryption`: key file "+file+" must not be readable by others")
}
