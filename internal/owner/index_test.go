package owner

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/fingerprint"
)

func TestARowIsFoundUnderEveryLiveEpoch(t *testing.T) {
	path := newRing(t)
	token := dummyToken()
	digest := fingerprint.CredentialDigest([]byte(token))
	before := loadRing(t, path)
	_, err := fingerprint.Rotate(path, fingerprint.RotateOptions{})
	require.NoError(t, err)
	after := loadRing(t, path)

	pinned := dummyToken()
	old := before.Stamp(fingerprint.Credential, fingerprint.CredentialDigest([]byte(pinned)))
	x := NewIndex(parse(t, YAML, "- {sha256: %s, owner_id: hashed}\n- {fingerprint: %s, owner_id: pinned}\n- {credential_id: k-1, owner_id: byid}",
		hexSum(token), old), after)
	require.Equal(t, 3, x.Len())

	for _, ring := range []*fingerprint.Ring{before, after} {
		row, ok := x.ByText(ring.Stamp(fingerprint.Credential, digest).String())
		require.True(t, ok)
		require.Equal(t, "hashed", row.OwnerID)
	}
	row, ok := x.ByText(old.String())
	require.True(t, ok)
	require.Equal(t, "pinned", row.OwnerID)
	require.True(t, x.Pinned())

	_, ok = x.ByText(after.Stamp(fingerprint.Credential, fingerprint.CredentialDigest([]byte(pinned))).String())
	require.False(t, ok, "a pinned row holds for its epoch only")
	row, ok = x.ByDigest(after, fingerprint.Credential, fingerprint.CredentialDigest([]byte(pinned)))
	require.True(t, ok, "but its digest leads there")
	require.Equal(t, "pinned", row.OwnerID)

	row, ok = x.ByCredentialID("k-1")
	require.True(t, ok)
	require.Equal(t, "byid", row.OwnerID)

	for _, none := range []string{"", "kt1_", token, "kt9_" + strings.Repeat("0", 32)} {
		_, ok = x.ByText(none)
		require.False(t, ok, none)
	}
	_, ok = x.ByCredentialID("")
	require.False(t, ok)
}

func TestARowThatNamesTheFingerprintWins(t *testing.T) {
	ring := loadRing(t, newRing(t))
	token := dummyToken()
	id := ring.Stamp(fingerprint.Credential, fingerprint.CredentialDigest([]byte(token)))
	x := NewIndex(parse(t, YAML, "- {fingerprint: %s, owner_id: named}\n- {sha256: %s, owner_id: hashed}", id, hexSum(token)), ring)
	row, ok := x.ByText(id.String())
	require.True(t, ok)
	require.Equal(t, "named", row.OwnerID)
}

func BenchmarkByText(b *testing.B) {
	ring := loadRing(b, newRing(b))
	var rows strings.Builder
	rows.WriteString("owner_id,sha256\n")
	texts := make([]string, 100_000)
	for i := range texts {
		token := fmt.Sprintf("dummy-token-%d", i)
		fmt.Fprintf(&rows, "owner-%d,%s\n", i, hexSum(token))
		texts[i] = ring.Stamp(fingerprint.Credential, fingerprint.CredentialDigest([]byte(token))).String()
	}
	x := NewIndex(parse(b, CSV, "%s", rows.String()), ring)
	warm := texts[:1024]
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if _, ok := x.ByText(warm[i&1023]); !ok {
			b.Fatal("not found")
		}
		i++
	}
}
