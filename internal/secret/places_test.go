package secret

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/keytrail/keytrail/internal/event"
)

// TestOneCredentialOneFingerprint sends one credential in every place and by every scheme; wherever it stands, the
// fingerprint is the same, and nothing of it is left.
func TestOneCredentialOneFingerprint(t *testing.T) {
	d := newDice(60)
	opaque := "Canary/" + d.base62(12) + "+" + d.base62(13) + "="
	escaped := url.QueryEscape(opaque)
	const h = "http.request.header."
	for _, tc := range []struct{ key, value, about string }{
		{authorization, "Bearer " + opaque, "bearer header.authorization"},
		{authorization, "Token " + opaque, "token header.authorization"},
		{authorization, "ApiKey " + opaque, "api_key header.authorization"},
		{authorization, "SSWS " + opaque, "ssws header.authorization"},
		{authorization, "PRIVATE-TOKEN " + opaque, "private_token header.authorization"},
		{authorization, "DPoP " + opaque, "dpop header.authorization"},
		{authorization, `OAuth oauth_consumer_key="c1",oauth_token="` + escaped + `",oauth_signature="` + d.base64(20) + `"`, "oauth header.authorization"},
		{authorization, "SharedAccessSignature sr=hub.example&sig=" + escaped + "&se=1800000000", "shared_key header.authorization"},
		{authorization, "EG1-HMAC-SHA256 client_token=c;access_token=" + escaped + ";timestamp=1;signature=" + d.base64(32), "other header.authorization"},
		{authorization, basic("x-access-token:" + opaque), "basic header.authorization"},
		{h + "proxy-authorization", "Bearer " + opaque, "bearer header.proxy-authorization"},
		{h + "apikey", opaque, "api_key header.apikey"}, {h + "x-api-key", opaque, "api_key header.x-api-key"},
		{h + "x_api_key", opaque, "api_key header.x_api_key"}, {h + "api-key", opaque, "api_key header.api-key"},
		{h + "x-auth-token", opaque, "api_key header.x-auth-token"}, {h + "private-token", opaque, "api_key header.private-token"},
		{h + "job-token", opaque, "api_key header.job-token"}, {h + "x-vault-token", opaque, "api_key header.x-vault-token"},
		{h + "x-amz-security-token", opaque, "api_key header.x-amz-security-token"},
		{h + "ocp-apim-subscription-key", opaque, "api_key header.ocp-apim-subscription-key"},
		{h + "x-acme-passkey", opaque, "api_key header.x-acme-passkey"}, {h + "x-api-key-v2", opaque, "api_key header.x-api-key-v2"},
		{h + "x-pm-appkey", opaque, "api_key header.x-pm-appkey"},
		{h + "x-forwarded-authorization", "Bearer " + opaque, "bearer header.x-forwarded-authorization"},
		{h + "x-whatever", "Bearer " + opaque, "bearer header.x-whatever"},
		{h + "sec-websocket-protocol", "v4.channel.k8s.io, base64url.bearer.authorization.k8s.io." + b64(opaque), "bearer header.sec-websocket-protocol"},
		{"url.query", "apikey=" + escaped, "api_key query.apikey"}, {"url.query", "access_token=" + escaped, "api_key query.access_token"},
		{"url.query", "a=1&token=" + escaped + "&b=2", "api_key query.token"}, {"url.query", "sig=" + escaped, "api_key query.sig"},
		{"url.query", "X-Amz-Security-Token=" + escaped, "api_key query.x-amz-security-token"},
		{"url.path", "/v1/orders;token=" + escaped + "/42", "api_key path.token"},
		{"url.path", "/shop;jsessionid=" + escaped, "api_key path.jsessionid"},
		{"url.full", "https://x-access-token:" + url.PathEscape(opaque) + "@git.example/a.git", "basic userinfo"},
		{h + "x-original-uri", "/v1?token=" + escaped, "api_key query.token"},
		{h + "cookie", "lang=en; session=" + opaque, "cookie cookie.session"},
		{h + "cookie", "lang=en; session=" + escaped, "cookie cookie.session"},
		{h + "cookie", "acme=Bearer%20" + escaped, "bearer cookie.acme"},
		{h + "cookie", `acme="bearer+` + opaque + `"`, "bearer cookie.acme"},
		{"http.request.cookies.acme-auth", opaque, "cookie cookie.acme-auth"},
	} {
		t.Run(tc.key+" "+tc.about, func(t *testing.T) {
			r, out := seal(t, event.Auth{}, tc.key, tc.value, "app.note", "as "+opaque+" and "+escaped)
			assert.Equal(t, wantToken(t, opaque), r.Attrs.Str(event.KeyFingerprint), dump(r))
			assert.Equal(t, tc.about, fmt.Sprint(r.Attrs.Str(event.KeyTokenScheme), " ", r.Attrs.Str(event.KeyTokenLocation)))
			assert.Empty(t, r.Attrs.Str(event.KeyOthers))
			assert.Equal(t, event.VisibilityVisible, out.Visibility)
			assert.Empty(t, leak(dump(r), opaque))
			assert.NotContains(t, dump(r), escaped)
		})
	}
}

