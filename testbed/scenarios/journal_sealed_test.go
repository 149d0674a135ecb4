//go:build scenario

package scenarios

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/testbed/harness"
)

// sealingKey makes a key file for the journal.
func sealingKey(t *testing.T, path string) string {
	t.Helper()
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	require.NoError(t, os.WriteFile(path, []byte(base64.StdEncoding.EncodeToString(key)), 0o600))
	return path
}

// A sealed journal shows nothing of its requests to whoever reads the disk, survives a kill -9 under load, is searched
// with its key, says plainly that it cannot be searched without, and does not open under another key.
func TestSealedJournal(t *testing.T) {
	dir := harness.Dir(t)
	ring := filepath.Join(dir, "keyring.yaml")
	key := sealingKey(t, filepath.Join(dir, "journal.key"))
	for _, way := range []struct {
		name, encryption string
		key              string // of the command
		other            string // another key for the collector
	}{
		{"key_file", "key_file: " + key, key, "key_file: " + sealingKey(t, filepath.Join(dir, "other.key"))},
		{"keyring", "keyring: {path: " + ring + "}", "", "keyring: {path: " + filepath.Join(dir, "other.yaml") + ", create: true}"},
	} {
		t.Run(way.name, func(t *testing.T) {
			sealedStory(t, filepath.Join(dir, way.name), ring, way.encryption, way.key, way.other)
		})
	}
}

func sealedStory(t *testing.T, dir, ring, encryption, key, other string) {
	settings := "destinations: {archive: {directory: ./data/archive}}"
	k := newKeeper(t, dir, ring, "max_size: 67108864, encryption: {"+encryption+"}", settings)
	k.config = strings.Replace(k.config, "segment_age: 1s", "segment_age: 1h", 1) // what comes in stays in the journal
	l := newTraffic("sealed-journal-token-0000000" + filepath.Base(dir))
	for range 3 {
		k.start()
		end := l.run(k.ingest, 4)
		l.until(t, 200)
		k.process.Kill()
		end()
	}
	readable := []string{"/v1/items/item-", "api.example.com", "token.fingerprint", "192.0.2.9"}
	requireNowhere(t, k.journal(), readable)
	harness.NoLeakBelow(t, k.journal(), l.token)

	// Started again, the collector delivers what the dead one left; only what comes in now is in the journal alone.
	k.start()
	end := l.run(k.ingest, 4)
	l.until(t, 200)
	end()
	t.Setenv("KEYTRAIL_JOURNAL_KEY", key)
	l.requireTrail(t, dir, "three kills, sealed by "+filepath.Base(dir), "--keyring", ring)

	t.Setenv("KEYTRAIL_JOURNAL_KEY", "")
	fingerprint := strings.Fields(harness.Keytrail(t, dir, l.token, "fingerprint", "--keyring", ring).Stdout)[0]
	blind := harness.Keytrail(t, dir, "", "trail", "--fingerprint", fingerprint, "--keyring", filepath.Join(dir, "none.yaml"), "--output", "json")
	require.Equal(t, 1, blind.Code)
	require.Contains(t, blind.Stderr, "the journal is sealed and its key was not given")
	require.Less(t, strings.Count(blind.Stdout, "\n"), l.count(), "what is in the journal cannot be shown")

	k.process.Kill()
	good := k.config
	k.config = strings.Replace(good, encryption, other, 1)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "config.yaml"), []byte(k.config), 0o600))
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	refused := exec.CommandContext(ctx, harness.Bin(t, "otelcol-keytrail"), "--config", "file:config.yaml")
	refused.Dir = dir
	said, err := refused.CombinedOutput()
	require.Error(t, err)
	require.NoError(t, ctx.Err(), "it ends by itself")
	require.Contains(t, string(said), "is sealed with key")

	k.config = strings.Replace(good, "segment_age: 1h", "segment_age: 1s", 1)
	k.start()
	k.delivers()
	k.process.Stop()
	l.requireTrail(t, dir, "from the blocks alone", "--keyring", ring)
}

// requireNowhere holds every file below dir against texts that only a plain journal has.
func requireNowhere(t *testing.T, dir string, texts []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.seg"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, f := range files {
		b, err := os.ReadFile(f)
		require.NoError(t, err)
		for _, text := range texts {
			require.NotContains(t, string(b), text, f)
		}
	}
}
