//go:build scenario

package scenarios

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/testbed/harness"
)

// config/production.yaml: TLS and a bearer token in front of the ingest port; nobody else gets a record in.
func TestProductionConfig(t *testing.T) {
	dir := harness.Dir(t)
	p := newPKI(t, dir)
	sender := "ingest-bearer-0123456789abcdef"
	tokens, owners := filepath.Join(dir, "ingest-tokens"), filepath.Join(dir, "owners.yaml")
	require.NoError(t, os.WriteFile(tokens, []byte(sender+"\n"), 0o600))
	require.NoError(t, os.WriteFile(owners, []byte("tokens: []\n"), 0o600))
	ring := filepath.Join(dir, "keyring.yaml")
	require.Zero(t, harness.Keytrail(t, dir, "", "keys", "init", "--keyring", ring).Code)
	c := harness.Start(t, harness.Options{
		Dir: dir, Config: filepath.Join(harness.Root(t), "config/production.yaml"), Ready: "localhost:4380", Args: debugLog,
		Env: []string{
			"KEYTRAIL_INGEST_TOKENS=" + tokens, "KEYTRAIL_OWNERS=" + owners, "KEYTRAIL_KEYRING=" + ring, "KEYTRAIL_CERT=" + p.cert,
			"KEYTRAIL_KEY=" + p.key, "KEYTRAIL_DATA=" + filepath.Join(dir, "data"),
		},
	})
	pem, err := os.ReadFile(p.ca)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(pem))
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13}}}
	defer client.CloseIdleConnections()

	token := "production-token-0123456789"
	post := func(bearer string) int {
		t.Helper()
		req, err := http.NewRequest(http.MethodPost, "https://localhost:4380/ingest/kong", strings.NewReader(string(kongRecord("/v1/prod/a", token, 1))))
		require.NoError(t, err)
		if bearer != "" {
			req.Header.Set("Authorization", "Bearer "+bearer)
		}
		resp, err := client.Do(req)
		require.NoError(t, err)
		resp.Body.Close()
		return resp.StatusCode
	}
	require.Equal(t, http.StatusUnauthorized, post(""))
	require.Equal(t, http.StatusUnauthorized, post("someone-else-0123456789"))
	require.Equal(t, http.StatusOK, post(sender))
	harness.Eventually(t, 60*time.Second, "alert metrics stand at 0", func() error {
		if !strings.Contains(harness.Get(t, "http://localhost:9464/metrics"), "keytrail_anomaly_alerts") {
			return errors.New("not yet")
		}
		return nil
	})

	harness.Eventually(t, 10*time.Second, "the event is found", func() error {
		got := trail(t, dir, token, "--archive", filepath.Join(dir, "data/archive"), "--keyring", ring)
		if len(got) != 1 {
			return fmt.Errorf("%d events", len(got))
		}
		return nil
	})
	c.Stop()
	harness.NoLeak(t, "the log", c.Log(), token, sender)
	harness.NoLeakBelow(t, filepath.Join(dir, "data"), token, sender)
}