// TestSignedRequestsAreKnownByTheirKey: the signature is of one request, so it is removed and enters no hash.
func TestSignedRequestsAreKnownByTheirKey(t *testing.T) {
	d := newDice(61)
	aws := "AKIA" + d.letters("ABCDEFGH", 16)
	account := "robot@shop.iam.gserviceaccount.example"
	scope := "/20261123/eu-central-1/s3/aws4_request"
	for _, tc := range []struct{ name, key, form, kind, id, about string }{
		{"sigv4", authorization, "AWS4-HMAC-SHA256 Credential=" + aws + scope + ", SignedHeaders=host;x-amz-date, Signature=<sig>", "sigv4", aws, "sigv4 header.authorization"},
		{"sigv4 without spaces", authorization, "AWS4-HMAC-SHA256 Credential=" + aws + scope + ",SignedHeaders=host,Signature=<sig>", "sigv4", aws, "sigv4 header.authorization"},
		{"sigv4a", authorization, "AWS4-ECDSA-P256-SHA256 Credential=" + aws + "/20261123/s3/aws4_request, SignedHeaders=host, Signature=<sig>", "sigv4", aws, "sigv4 header.authorization"},
		{"sigv2", authorization, "AWS " + aws + ":<sig>", "sigv4", aws, "sigv4 header.authorization"},
		{"signed url", "url.query", "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=" + url.QueryEscape(aws+scope) + "&X-Amz-Signature=<sig>", "sigv4", aws, "sigv4 query.x-amz-credential"},
		{"signed url, version 2", "url.query", "AWSAccessKeyId=" + aws + "&Expires=1800000000&Signature=<sig>", "sigv4", aws, "sigv4 query.awsaccesskeyid"},
		{"key id of another form", "url.query", "AWSAccessKeyId=local-test&Expires=1800000000&Signature=<sig>", "sigv4", "local-test", "sigv4 query.awsaccesskeyid"},
		{"google", authorization, "GOOG4-RSA-SHA256 Credential=" + account + "/20261123/auto/storage/goog4_request, SignedHeaders=host, Signature=<sig>", "goog4", account, "goog4 header.authorization"},
		{"google signed url", "url.query", "X-Goog-Credential=" + url.QueryEscape(account+"/20261123/auto/storage/goog4_request") + "&X-Goog-Signature=<sig>", "goog4", account, "goog4 query.x-goog-credential"},
		{"google signed url, version 2", "url.query", "GoogleAccessId=" + url.QueryEscape(account) + "&Expires=1&Signature=<sig>", "goog4", account, "goog4 query.googleaccessid"},
		{"azure storage", authorization, "SharedKey account1:<sig>", "shared_key", "account1", "shared_key header.authorization"},
		{"http signature", authorization, `Signature keyId="key-1",algorithm="hs2019",headers="date",signature="<sig>"`, "http_signature", "key-1", "http_signature header.authorization"},
		{"hawk", authorization, `Hawk id="client-7", ts="1", nonce="n", mac="<sig>"`, "hawk", "client-7", "hawk header.authorization"},
		{"oauth, no user", authorization, `OAuth oauth_consumer_key="app-1",oauth_nonce="n",oauth_signature="<sig>"`, "oauth", "app-1", "oauth header.authorization"},
		{"digest", authorization, `Digest username="alice", realm="a, b", nonce="n", uri="/x", response="<sig>"`, "digest", "alice", "digest header.authorization"},
		{"digest, extended name", authorization, `Digest username*=UTF-8''J%C3%A4ne, realm="r", response="<sig>"`, "digest", "Jäne", "digest header.authorization"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			first, second := d.base64(32), d.base64(32)
			r, out := seal(t, event.Auth{}, tc.key, strings.ReplaceAll(tc.form, "<sig>", first), "app.note", first)
			again, _ := seal(t, event.Auth{}, tc.key, strings.ReplaceAll(tc.form, "<sig>", second))
			assert.Equal(t, wantID(t, tc.kind, tc.id), r.Attrs.Str(event.KeyFingerprint), dump(r))
			assert.Equal(t, r.Attrs.Str(event.KeyFingerprint), again.Attrs.Str(event.KeyFingerprint))
			assert.Equal(t, tc.about, fmt.Sprint(r.Attrs.Str(event.KeyTokenScheme), " ", r.Attrs.Str(event.KeyTokenLocation)))
			assert.Equal(t, event.VisibilityVisible, out.Visibility)
			assert.NotContains(t, dump(r), first)
			assert.Empty(t, r.Attrs.Str(event.KeyOthers))
		})
	}
}

