//go:build scenario

package scenarios

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/testbed/harness"
)

// s3Kills is how often TestKillWithTheArchiveOnS3 kills, unless $KILLS says otherwise.
const s3Kills = 20

func killsWanted(t *testing.T) int {
	t.Helper()
	text := os.Getenv("KILLS")
	if text == "" {
		return s3Kills
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err, "$KILLS")
	return n
}

// The archive is in an object store, the journal on the disk: whatever the instant of a kill -9, what was acknowledged is
// found, and once: beside the journal before it is empty, and in the bucket alone at the end. Old requests keep the
// compactor busy meanwhile.
func TestKillWithTheArchiveOnS3(t *testing.T) {
	dir := harness.Dir(t)
	store, name, location := bucketFor(t)
	ring := filepath.Join(dir, "keyring.yaml")
	k := newKeeper(t, dir, ring, "max_size: 1073741824", onS3(store, store.Address, name, "")+"\ncompaction: {interval: 1s}")
	l := newTraffic("s3-kill-test-token-000000001")
	l.age = 72 * time.Hour
	rng := rand.New(rand.NewPCG(1, uint64(time.Now().UnixNano())))
	n := killsWanted(t)
	for range n {
		k.start()
		end := l.run(k.ingest, 4)
		<-time.After(time.Duration(50+rng.IntN(900)) * time.Millisecond) // the random moment
		k.process.Kill()
		end()
	}
	require.Greater(t, l.count(), n*bodySize, "the load was real")
	l.requireTrail(t, dir, "after the kills, journal and bucket", "--archive", location, "--journal", k.journal(), "--keyring", ring)
	k.start()
	k.delivers()
	k.process.Stop()
	l.requireTrail(t, dir, strconv.Itoa(n)+" kills, the bucket alone", "--archive", location, "--keyring", ring)
	harness.NoLeakBelow(t, dir, l.token)
}
