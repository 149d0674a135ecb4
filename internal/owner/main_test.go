package owner

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/keytrail/keytrail/internal/fingerprint"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var loaded = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

// newRing makes a ring file with one epoch and returns its path; rotate adds another.
func newRing(t testing.TB) string {
	t.Helper()
	path := t.TempDir() + "/keyring.yaml"
	_, err := fingerprint.Create(path)
	require.NoError(t, err)
	return path
}

func loadRing(t testing.TB, path string) *fingerprint.Ring {
	t.Helper()
	r, err := fingerprint.Load(path)
	require.NoError(t, err)
	return r
}

// dummyToken returns a token that nobody has: it is made at run time and says so.
func dummyToken() string { return "dummy-" + rand.Text() }

func hexSum(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

func base64Sum(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.StdEncoding.EncodeToString(sum[:])
}

func parse(t testing.TB, f Format, text string, args ...any) *Directory {
	t.Helper()
	d, err := Parse(f, fmt.Appendf(nil, text, args...), loaded)
	require.NoError(t, err)
	return d
}
