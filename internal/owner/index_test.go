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

	var f Facts
	for _, ring := range []*fingerprint.Ring{before, after} {
		require.True(t, x.ByText(ring.Stamp(fingerprint.Credential, digest).String(), loaded, &f))
		require.Equal(t, "hashed", f.Text[OwnerID])
	}
	require.True(t, x.ByText(old.String(), loaded, &f))
	require.Equal(t, "pinned", f.Text[OwnerID])
	require.True(t, x.Pinned())

	fresh := fingerprint.CredentialDigest([]byte(pinned))
	require.False(t, x.ByText(after.Stamp(fingerprint.Credential, fresh).String(), loaded, &f), "a pinned row holds for its epoch only")
	require.True(t, x.ByDigest(after, fingerprint.Credential, fresh, loaded, &f), "but its digest leads there")
	require.Equal(t, "pinned", f.Text[OwnerID])

	require.True(t, x.ByCredentialID("k-1", loaded, &f))
	require.Equal(t, "byid", f.Text[OwnerID])

	for _, none := range []string{"", "kt1_", token, "kt9_" + strings.Repeat("0", 32)} {
		require.False(t, x.ByText(none, loaded, &f), none)
	}
	require.False(t, x.ByCredentialID("", loaded, &f))
}

func TestARowThatNamesTheFingerprintWins(t *testing.T) {
	ring := loadRing(t, newRing(t))
	token := dummyToken()
	id := ring.Stamp(fingerprint.Credential, fingerprint.CredentialDigest([]byte(token)))
	x := NewIndex(parse(t, YAML, "- {fingerprint: %s, owner_id: named}\n- {sha256: %s, owner_id: hashed}", id, hexSum(token)), ring)
	var f Facts
	require.True(t, x.ByText(id.String(), loaded, &f))
	require.Equal(t, "named", f.Text[OwnerID])
}

func FuzzFingerprintText(f *testing.F) {
	f.Add("kt1_00112233445566778899aabbccddeeff")
	f.Add("kc65535_00112233445566778899aabbccddeeff")
	f.Add("kt65536_00112233445566778899aabbccddeeff")
	f.Add("kt01_00112233445566778899AABBCCDDEEFF")
	f.Fuzz(func(t *testing.T, text string) {
		id, err := fingerprint.ParseID(text)
		p, ok := parsePrint(text)
		require.Equal(t, err == nil, ok)
		if ok {
			require.Equal(t, printOf(id), p)
		}
	})
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
		var f Facts
		if !x.ByText(warm[i&1023], loaded, &f) {
			b.Fatal("not found")
		}
		i++
	}
}
