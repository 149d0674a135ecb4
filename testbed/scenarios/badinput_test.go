//go:build scenario

package scenarios

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/testbed/harness"
)

// Each kind of bad input has a clear answer, and the good records beside it are kept.
func TestBadInput(t *testing.T) {
	c, dir := quickstart(t)
	token := "bad-input-token-0123456789"
	good := kong(t, func(req, h, _ map[string]any) { h["x-api-key"], req["uri"] = token, "/v1/good" })
	post := func(path, contentType string, body []byte, headers ...string) (int, string) {
		t.Helper()
		status, answer, err := harness.Post("http://localhost:4380"+path, contentType, body, headers...)
		require.NoError(t, err)
		require.NotContains(t, answer, token)
		return status, answer
	}

	t.Run("malformed JSON in the middle of a batch", func(t *testing.T) {
		status, answer := post("/ingest/kong", "application/json", []byte(good+"\n{\"request\": oops\n"+good+"\n"))
		require.Equal(t, 200, status, answer)
		require.Contains(t, answer, `"accepted":2`)
		require.Contains(t, answer, `"rejected":1`)
		require.Contains(t, answer, `"index":1`)
		wait(t, dir, token, 2)
	})
	t.Run("bodies beyond the limit", func(t *testing.T) {
		big := bytes.Repeat([]byte(" "), 25<<20)
		status, _ := post("/ingest/kong", "application/json", big)
		require.Equal(t, 413, status)

		var gz bytes.Buffer
		w := gzip.NewWriter(&gz)
		for range 40 {
			_, _ = w.Write(bytes.Repeat([]byte("["), 10<<20))
		}
		require.NoError(t, w.Close())
		status, _ = post("/ingest/kong", "application/json", gz.Bytes(), "Content-Encoding", "gzip")
		require.Equal(t, 413, status)

		enc, err := zstd.NewWriter(nil)
		require.NoError(t, err)
		bomb := enc.EncodeAll(bytes.Repeat([]byte("["), 200<<20), nil)
		status, _ = post("/ingest/kong", "application/json", bomb, "Content-Encoding", "zstd")
		require.Equal(t, 413, status)

		huge := []byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x98, 0x01, 0x00, 0x00} // a frame that asks for a window of 512 MiB
		status, _ = post("/ingest/kong", "application/json", huge, "Content-Encoding", "zstd")
		require.Contains(t, []int{400, 413}, status)
		require.Less(t, residentMiB(t, c.Pid()), 512)
	})
	t.Run("wrong and unknown types", func(t *testing.T) {
		status, answer := post("/ingest/kong", "text/plain", []byte(good))
		require.Equal(t, 200, status, answer) // a gateway's content type is not to be trusted
		status, _ = post("/ingest/kong", "application/json", []byte(good), "Content-Encoding", "br-"+token)
		require.Equal(t, 415, status)
		status, _ = post("/ingest/nosuchgateway", "application/json", []byte(good))
		require.Equal(t, 404, status)
		status, _ = post("/ingest", "application/json", []byte{0x00, 0x01, 0x02, 0xff})
		require.Contains(t, []int{200, 400, 415}, status)
		status, _ = post("/ingest/kong", "application/json", []byte(good), "Origin", "https://evil.example")
		require.Equal(t, 403, status)
	})
	t.Run("missing keys", func(t *testing.T) {
		status, answer := post("/ingest/kong", "application/json", []byte(`{"hello":"world"}`))
		require.Equal(t, 200, status, answer)
		require.Contains(t, answer, `"rejected":1`)
	})
	metrics := harness.Get(t, "http://localhost:8888/metrics")
	require.Contains(t, metrics, "rejected")
	require.False(t, c.Exited())
	c.Stop()
	require.NotContains(t, c.Log(), "panic")
}

func residentMiB(t *testing.T, pid int) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	require.NoError(t, err)
	var size, resident int
	_, err = fmt.Sscan(string(b), &size, &resident)
	require.NoError(t, err)
	return resident * os.Getpagesize() >> 20
}

// burst posts records until stop says so and returns the paths that were acknowledged.
func burst(t *testing.T, token string, from int, stop func(status int, n int) bool) []string {
	t.Helper()
	var acked []string
	for n := from; ; n++ {
		path := fmt.Sprintf("/v1/disk/n-%d", n)
		status, _, err := harness.Post("http://localhost:4380/ingest/kong", "application/json", append(kongRecord(path, token, int64(n)), '\n'))
		require.NoError(t, err)
		if status == 200 {
			acked = append(acked, path)
		}
		if stop(status, n-from) {
			return acked
		}
	}
}

