//go:build scenario

package scenarios

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/testbed/harness"
)

// pki is a throw-away authority and one leaf for both ends, as mutual TLS needs.
type pki struct{ ca, cert, key string }

func newPKI(t *testing.T, dir string) pki {
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test ca"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, &caKey.PublicKey, caKey)
	require.NoError(t, err)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: ca.NotBefore, NotAfter: ca.NotAfter, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, ca, &key.PublicKey, caKey)
	require.NoError(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	p := pki{filepath.Join(dir, "ca.crt"), filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")}
	for path, block := range map[string]*pem.Block{
		p.ca: {Type: "CERTIFICATE", Bytes: caDER}, p.cert: {Type: "CERTIFICATE", Bytes: leafDER}, p.key: {Type: "PRIVATE KEY", Bytes: keyDER},
	} {
		require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(block), 0o600))
	}
	return p
}

// A record posted to the agent is in the gateway's archive, and killing either process loses nothing that the agent
// has acknowledged.
func TestAgentToGateway(t *testing.T) {
	dir := harness.Dir(t)
	p := newPKI(t, dir)
	owners := filepath.Join(dir, "owners.yaml")
	require.NoError(t, os.WriteFile(owners, []byte("tokens: []\n"), 0o600))
	ring := filepath.Join(dir, "ring", "keyring.yaml")
	res := harness.Keytrail(t, dir, "", "keys", "init", "--keyring", ring)
	require.Zero(t, res.Code, res.Stderr)
	env := []string{
		"KEYTRAIL_KEYRING=" + ring, "KEYTRAIL_CA=" + p.ca, "KEYTRAIL_CERT=" + p.cert, "KEYTRAIL_KEY=" + p.key,
		"KEYTRAIL_OWNERS=" + owners, "KEYTRAIL_DATA=" + filepath.Join(dir, "data"), "KEYTRAIL_GATEWAY=localhost:4317",
	}
	start := func(config, ready string) *harness.Collector {
		return harness.Start(t, harness.Options{Dir: dir, Config: filepath.Join(harness.Root(t), "config", config), Env: env, Ready: ready})
	}
	gateway, agent := start("gateway.yaml", "localhost:4317"), start("agent.yaml", "localhost:4380")

	token := "agent-gateway-token-00001"
	acked := map[string]bool{}
	post := func(n int) error {
		path := fmt.Sprintf("/v1/things/thing-%d", n)
		status, answer, err := harness.Post("http://localhost:4380/ingest/kong", "application/json", kongRecord(path, token, int64(n)))
		if err != nil {
			return err
		}
		if status != 200 {
			return fmt.Errorf("%d %s", status, answer)
		}
		acked[path] = true
		return nil
	}
	for n := range 20 {
		harness.Eventually(t, 20*time.Second, "the first records", func() error { return post(n) })
	}

	gateway.Kill()
	require.Error(t, post(100), "without the gateway the agent acknowledges nothing")
	gateway = start("gateway.yaml", "localhost:4317")
	harness.Eventually(t, 30*time.Second, "the agent finds the gateway again", func() error { return post(101) })

	agent.Kill()
	agent = start("agent.yaml", "localhost:4380")
	harness.Eventually(t, 30*time.Second, "the agent serves again", func() error { return post(102) })

	var got []row
	harness.Eventually(t, 20*time.Second, "the trail at the gateway", func() error {
		got = trail(t, dir, token, "--archive", filepath.Join(dir, "data/archive"), "--keyring", ring)
		if len(got) < len(acked) {
			return fmt.Errorf("%d events of %d", len(got), len(acked))
		}
		return nil
	})
	seen := map[string]int{}
	for _, r := range got {
		seen[r["url.path"].(string)]++
	}
	for path := range acked {
		require.Equal(t, 1, seen[path], path)
	}
	agent.Stop()
	gateway.Stop()
	harness.NoLeakBelow(t, filepath.Join(dir, "data"), token)
	harness.NoLeak(t, "the agent's log", agent.Log(), token)
	harness.NoLeak(t, "the gateway's log", gateway.Log(), token)
}
