package secret

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/keytrail/keytrail/internal/event"
)

// TestVisibility tells for what a log shows how blind the audit is.
func TestVisibility(t *testing.T) {
	d := newDice(90)
	opaque, jwt := "Canary"+d.base62(26), d.jwt(`{"sub":"u"}`)
	kong := event.Auth{Kind: "kong", CredentialID: "cred-1", Authenticated: true}
	const h = "http.request.header."
	for _, tc := range []struct {
		name  string
		auth  event.Auth
		want  string
		place string
		pairs []string
	}{
		{"nothing", event.Auth{}, event.VisibilityNone, "", []string{"url.path", "/"}},
		{"a dash", event.Auth{}, event.VisibilityNone, "", []string{authorization, "-", h + "x-api-key", "null"}},
		{"bearer", event.Auth{}, event.VisibilityVisible, "header.authorization", []string{authorization, "Bearer " + opaque}},
		{"kong", event.Auth{}, event.VisibilityMasked, "header.authorization", []string{authorization, "REDACTED"}},
		{"caddy", event.Auth{}, event.VisibilityMasked, "header.authorization", []string{authorization, `["REDACTED"]`}},
		{"brackets", event.Auth{}, event.VisibilityMasked, "header.authorization", []string{authorization, "Bearer [REDACTED]"}},
		{"stars", event.Auth{}, event.VisibilityMasked, "header.x-api-key", []string{h + "x-api-key", "***"}},
		{"tyk, no key needed", event.Auth{}, event.VisibilityNone, "", []string{"tyk.api_key", "00000000"}},
		{"tyk, none needed and its id", event.Auth{Kind: "tyk", CredentialID: "00000000", Authenticated: true}, event.VisibilityNone, "", nil},
		{"zeros elsewhere", event.Auth{}, event.VisibilityMasked, "field.api_key", []string{"app.api_key", "00000000"}},
		{"query", event.Auth{}, event.VisibilityMasked, "query.api_key", []string{"url.query", "api_key=REDACTED"}},
		{"cookie", event.Auth{}, event.VisibilityMasked, "cookie", []string{h + "cookie", "REDACTED"}},
		{"half masked", event.Auth{}, event.VisibilityMasked, "header.authorization", []string{authorization, "Bearer abcd****"}},
		{"hidden in the middle", event.Auth{}, event.VisibilityMasked, "header.authorization", []string{authorization, "Bearer abcd...wxyz"}},
		{"vault", event.Auth{}, event.VisibilityMasked, "header.x-vault-token", []string{h + "x-vault-token", "hmac-sha256:" + d.hex(64)}},
		{"cut", event.Auth{}, event.VisibilityTruncated, "header.authorization", []string{authorization, "Bearer eyJh..."}},
		{"cut jwt", event.Auth{}, event.VisibilityTruncated, "header.authorization", []string{authorization, "Bearer " + jwt[:40]}},
		{"cut basic", event.Auth{}, event.VisibilityTruncated, "header.authorization", []string{authorization, "Basic dXNlc"}},
		{"cut format", event.Auth{}, event.VisibilityTruncated, "header.authorization", []string{authorization, "token ghp_abcdef"}},
		{"cut signature", event.Auth{}, event.VisibilityTruncated, "header.authorization", []string{authorization, "AWS4-HMAC-SHA256 SignedHeaders=host, Signature=abc"}},
		{"cut digest", event.Auth{}, event.VisibilityTruncated, "header.authorization", []string{authorization, `Digest realm="r", nonce="n"`}},
		{"id only", kong, event.VisibilityID, "gateway.consumer", []string{authorization, "REDACTED"}},
		{"id and nothing", kong, event.VisibilityID, "gateway.consumer", nil},
		{"id and the key itself", kong, event.VisibilityVisible, "gateway.consumer", []string{h + "apikey", opaque}},
		{"id and junk in a body", kong, event.VisibilityID, "gateway.consumer", []string{authorization, "REDACTED", "app.note", "x " + d.github("ghp_")}},
		{"masked and a session", event.Auth{}, event.VisibilityVisible, "cookie.session", []string{authorization, "REDACTED", h + "cookie", "session=" + opaque}},
		{"masked query beside a key", event.Auth{}, event.VisibilityVisible, "header.x-api-key", []string{"url.query", "token=***", h + "x-api-key", opaque}},
		{"mtls", event.Auth{MTLSSubject: "CN=robot"}, event.VisibilityVisible, "mtls", nil},
		{"the best place counts", event.Auth{}, event.VisibilityTruncated, "header.authorization", []string{h + "cookie", "session=***", authorization, "Bearer eyJh..."}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r, out := seal(t, tc.auth, tc.pairs...)
			assert.Equal(t, tc.want, out.Visibility)
			assert.Equal(t, tc.place, r.Attrs.Str(event.KeyTokenLocation))
			said, stamped := r.Attrs.Get(event.KeyTokenVisibility)
			assert.Equal(t, tc.want != event.VisibilityVisible && tc.want != event.VisibilityNone, stamped)
			if stamped {
				assert.Equal(t, tc.want, said.Str())
			}
			_, fingerprinted := r.Attrs.Get(event.KeyFingerprint)
			assert.Equal(t, tc.want == event.VisibilityVisible || tc.want == event.VisibilityID, fingerprinted)
			if again := testSealer(t).Record(r); again.Redacted != 0 {
				t.Fatalf("sealing again: %+v\n%s", again, dump(r))
			}
		})
	}
}
