//go:build scenario

package scenarios

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/testbed/harness"
)

// config/s3-loki.yaml: the archive in a bucket, the recent events in Loki, a journal that is sealed.
func TestS3AndLokiConfig(t *testing.T) {
	dir := harness.Dir(t)
	store, recent := harness.Versitygw(t), harness.Loki(t, "")
	store.MakeBucket(harness.Bucket{Name: "trails"})
	ring := filepath.Join(dir, "keyring.yaml")
	require.Zero(t, harness.Keytrail(t, dir, "", "keys", "init", "--keyring", ring).Code)
	c := harness.Start(t, harness.Options{
		Dir: dir, Config: filepath.Join(harness.Root(t), "config/s3-loki.yaml"), Ready: "localhost:4380", Args: debugLog,
		Env: append(store.Env(), "KEYTRAIL_KEYRING="+ring, "KEYTRAIL_DATA="+filepath.Join(dir, "data"), "KEYTRAIL_BUCKET=trails",
			"KEYTRAIL_S3="+store.URL(""), "KEYTRAIL_S3_PATH_STYLE=true", "KEYTRAIL_LOKI="+recent.URL("")),
	})
	token := "bucket-token-0123456789"
	status, answer, err := harness.Post("http://localhost:4380/ingest/kong", "application/json", kongRecord("/v1/bucket/a", token, 1))
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status, answer)
	c.Stop() // which closes the segment and delivers it to both

	for _, pair := range store.Env() {
		key, value, _ := strings.Cut(pair, "=")
		t.Setenv(key, value)
	}
	events := trail(t, dir, token, "--archive", store.Location("trails/keytrail"), "--keyring", ring)
	require.Len(t, events, 1)
	require.Equal(t, "/v1/bucket/a", events[0]["url.path"])
	harness.Eventually(t, 30*time.Second, "Loki has the event in both classes that go there", func() error {
		for _, class := range []string{"full", "trail"} {
			if n := lokiCount(t, recent, `{retention_class="`+class+`"}`); n != 1 {
				return fmt.Errorf("%d of %s", n, class)
			}
		}
		return nil
	})
	harness.NoLeak(t, "the log", c.Log(), token)
	harness.NoLeakBelow(t, filepath.Join(dir, "data"), token)
}
