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

// config/loki-otlp.yaml: the archive on the disk, and the same events in Loki by its OTLP endpoint.
func TestLokiByOTLPConfig(t *testing.T) {
	dir := harness.Dir(t)
	recent := harness.Loki(t, "")
	ring := filepath.Join(dir, "keyring.yaml")
	require.Zero(t, harness.Keytrail(t, dir, "", "keys", "init", "--keyring", ring).Code)
	c := harness.Start(t, harness.Options{
		Dir: dir, Config: filepath.Join(harness.Root(t), "config/loki-otlp.yaml"), Ready: "localhost:4380", Args: debugLog,
		Env: []string{"KEYTRAIL_KEYRING=" + ring, "KEYTRAIL_DATA=" + filepath.Join(dir, "data"), "KEYTRAIL_LOKI=" + recent.URL("")},
	})
	token := "otlp-to-loki-token-0123456789"
	since := time.Now().Add(-time.Hour)
	status, answer, err := harness.Post("http://localhost:4380/ingest/kong", "application/json", kongRecord("/v1/otlp/a", token, 1))
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status, answer)
	events := trail(t, dir, token, "--keyring", ring)
	require.Len(t, events, 1)
	harness.Eventually(t, 30*time.Second, "Loki finds the event by its fingerprint", func() error {
		query := fmt.Sprintf(`{service_name=~".+"} | token_fingerprint=%q | url_path="/v1/otlp/a"`, events[0]["token.fingerprint"])
		if lines := lokiLines(t, recent, query, since); len(lines) != 1 {
			return fmt.Errorf("%d lines", len(lines))
		}
		return nil
	})
	recent.Kill()
	status, _, err = harness.Post("http://localhost:4380/ingest/kong", "application/json", kongRecord("/v1/otlp/b", token, 2))
	require.NoError(t, err)
	require.Equal(t, http.StatusServiceUnavailable, status, "Loki is waited for")
	c.Stop()
	harness.NoLeak(t, "the log", c.Log(), token)
	harness.NoLeakBelow(t, filepath.Join(dir, "data"), token)
}
