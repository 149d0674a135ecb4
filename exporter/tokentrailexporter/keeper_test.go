package tokentrailexporter

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"

	"github.com/keytrail/keytrail/internal/archive"
)

// keep does one of the chores of a running exporter now.
func (r *rig) keep(task string) {
	r.t.Helper()
	trails.Lock()
	t := trails.started[r.cfg]
	trails.Unlock()
	for _, k := range t.keepers() {
		if k.task == task {
			k.once(r.t.Context())
			return
		}
	}
	r.t.Fatalf("no keeper does %s", task)
}

// oldBlocks writes n segments, each with two requests of three days ago, of which one stands in every segment.
func (r *rig) oldBlocks(n int) {
	r.t.Helper()
	then := time.Now().Add(-72 * time.Hour).UnixNano()
	for i := range n {
		own, shared := request(fmt.Sprintf("old-%d", i)), request("shared")
		own.Time, shared.Time = then, then
		require.NoError(r.t, r.logs.ConsumeLogs(r.t.Context(), asLogs(own, shared)))
		require.NoError(r.t, r.rotate())
		eventually(r.t, func() bool { return r.sum("delivered_records", "archive") == int64(2*(i+1)) }, "the segment is in blocks")
	}
}

func (r *rig) blockFiles(class string) []string {
	r.t.Helper()
	files, err := filepath.Glob(filepath.Join(r.cfg.Destinations.Archive.Directory, "v1", "class="+class, "dt=*", "*.parquet"))
	require.NoError(r.t, err)
	return files
}

// The loops run by themselves: small blocks are merged, what stood twice stands once, and the key that signs is
// published as soon as it is there.
func TestTheArchiveIsLookedAfter(t *testing.T) {
	cfg := testConfig(t)
	cfg.Compaction.Interval, cfg.Digest.Interval = 20*time.Millisecond, 20*time.Millisecond
	cfg.Digest.KeyFile = filepath.Join(t.TempDir(), "digest.key")
	r := start(t, cfg)
	eventually(t, func() bool { return r.sum("maintenance_failures", "digest") > 0 }, "the key is missing")
	require.Equal(t, componentstatus.StatusRecoverableError, r.host.status())
	_, err := archive.CreateSigner(cfg.Digest.KeyFile)
	require.NoError(t, err)
	eventually(t, func() bool { return r.host.status() == componentstatus.StatusOK }, "the key is taken up without a restart")

	r.oldBlocks(3)
	eventually(t, func() bool { return archived(t, cfg, "full")["shared"] == 1 }, "the blocks are merged")
	require.Equal(t, map[string]int{"old-0": 1, "old-1": 1, "old-2": 1, "shared": 1}, archived(t, cfg, "full"))
	eventually(t, func() bool { return r.sum("compacted_blocks", "") >= 4 }, "what was merged is counted") // of two classes
	require.Zero(t, r.sum("maintenance_failures", "compaction"))
}

// A compaction interval of zero leaves the blocks as they are.
func TestCompactionCanBeLeftToOthers(t *testing.T) {
	cfg := testConfig(t)
	cfg.Compaction.Interval = 0
	r := start(t, cfg)
	trails.Lock()
	tasks := []string{}
	for _, k := range trails.started[cfg].keepers() {
		tasks = append(tasks, k.task)
	}
	trails.Unlock()
	require.Equal(t, []string{"sweep", "proof"}, tasks)
	r.oldBlocks(2)
	require.Len(t, r.blockFiles("full"), 2)
}

// A block that vanishes is a broken promise: the proof says so in the metric and in the status, until it is mended.
func TestTheProofFindsALostBlock(t *testing.T) {
	cfg := testConfig(t)
	cfg.Compaction.Interval = 0
	r := start(t, cfg)
	r.oldBlocks(1)
	r.keep("proof")
	require.Zero(t, r.sum("violations", ""))
	require.NotEqual(t, componentstatus.StatusRecoverableError, r.host.status())

	block := r.blockFiles("trail")[0]
	aside := filepath.Join(t.TempDir(), "aside")
	require.NoError(t, os.Rename(block, aside))
	r.keep("proof")
	require.EqualValues(t, 1, r.sum("violations", string(archive.ViolationLost)))
	require.EqualValues(t, 1, r.sum("maintenance_failures", "proof"))
	require.Equal(t, componentstatus.StatusRecoverableError, r.host.status())

	require.NoError(t, os.Rename(aside, block))
	r.keep("proof")
	require.Zero(t, r.sum("violations", ""))
	require.Equal(t, componentstatus.StatusOK, r.host.status())
}