func requireAll(t *testing.T, dir, token string, acked []string) {
	t.Helper()
	harness.Eventually(t, 30*time.Second, "every acknowledged event", func() error {
		seen := map[string]int{}
		for _, r := range trail(t, dir, token) {
			seen[r["url.path"].(string)]++
		}
		for _, p := range acked {
			if seen[p] != 1 {
				return fmt.Errorf("%s seen %d times of %d events", p, seen[p], len(acked))
			}
		}
		return nil
	})
}

// A disk that fills refuses before it acknowledges, and serves again when there is room.
func TestFullDisk(t *testing.T) {
	dir := harness.Dir(t)
	data := filepath.Join(dir, "data")
	require.NoError(t, os.Mkdir(data, 0o700))
	require.NoError(t, syscall.Mount("tmpfs", data, "tmpfs", 0, "size=48m"), "a small file system needs root")
	t.Cleanup(func() { _ = syscall.Unmount(data, syscall.MNT_DETACH) })

	c := harness.Start(t, harness.Options{
		Dir: dir, Config: "embedded:quickstart", Ready: "localhost:4380",
		Args: []string{"--set=exporters.token_trail.journal.segment_size=4194304", "--set=exporters.token_trail.journal.segment_age=1s"},
	})
	token := "full-disk-token-0123456789"
	acked := burst(t, token, 0, func(status, n int) bool { return n == 20 })
	require.NotEmpty(t, acked)

	filler := filepath.Join(data, "filler")
	require.Error(t, os.WriteFile(filler, make([]byte, 64<<20), 0o600), "the disk is full now")
	refused := 0
	acked = append(acked, burst(t, token, 1000, func(status, n int) bool {
		if status == 503 || status == 429 {
			refused++
		}
		return refused >= 3 || n > 40000
	})...)
	require.GreaterOrEqual(t, refused, 3, "a full disk must refuse")
	require.NoError(t, os.Remove(filler))
	harness.Eventually(t, 60*time.Second, "it serves again", func() error {
		status, answer, err := harness.Post("http://localhost:4380/ingest/kong", "application/json", kongRecord("/v1/disk/after", token, 999999))
		if err != nil || status != 200 {
			return errors.Join(err, fmt.Errorf("%d %s", status, answer))
		}
		acked = append(acked, "/v1/disk/after")
		return nil
	})
	requireAll(t, dir, token, acked)
	c.Stop()
}

// An archive that cannot be written keeps events in the journal, where they are found, and is filled once it can.
func TestUnwritableArchive(t *testing.T) {
	dir := harness.Dir(t)
	archive := filepath.Join(dir, "data", "archive")
	require.NoError(t, os.MkdirAll(archive, 0o700))
	require.NoError(t, syscall.Mount("tmpfs", archive, "tmpfs", syscall.MS_RDONLY, ""), "a read-only file system needs root")
	c := harness.Start(t, harness.Options{
		Dir: dir, Config: "embedded:quickstart", Ready: "localhost:4380", Args: []string{"--set=exporters.token_trail.journal.segment_age=1s"},
	})
	token := "read-only-token-0123456789"
	acked := burst(t, token, 0, func(status, n int) bool { return n == 20 })
	require.Len(t, acked, 21, "the journal takes what the archive cannot")
	requireAll(t, dir, token, acked)
	require.NoError(t, syscall.Unmount(archive, syscall.MNT_DETACH))
	harness.Eventually(t, 60*time.Second, "blocks are written", func() error {
		found, err := filepath.Glob(filepath.Join(archive, "v1", "class=full", "dt=*", "*.parquet"))
		if err == nil && len(found) == 0 {
			err = fmt.Errorf("none yet")
		}
		return err
	})
	requireAll(t, dir, token, acked)
	c.Stop()
}

