package secret

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/fingerprint"
)

// TestPastedTokenFindsWhatWasSealed pastes a credential in every way a person may, and wants the fingerprint that
// sealing gave it.
func TestPastedTokenFindsWhatWasSealed(t *testing.T) {
	d := newDice(20)
	opaque := "Canary" + d.base62(26)
	pat := d.github("ghp_")
	jwt := d.jwt(`{"sub":"user-1"}`)
	bot := "123456789:" + d.base62(35)
	for _, tc := range []struct{ name, key, sent, pasted string }{
		{"bare", authorization, "Bearer " + opaque, opaque},
		{"bare with a newline", authorization, "Bearer " + opaque, opaque + "\n"},
		{"quoted", authorization, "Bearer " + opaque, `"` + opaque + `"`},
		{"with its scheme", authorization, "Bearer " + opaque, "Bearer " + opaque},
		{"header line", authorization, "Bearer " + opaque, "Authorization: Bearer " + opaque + "\r\n"},
		{"key header line", "http.request.header.x-api-key", opaque, "X-API-Key: " + opaque},
		{"cookie line", "http.request.header.cookie", "a=b; session=" + opaque, "Cookie: session=" + opaque},
		{"known format", authorization, "token " + pat, pat},
		{"jwt", authorization, "Bearer " + jwt, jwt},
		{"basic text", authorization, basic("x-access-token:" + opaque), "x-access-token:" + opaque},
		{"basic header", authorization, basic("x-access-token:" + opaque), "Authorization: " + basic("x-access-token:"+opaque)},
		{"certificate header", "http.request.header.x-ssl-client-s-dn", "CN=robot", "X-SSL-Client-S-DN: CN=robot"},
		{"cookie, escaped", "http.request.header.cookie", "session=s%3A" + opaque, "Cookie: session=s%3A" + opaque},
		{"signed", authorization, "GOOG4-RSA-SHA256 Credential=a@b.example/1/goog4_request, Signature=00", "GOOG4-RSA-SHA256 Credential=a@b.example/1/goog4_request, Signature=ff"},
		{"human", authorization, basic("alice:whatever-it-is"), "alice:whatever-it-is"},
		{"bot", "url.path", "/bot" + bot + "/send", bot},
		{"token with colons", authorization, "Bearer a:b:" + opaque, "a:b:" + opaque},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r, _ := seal(t, event.Auth{}, tc.key, tc.sent)
			found, err := ParseToken([]byte(tc.pasted), testIssuer)
			require.NoError(t, err)
			ring := testRing(t)
			var ids []string
			for _, c := range found {
				ids = append(ids, ring.Stamp(c.Kind, c.Digest).String())
			}
			assert.Contains(t, ids, r.Attrs.Str(event.KeyFingerprint))
		})
	}
}

func TestPastedTokenRefused(t *testing.T) {
	for _, s := range []string{"", " \n", "REDACTED", "Bearer ***", "abcd****", "a\nb", strings.Repeat("a", maxPasted+1)} {
		found, err := ParseToken([]byte(s))
		require.Error(t, err, "%.20q", s)
		assert.Empty(t, found)
		if strings.TrimSpace(s) != "" && len(s) > 3 {
			assert.NotContains(t, err.Error(), s)
		}
	}
}

func TestIDsAreGivenForEachIssuer(t *testing.T) {
	found, err := ParseToken([]byte("Authorization: "+basic("alice:whatever-it-is")), "edge", "shop")
	require.NoError(t, err)
	require.Len(t, found, 2)
	assert.Equal(t, fingerprint.IDDigest("basic", "edge", "alice"), found[0].Digest)
	assert.Equal(t, fingerprint.IDDigest("basic", "shop", "alice"), found[1].Digest)
}
