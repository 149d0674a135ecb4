package owner

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/fingerprint"
)

// TestRotationsAreTold tells for two states of a directory which tokens replaced which. Tokens are written as the
// letter that their hash is made of.
func TestRotationsAreTold(t *testing.T) {
	ring := loadRing(t, newRing(t))
	tokens := map[string]string{}
	sum := func(letter string) string {
		if tokens[letter] == "" {
			tokens[letter] = dummyToken()
		}
		return hexSum(tokens[letter])
	}
	fill := func(text string) string {
		for _, letter := range []string{"A", "B", "C"} {
			text = strings.ReplaceAll(text, "<"+letter+">", sum(letter))
		}
		return text
	}
	for _, tc := range []struct{ name, before, after, want string }{
		{"the old row is gone", "- {sha256: <A>, owner_id: o, token_name: ci}", "- {sha256: <B>, owner_id: o, token_name: ci}", "A>B"},
		{"the old row is revoked", "- {sha256: <A>, owner_id: o, token_name: ci}",
			"- {sha256: <A>, owner_id: o, token_name: ci, revoked_at: 2026-11-22}\n- {sha256: <B>, owner_id: o, token_name: ci}", "A>B"},
		{"the old row has expired", "- {sha256: <A>, owner_id: o, token_name: ci, expires_at: 2026-11-22}",
			"- {sha256: <A>, owner_id: o, token_name: ci, expires_at: 2026-11-22}\n- {sha256: <B>, owner_id: o, token_name: ci}", "A>B"},
		{"both live, one was made later", "- {sha256: <A>, owner_id: o, token_name: ci, created_at: 2026-01-01}",
			"- {sha256: <A>, owner_id: o, token_name: ci, created_at: 2026-01-01}\n- {sha256: <B>, owner_id: o, token_name: ci, created_at: 2026-11-01}", "A>B"},
		{"both live, nobody says since when", "- {sha256: <A>, owner_id: o, token_name: ci}",
			"- {sha256: <A>, owner_id: o, token_name: ci}\n- {sha256: <B>, owner_id: o, token_name: ci}", ""},
		{"the youngest of the old ones", "- {sha256: <A>, owner_id: o, token_name: ci, created_at: 2026-01-01}\n- {sha256: <B>, owner_id: o, token_name: ci, created_at: 2026-02-01}",
			"- {sha256: <C>, owner_id: o, token_name: ci, created_at: 2026-03-01}", "B>C"},
		{"one id, a new secret", "- {sha256: <A>, credential_id: k-1, owner_id: o}", "- {sha256: <B>, credential_id: k-1, owner_id: o}", "A>B"},
		{"one token id, a new secret", "- {sha256: <A>, token_id: 7, owner_id: o}", "- {sha256: <B>, token_id: 7, owner_id: o}", "A>B"},
		{"only ids", "- {credential_id: k-1, owner_id: o, token_name: ci}", "- {credential_id: k-2, owner_id: o, token_name: ci}", "k-1>k-2"},
		{"another owner", "- {sha256: <A>, owner_id: o, token_name: ci}", "- {sha256: <B>, owner_id: p, token_name: ci}", ""},
		{"an id that changed hands", "- {sha256: <A>, credential_id: k-1, owner_id: o}", "- {sha256: <B>, credential_id: k-1, owner_id: p}", ""},
		{"another name", "- {sha256: <A>, owner_id: o, token_name: ci}", "- {sha256: <B>, owner_id: o, token_name: laptop}", ""},
		{"no name", "- {sha256: <A>, owner_id: o}", "- {sha256: <B>, owner_id: o}", ""},
		{"the new one is dead", "- {sha256: <A>, owner_id: o, token_name: ci}", "- {sha256: <B>, owner_id: o, token_name: ci, revoked_at: 2026-11-22}", ""},
		{"an older one comes back", "- {sha256: <B>, owner_id: o, token_name: ci, created_at: 2026-11-01}",
			"- {sha256: <A>, owner_id: o, token_name: ci, created_at: 2026-01-01}", ""},
		{"a new owner of one token", "- {sha256: <A>, owner_id: o, token_name: ci}", "- {sha256: <A>, owner_id: p, token_name: ci}", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			found, more := rotations(parse(t, YAML, "%s", fill(tc.before)), parse(t, YAML, "%s", fill(tc.after)), loaded)
			require.Zero(t, more)
			var got []string
			for _, r := range found {
				got = append(got, letterOf(ring, tokens, &r.Old)+">"+letterOf(ring, tokens, &r.New))
			}
			require.Equal(t, tc.want, strings.Join(got, " "))
		})
	}
}

func letterOf(ring *fingerprint.Ring, tokens map[string]string, k *TokenKey) string {
	text, printed := k.Text(ring)
	for letter, token := range tokens {
		if printed && ring.Stamp(fingerprint.Credential, fingerprint.CredentialDigest([]byte(token))).String() == text {
			return letter
		}
	}
	return text
}

func TestTooManyRotationsAreCounted(t *testing.T) {
	rows := func(kind string) string {
		var b strings.Builder
		for i := range MaxRotations + 7 {
			fmt.Fprintf(&b, "- {credential_id: %s-%d, owner_id: o, token_name: n-%d}\n", kind, i, i)
		}
		return b.String()
	}
	found, more := rotations(parse(t, YAML, "%s", rows("old")), parse(t, YAML, "%s", rows("new")), loaded)
	require.Len(t, found, MaxRotations)
	require.Equal(t, 7, more)
}

func TestABookTellsOfARotationOnce(t *testing.T) {
	ringPath := newRing(t)
	path := filepath.Join(t.TempDir(), "owners.yaml")
	write := func(token string) {
		require.NoError(t, os.WriteFile(path, []byte("- {sha256: "+hexSum(token)+", owner_id: o, token_name: ci}"), 0o600))
	}
	first, second := dummyToken(), dummyToken()
	write(first)
	synctest.Test(t, func(t *testing.T) {
		ring := loadRing(t, ringPath)
		var told []Rotation
		tick := func() { <-time.After(DefaultInterval); synctest.Wait() }
		b := Open(Options{
			Loader: NewFile(path), Ring: func() *fingerprint.Ring { return ring },
			OnRotate: func(found []Rotation, _ int) { told = append(told, found...) },
		})
		defer b.Close()
		tick()
		require.Empty(t, told, "nobody knows what was before the first load")
		write(second)
		tick()
		require.Len(t, told, 1)
		require.Equal(t, "o", told[0].Facts.Text[OwnerID])
		tick()
		require.Len(t, told, 1)
	})
}

// A load of changes alone also shows what was renewed.
func TestARotationAmongChanges(t *testing.T) {
	row := func(token, extra string) string {
		return "- {sha256: " + hexSum(token) + ", owner_id: o, token_name: ci" + extra + "}"
	}
	first, second := dummyToken(), dummyToken()
	before := parse(t, YAML, "%s", row(first, ""))
	news := parse(t, YAML, "%s\n%s", row(first, ", revoked_at: 2026-11-22"), row(second, ""))
	after, err := before.changed(news.base, loaded)
	require.NoError(t, err)
	found, _ := rotations(before, after, loaded)
	require.Len(t, found, 1)
	require.True(t, found[0].Old.hashed)
}
