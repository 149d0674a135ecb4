package traffic

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/owner"
)

var end = time.Date(2026, 11, 23, 15, 30, 0, 0, time.UTC)

func TestRequestsAreInTimeOrderAndTheSameEveryTime(t *testing.T) {
	c := NewCompany(1, end)
	require.GreaterOrEqual(t, len(c.Tokens), 38)
	var prev time.Time
	n, kinds := 0, map[Kind]int{}
	for r := range c.Requests(21, true) {
		require.False(t, r.Time.Before(prev), "%s before %s", r.Time, prev)
		prev = r.Time
		kinds[r.Token.Kind]++
		n++
	}
	require.Greater(t, n, 150_000)
	for _, k := range []Kind{Person, Service, Cron, CI} {
		require.Greater(t, kinds[k], 500, k)
	}
	again := 0
	for range NewCompany(1, end).Requests(21, true) {
		again++
	}
	require.Equal(t, n, again)
}

func TestIncident(t *testing.T) {
	c := NewCompany(1, end)
	var denied, read, stale int
	for r := range c.Requests(1, true) {
		switch {
		case r.Token == c.Leaked && r.Client == "203.0.113.77" && r.Status == 403:
			denied++
		case r.Token == c.Leaked && r.Client == "203.0.113.77":
			read++
		case r.Token == c.Rotated && r.Time.After(c.Rotated.Revoked):
			stale++
		}
	}
	require.Equal(t, 36, denied)
	require.Equal(t, 700, read)
	require.Greater(t, stale, 5)
	for r := range c.Requests(21, false) {
		require.False(t, r.Token == c.Leaked && r.Client == "203.0.113.77", "no incident was asked for")
	}
}

func TestEveryRecordIsJSONAndNamesItsToken(t *testing.T) {
	c := NewCompany(2, end)
	for r := range c.Requests(1, true) {
		b := r.Append(nil)
		require.True(t, json.Valid(b), "%s", b)
		if r.Token.CredentialID == "" {
			require.Contains(t, string(b), r.Raw)
		}
	}
}

func TestOwnersKeepNoToken(t *testing.T) {
	c := NewCompany(1, end)
	b, err := c.OwnersYAML(func(raw string) string { s := sha256.Sum256([]byte(raw)); return hex.EncodeToString(s[:]) })
	require.NoError(t, err)
	for _, tok := range c.Tokens {
		if tok.Raw != "" {
			require.NotContains(t, string(b), tok.Raw)
		}
		require.Contains(t, string(b), tok.Owner.ID)
	}
	dir, err := owner.Parse(owner.YAML, b, end)
	require.NoError(t, err, "token_owner reads it")
	require.Equal(t, len(c.Tokens), dir.Len())
}