// TestSecretURLs cuts the secret out of a URL that is a credential; what names the workspace stays.
func TestSecretURLs(t *testing.T) {
	d := newDice(62)
	mattermost := d.letters("ybndrfg8ejkmcpqxot1uwisza345h769", 24) + "a1"
	guid := d.uuid()
	for _, tc := range []struct{ name, path, secret string }{
		{"telegram", "/bot%s/sendMessage", d.digits(9) + ":" + d.base62(35)},
		{"slack", "/services/T0123ABCD/B0123ABCD/%s", d.base62(24)},
		{"slack workflow", "/workflows/T0123ABCD/A0123ABCD/" + d.digits(18) + "/%s", d.base62(24)},
		{"slack trigger", "/triggers/T0123ABCD/" + d.digits(13) + "/%s", d.hex(32)},
		{"discord", "/api/webhooks/" + d.digits(18) + "/%s", d.base62(68)},
		{"teams", "/webhookb2/" + guid + "@" + guid + "/IncomingWebhook/%s/" + guid, d.hex(32)},
		{"mattermost", "/hooks/%s", mattermost},
		{"rocket.chat", "/hooks/" + d.hex(24) + "/%s", d.base62(48)},
		{"zapier", "/hooks/catch/" + d.digits(7) + "/%s/", "o" + d.base62(8)},
		{"ifttt", "/trigger/door/with/key/%s", d.base62(22)},
		{"home assistant", "/api/webhook/%s", d.hex(64)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r, _ := seal(t, event.Auth{}, "url.path", fmt.Sprintf(tc.path, tc.secret), "http.request.header.referer", "https://x.example"+fmt.Sprintf(tc.path, tc.secret))
			assert.Equal(t, wantToken(t, tc.secret), r.Attrs.Str(event.KeyFingerprint))
			assert.Equal(t, placePath, r.Attrs.Str(event.KeyTokenLocation))
			assert.NotContains(t, dump(r), tc.secret)
			got := r.Attrs.Str("url.path")
			assert.Equal(t, strings.Count(tc.path, "/"), strings.Count(got, "/"), got)
		})
	}
}

// TestACallerHidesOneSegmentAtMost: a matrix parameter's value ends with its segment.
func TestACallerHidesOneSegmentAtMost(t *testing.T) {
	r, _ := seal(t, event.Auth{}, "url.path", "/a;token=xyzxyz123/admin/delete", "url.full", "https://h.example/a;token=xyzxyz123/admin?q=1")
	assert.Equal(t, "/a;token=[REDACTED:token]/admin/delete", r.Attrs.Str("url.path"))
	assert.Equal(t, "https://h.example/a;token=[REDACTED:token]/admin?q=1", r.Attrs.Str("url.full"))
}

// TestALoginInATextIsNotTheCallers removes it, and gives no fingerprint for it.
func TestALoginInATextIsNotTheCallers(t *testing.T) {
	r, out := seal(t, event.Auth{}, "app.error", "dial postgres://app:hunter2hunter2@db.example/orders failed", "app.note", "hunter2hunter2")
	assert.Equal(t, event.VisibilityNone, out.Visibility)
	assert.NotContains(t, dump(r), "hunter2")
}

// TestSumGivesTheSameFingerprint: a source that keeps only the hash of a token is searched like any other.
func TestSumGivesTheSameFingerprint(t *testing.T) {
	d := newDice(63)
	opaque := "Canary" + d.base62(26)
	sum := sumOf(opaque)
	for name, text := range map[string]string{
		"hex": fmt.Sprintf("%x", sum), "upper": fmt.Sprintf("%X", sum), "base64": base64.StdEncoding.EncodeToString(sum[:]),
		"raw": base64.RawStdEncoding.EncodeToString(sum[:]), "url": base64.RawURLEncoding.EncodeToString(sum[:]),
	} {
		t.Run(name, func(t *testing.T) {
			r, out := seal(t, event.Auth{TokenSHA256: text, Kind: "github", CredentialID: "77"}, d.pick("github.hashed_token", "vault.auth_token"), text, "app.note", "is "+text)
			assert.Equal(t, wantToken(t, opaque), r.Attrs.Str(event.KeyFingerprint))
			assert.Equal(t, "token field", r.Attrs.Str(event.KeyTokenScheme)+" "+r.Attrs.Str(event.KeyTokenLocation))
			assert.Equal(t, "77", r.Attrs.Str(event.KeyCredentialID))
			assert.Equal(t, event.VisibilityVisible, out.Visibility)
			assert.NotContains(t, dump(r), text)
		})
	}
	for _, text := range []string{"", "-", "zz", fmt.Sprintf("%x", sum[:31]), strings.Repeat("g", 64), "hmac-sha256:" + fmt.Sprintf("%x", sum)} {
		r, _ := seal(t, event.Auth{TokenSHA256: text})
		assert.Empty(t, r.Attrs.Str(event.KeyFingerprint), text)
	}
}