// A bad owner file on reload leaves the last good one in force, and the status says so.
func TestBadOwnerFileOnReload(t *testing.T) {
	dir := harness.Dir(t)
	token := "owned-token-0123456789abcdef"
	fp := strings.Fields(harness.Keytrail(t, dir, "", "keys", "init", "--keyring", "data/keyring.yaml").Stdout)
	require.NotEmpty(t, fp)
	res := harness.Keytrail(t, dir, token, "fingerprint", "--keyring", "data/keyring.yaml")
	require.Zero(t, res.Code, res.Stderr)
	print := strings.Fields(res.Stdout)[0]
	owners := filepath.Join(dir, "data", "owners.yaml")
	write := func(text string) { require.NoError(t, os.WriteFile(owners, []byte(text), 0o600)) }
	write("tokens:\n  - {fingerprint: " + print + ", owner_id: u-1, owner_type: user, owner_name: Ada}\n")
	c := harness.Start(t, harness.Options{Dir: dir, Config: "embedded:quickstart", Ready: "localhost:4380"})
	send := func(path string) {
		ingest(t, "kong", kong(t, func(req, h, _ map[string]any) { h["x-api-key"], req["uri"] = token, path }))
	}
	send("/v1/before")
	before := len(c.Log())
	write("tokens: [ {fingerprint: ")
	harness.Eventually(t, 60*time.Second, "the bad file is noticed", func() error {
		if !strings.Contains(c.Log()[before:], "owners of file: ") {
			return errors.New("nothing in the log")
		}
		return nil
	})
	send("/v1/during")
	for _, r := range wait(t, dir, token, 2) {
		require.Equal(t, "u-1", r["token.owner.id"], r["url.path"])
	}
	write("tokens:\n  - {fingerprint: " + print + ", owner_id: u-2, owner_type: user, owner_name: Ben}\n")
	n := 2
	harness.Eventually(t, 60*time.Second, "the next good file is in force", func() error {
		send(fmt.Sprintf("/v1/after/%d", n))
		n++
		got := wait(t, dir, token, n)
		if owner := got[len(got)-1]["token.owner.id"]; owner != "u-2" {
			return fmt.Errorf("owner is %v", owner)
		}
		return nil
	})
	c.Stop()
}

// A journal segment that rots is set aside and counted; what stands before the damage and in other segments is kept.
func TestCorruptJournalSegment(t *testing.T) {
	dir := harness.Dir(t)
	archive := filepath.Join(dir, "data", "archive")
	require.NoError(t, os.MkdirAll(archive, 0o700))
	require.NoError(t, syscall.Mount("tmpfs", archive, "tmpfs", syscall.MS_RDONLY, "")) // keep everything in the journal
	start := func() *harness.Collector {
		return harness.Start(t, harness.Options{
			Dir: dir, Config: "embedded:quickstart", Ready: "localhost:4380", Args: []string{"--set=exporters.token_trail.journal.segment_age=1s"},
		})
	}
	c := start()
	token := "corrupt-token-0123456789"
	burst(t, token, 0, func(status, n int) bool { return n == 50 })
	first := len(segmentFiles(t, filepath.Join(dir, "data", "journal")))
	burst(t, token, 500, func(_, _ int) bool { return len(segmentFiles(t, filepath.Join(dir, "data", "journal"))) > first })
	second := burst(t, token, 100000, func(status, n int) bool { return n == 50 })
	c.Kill()
	out, err := exec.Command("sh", "-c", "ls "+filepath.Join(dir, "data", "journal")+" | head -20").CombinedOutput()
	require.NoError(t, err)
	segments := segmentFiles(t, filepath.Join(dir, "data", "journal"))
	require.GreaterOrEqual(t, len(segments), 2, "%s", out)
	b, err := os.ReadFile(segments[0])
	require.NoError(t, err)
	b[2000] ^= 0xff
	require.NoError(t, os.WriteFile(segments[0], b, 0o600))
	require.NoError(t, syscall.Unmount(archive, syscall.MNT_DETACH))

	c = start()
	requireAll(t, dir, token, second)
	harness.Eventually(t, 30*time.Second, "the damage is set aside", func() error {
		kept, err := filepath.Glob(filepath.Join(dir, "data", "journal", "quarantine", "*"))
		if err == nil && len(kept) == 0 {
			err = fmt.Errorf("quarantine is empty")
		}
		return err
	})
	require.Contains(t, harness.Get(t, "http://localhost:8888/metrics"), "quarantined")
	c.Stop()
}

func segmentFiles(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var out []string
	for _, e := range entries {
		if info, err := e.Info(); err == nil && e.Type().IsRegular() && strings.ContainsAny(e.Name(), "0123456789") && info.Size() > 4000 {
			out = append(out, filepath.Join(dir, e.Name()))
		}
	}
	return out
}
