package secret

import (
	"encoding/base64"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/fingerprint"
)

// seal seals one record of the attributes given as key, value, key, value….
func seal(t *testing.T, auth event.Auth, pairs ...string) (*event.Record, Outcome) {
	t.Helper()
	r := &event.Record{Attrs: attrs(pairs...), Auth: auth}
	out := testSealer(t).Record(r)
	require.Equal(t, event.Auth{}, r.Auth)
	return r, out
}

func wantToken(t *testing.T, token string) string {
	return testRing(t).Stamp(fingerprint.Credential, fingerprint.CredentialDigest([]byte(token))).String()
}

func wantID(t *testing.T, kind, id string) string {
	return testRing(t).Stamp(fingerprint.CredentialID, fingerprint.IDDigest(kind, testIssuer, id)).String()
}

func basic(text string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(text)) }

const authorization = "http.request.header.authorization"

// TestIdentity tells for each way of showing a credential what its fingerprint is over, and how it is described.
func TestIdentity(t *testing.T) {
	d := newDice(10)
	opaque := "Canary" + d.base62(26)
	pat := d.github("ghp_")
	jwt := d.jwt(`{"iss":"https://issuer.example","sub":"user-1"}`)
	signing := jwt[:strings.LastIndexByte(jwt, '.')]
	aws := "AKIA" + d.letters("ABCDEFGH", 16)
	tok := func(s string) string { return wantToken(t, s) }
	for _, tc := range []struct{ name, key, value, want, about string }{
		{"bearer", authorization, "Bearer " + opaque, tok(opaque), "bearer header.authorization opaque"},
		{"bearer in lower case, spaces", authorization, "  bearer   " + opaque + " ", tok(opaque), "bearer header.authorization opaque"},
		{"token", authorization, "token " + pat, tok(pat), "token header.authorization github_pat"},
		{"token parameter", authorization, `Token token="` + opaque + `", email="a@b.example"`, tok(opaque), "token header.authorization opaque"},
		{"ssws", authorization, "SSWS " + opaque, tok(opaque), "ssws header.authorization opaque"},
		{"api key word", authorization, "ApiKey " + opaque, tok(opaque), "api_key header.authorization opaque"},
		{"unknown word", authorization, "Wibble " + opaque, tok(opaque), "other header.authorization opaque"},
		{"no word", authorization, opaque, tok(opaque), "none header.authorization opaque"},
		{"jwt is its signing input", authorization, "Bearer " + jwt, tok(signing), "bearer header.authorization jwt"},
		{"jwt with another signature", authorization, "Bearer " + signing + ".AAAA", tok(signing), "bearer header.authorization jwt"},
		{"jwt without its signature", authorization, "Bearer " + signing, tok(signing), "bearer header.authorization jwt"},
		{"basic, user only", authorization, basic(opaque + ":"), tok(opaque), "basic header.authorization opaque"},
		{"basic, password only", authorization, basic(":" + opaque), tok(opaque), "basic header.authorization opaque"},
		{"basic, filler user", authorization, basic("x-access-token:" + opaque), tok(opaque), "basic header.authorization opaque"},
		{"basic, known format as password", authorization, basic("alice:" + pat), tok(pat), "basic header.authorization github_pat"},
		{"basic, known format as user", authorization, basic(pat + ":x-oauth-basic"), tok(pat), "basic header.authorization github_pat"},
		{"basic, human", authorization, basic("alice:correct horse"), wantID(t, "basic", "alice"), "basic header.authorization "},
		{"digest, human", authorization, `Digest username="alice", realm="r", response="` + d.letters(hexAlphabet, 32) + `"`, wantID(t, "digest", "alice"), "digest header.authorization "},
		{"sigv4", authorization, "AWS4-HMAC-SHA256 Credential=" + aws + "/20261123/eu-central-1/s3/aws4_request, SignedHeaders=host, Signature=" + d.letters(hexAlphabet, 64), wantID(t, "sigv4", aws), "sigv4 header.authorization aws_access_key"},
		{"sigv4 in a signed url", "url.query", "X-Amz-Credential=" + aws + "%2F20261123%2Feu%2Fs3%2Faws4_request&X-Amz-Signature=" + d.letters(hexAlphabet, 64), wantID(t, "sigv4", aws), "sigv4 query.x-amz-credential aws_access_key"},
		{"proxy", "http.request.header.proxy-authorization", "Bearer " + opaque, tok(opaque), "bearer header.proxy-authorization opaque"},
		{"private-token", "http.request.header.private-token", opaque, tok(opaque), "api_key header.private-token opaque"},
		{"job-token", "http.request.header.job-token", opaque, tok(opaque), "api_key header.job-token opaque"},
		{"vault", "http.request.header.x-vault-token", opaque, tok(opaque), "api_key header.x-vault-token opaque"},
		{"session token", "http.request.header.x-amz-security-token", opaque, tok(opaque), "api_key header.x-amz-security-token opaque"},
		{"bearer in an unknown header", "http.request.header.x-original", "Bearer " + opaque, tok(opaque), "bearer header.x-original opaque"},
		{"bearer in a key header", "http.request.header.x-api-key", "Bearer " + opaque, tok(opaque), "bearer header.x-api-key opaque"},
		{"query", "url.query", "a=1&apikey=" + opaque, tok(opaque), "api_key query.apikey opaque"},
		{"query, percent-encoded", "url.query", "sig=a%2Fb%2Bc%3D12", tok("a/b+c=12"), "api_key query.sig opaque"},
		{"target", "http.target", "/x?token=" + opaque + "#f", tok(opaque), "api_key query.token opaque"},
		{"referer", "http.request.header.referer", "https://app.example/?access_token=" + opaque, tok(opaque), "api_key referer.access_token opaque"},
		{"cookie", "http.request.header.cookie", "a=b; connect.sid=" + opaque, tok(opaque), "cookie cookie.connect.sid opaque"},
		{"cookie with a jwt", "http.request.header.cookie", "prefs=" + jwt, tok(signing), "cookie cookie.prefs jwt"},
		{"telegram path", "url.path", "/bot123456789:" + opaque + "abc/send", tok("123456789:" + opaque + "abc"), "token path telegram_bot"},
		{"known format in the path", "url.path", "/t/" + pat + "/x", tok(pat), "token path github_pat"},
		{"nested json", "body", `{"headers":{"authorization":"Bearer ` + opaque + `"}}`, tok(opaque), "bearer header.authorization opaque"},
		{"nested json twice", "body", `{"log":"{\"headers\":{\"x-api-key\":\"` + opaque + `\"}}"}`, tok(opaque), "api_key field.x-api-key opaque"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r, _ := seal(t, event.Auth{}, tc.key, tc.value)
			assert.Equal(t, tc.want, r.Attrs.Str(event.KeyFingerprint))
			about := fmt.Sprint(r.Attrs.Str(event.KeyTokenScheme), " ", r.Attrs.Str(event.KeyTokenLocation), " ", r.Attrs.Str(event.KeyTokenFormat))
			assert.Equal(t, tc.about, about)
			assert.Empty(t, r.Attrs.Str(event.KeyOthers))
			assert.Equal(t, r.Attrs.Str(event.KeyFingerprint), r.Attrs.Str(event.KeyPrincipal))
			assert.Equal(t, event.BasisCredential, r.Attrs.Str(event.KeyPrincipalBasis))
		})
	}
}

func TestChecksumTellsIssuedTokensFromLookalikes(t *testing.T) {
	d := newDice(11)
	for _, token := range []string{d.github("ghp_"), d.github("gho_"), d.github("npm_"), d.routable("glpat-", ""), d.routable("glrt-", ".01")} {
		r, _ := seal(t, event.Auth{}, authorization, "Bearer "+token)
		assert.Equal(t, checksumValid, r.Attrs.Str(event.KeyTokenChecksum), token[:6])
		wrong := token[:10] + string(lower(token[10])^1) + token[11:]
		r, _ = seal(t, event.Auth{}, authorization, "Bearer "+wrong)
		assert.Equal(t, checksumInvalid, r.Attrs.Str(event.KeyTokenChecksum), token[:6])
	}
	for _, token := range []string{
		"glpat-" + d.base62(20), "github_pat_" + d.base62(22) + "_" + d.base62(59), "zpka_" + d.hex(32) + "_" + d.hex(8),
		"xoxb-" + d.digits(12) + "-" + d.base62(24), "sk_live_" + d.base62(24), "ghs_" + d.base62(60),
	} {
		r, _ := seal(t, event.Auth{}, authorization, "Bearer "+token)
		assert.Empty(t, r.Attrs.Str(event.KeyTokenChecksum), "no published checksum: %s", token[:6])
		assert.NotEqual(t, formatOpaque, r.Attrs.Str(event.KeyTokenFormat))
	}
}

// TestPasswordIsInNoHash seals one login with two passwords: the fingerprint is the same, and neither remains.
func TestPasswordIsInNoHash(t *testing.T) {
	first, _ := seal(t, event.Auth{}, authorization, basic("alice:first-secret-1"), "app.note", "used first-secret-1")
	second, _ := seal(t, event.Auth{}, authorization, basic("alice:second-secret-2"))
	assert.Equal(t, first.Attrs.Str(event.KeyFingerprint), second.Attrs.Str(event.KeyFingerprint))
	assert.Equal(t, "alice", first.Attrs.Str(event.KeyUserName))
	assert.NotContains(t, dump(first), "first-secret")
}

func TestPlaceholdersAreNoTokens(t *testing.T) {
	for _, v := range []string{
		"REDACTED", "[REDACTED]", "[REDACTED:jwt]", "***", "********", "-", "null", "", " ", "00000000", "Bearer REDACTED",
		"Bearer -", "Basic ***", "Bearer [REDACTED]", "undefined", "xxxxxxxx",
	} {
		r, out := seal(t, event.Auth{}, authorization, v, "http.request.header.x-api-key", v, "url.query", "api_key="+v)
		_, ok := r.Attrs.Get(event.KeyFingerprint)
		assert.False(t, ok, "%q", v)
		assert.Empty(t, out.Oldest, "%q", v)
	}
}

func TestRemainsOfACredentialAreFlaggedAndRemoved(t *testing.T) {
	d := newDice(12)
	jwt := d.jwt(`{"iss":"https://issuer.example","sub":"user-1"}`)
	for _, v := range []string{
		"Bearer abcd1234****", "Bearer abcd1234...", "Bearer abcd…", "Bearer ghp_abc", "Bearer " + jwt[:11], "Bearer " + jwt[:60],
		"Bearer " + jwt[:strings.IndexByte(jwt, '.')+6], "Basic dXNl", "hmac-sha256:0123456789abcdef", "ghp_xxxxxxxxxxxxxxxx1234",
	} {
		r, out := seal(t, event.Auth{}, authorization, v)
		_, ok := r.Attrs.Get(event.KeyFingerprint)
		assert.False(t, ok, "%q", v)
		flag, _ := r.Attrs.Get(event.KeyTokenTruncated)
		assert.True(t, flag.Bool(), "%q", v)
		assert.Equal(t, 1, out.Redacted, "%q", v)
		assert.Equal(t, "header.authorization", r.Attrs.Str(event.KeyTokenLocation), "%q", v)
	}
}

// TestJunkInASecondPlaceHidesNothing gives a junk bearer beside a stolen key: both have a fingerprint, in the order
// in which servers look.
func TestJunkInASecondPlaceHidesNothing(t *testing.T) {
	d := newDice(13)
	tokens := map[string]string{}
	for _, name := range []string{"auth", "key", "query", "cookie"} {
		tokens[name] = "Canary" + d.base62(26)
	}
	pat := d.github("ghp_")
	r, _ := seal(t, event.Auth{MTLSSubject: "CN=robot"},
		"http.request.header.cookie", "session="+tokens["cookie"], "url.path", "/x/"+pat,
		"url.query", "api_key="+tokens["query"], "http.request.header.x-api-key", tokens["key"],
		authorization, "Bearer "+tokens["auth"])
	assert.Equal(t, wantToken(t, tokens["auth"]), r.Attrs.Str(event.KeyFingerprint))
	others, _ := r.Attrs.Get(event.KeyOthers)
	assert.Equal(t, []string{
		wantToken(t, tokens["key"]) + " header.x-api-key api_key",
		wantToken(t, tokens["query"]) + " query.api_key api_key",
		wantToken(t, pat) + " path token",
		wantToken(t, tokens["cookie"]) + " cookie.session cookie",
		wantID(t, "mtls", "CN=robot") + " mtls mtls",
	}, others.Strings())
}

func TestEightCredentialsAndTheRestIsCounted(t *testing.T) {
	d := newDice(14)
	var query []string
	for range 200 {
		query = append(query, "api_key=junk"+d.base62(12))
	}
	opaque, pat := "Canary"+d.base62(26), d.github("ghp_")
	query = append(query, "token="+pat)
	r, out := seal(t, event.Auth{}, "url.query", strings.Join(query, "&"), authorization, "Bearer "+opaque)
	assert.Equal(t, wantToken(t, opaque), r.Attrs.Str(event.KeyFingerprint))
	others, _ := r.Attrs.Get(event.KeyOthers)
	assert.Len(t, others.Strings(), 7)
	assert.Contains(t, others.Strings()[0], wantToken(t, pat), "a known format goes before junk of the same place")
	assert.Equal(t, 202-8, out.Dropped)
	dropped, _ := r.Attrs.Get(event.KeyTokensDropped)
	assert.EqualValues(t, out.Dropped, dropped.Int())
	assert.NotContains(t, dump(r), "junk")
}

func TestGatewayKnowsTheCaller(t *testing.T) {
	ring := testRing(t)
	opaque := "Canary" + newDice(15).base62(26)
	auth := event.Auth{Kind: "kong", CredentialID: "cred-1", Principal: "consumer-1", Authenticated: true}
	r, _ := seal(t, auth, "http.request.header.apikey", opaque)
	assert.Equal(t, wantID(t, "kong", "cred-1"), r.Attrs.Str(event.KeyFingerprint))
	assert.Equal(t, "cred-1", r.Attrs.Str(event.KeyCredentialID))
	assert.Equal(t, "gateway.consumer", r.Attrs.Str(event.KeyTokenLocation))
	assert.Equal(t, event.BasisGateway, r.Attrs.Str(event.KeyPrincipalBasis))
	who := fingerprint.PrincipalDigest(testIssuer, "", "consumer-1")
	assert.Equal(t, ring.Stamp(fingerprint.Principal, who).String(), r.Attrs.Str(event.KeyPrincipal))
	previous, _ := ring.Previous(fingerprint.Principal, who)
	assert.Equal(t, previous.String(), r.Attrs.Str(event.KeyPrincipalPrev))
	others, _ := r.Attrs.Get(event.KeyOthers)
	assert.Equal(t, []string{wantToken(t, opaque) + " header.apikey api_key"}, others.Strings())

	auth.Authenticated = false
	r, _ = seal(t, auth, "http.request.header.apikey", opaque)
	assert.Equal(t, wantToken(t, opaque), r.Attrs.Str(event.KeyFingerprint), "what it did not accept is not primary")
	assert.Equal(t, event.BasisCredential, r.Attrs.Str(event.KeyPrincipalBasis))
}

func TestClaimsAreKeptAndNotBelieved(t *testing.T) {
	d := newDice(16)
	pat := d.github("ghp_")
	r, _ := seal(t, event.Auth{}, authorization, "Bearer "+d.jwt(`{"iss":"https://issuer.example","sub":"user-1","azp":"app","jti":"j-1",
		"scope":"read write","aud":["a","b"],"exp":1900000000,"iat":1700000000,"x":1}`))
	get := r.Attrs.Str
	assert.Equal(t, "https://issuer.example", get(event.KeyJWTIssuer))
	assert.Equal(t, "user-1", get(event.KeyJWTSubject))
	assert.Equal(t, "app", get(event.KeyJWTClientID))
	assert.Equal(t, "k1", get(event.KeyJWTKeyID))
	assert.Equal(t, "j-1", get(event.KeyJWTID))
	assert.Equal(t, "HS256", get(event.KeyJWTAlgorithm))
	assert.Equal(t, "2030-03-17T17:46:40Z", get(event.KeyJWTExpiresAt))
	assert.Equal(t, "2023-11-14T22:13:20Z", get(event.KeyJWTIssuedAt))
	scopes, _ := r.Attrs.Get(event.KeyJWTScopes)
	assert.Equal(t, []string{"read", "write"}, scopes.Strings())
	audience, _ := r.Attrs.Get(event.KeyJWTAudience)
	assert.Equal(t, []string{"a", "b"}, audience.Strings())
	claimed := fingerprint.PrincipalDigest("https://issuer.example", "app", "user-1")
	assert.Equal(t, testRing(t).Stamp(fingerprint.Principal, claimed).String(), get(event.KeyPrincipalClaimed))
	assert.Equal(t, event.BasisCredential, get(event.KeyPrincipalBasis))
	_, verified := r.Attrs.Get(event.KeyJWTVerified)
	assert.False(t, verified)

	r, _ = seal(t, event.Auth{}, authorization, "Bearer "+d.jwt(`{"sub":"`+pat+`","jti":"`+strings.Repeat("j", 5000)+`\u001b[2J"}`))
	assert.NotContains(t, dump(r), pat)
	assert.LessOrEqual(t, len(r.Attrs.Str(event.KeyJWTID)), longestClaim)
}

func TestScopeAndPreviousOfTheOverlap(t *testing.T) {
	ring := testRing(t)
	opaque := "Canary" + newDice(17).base62(26)
	r, out := seal(t, event.Auth{}, authorization, "Bearer "+opaque)
	digest := fingerprint.CredentialDigest([]byte(opaque))
	previous, ok := ring.Previous(fingerprint.Credential, digest)
	require.True(t, ok)
	assert.Equal(t, ring.Scope(), r.Scope)
	assert.Equal(t, previous.String(), r.Attrs.Str(event.KeyFingerprintPrev))
	assert.Equal(t, previous.String(), r.Attrs.Str(event.KeyPrincipalPrev))
	assert.Equal(t, []string{ring.Oldest(fingerprint.Credential, digest).String()}, out.Oldest)
}

func TestNoFieldOfALogPosesAsAStamp(t *testing.T) {
	r, _ := seal(t, event.Auth{}, event.KeyFingerprint, "kt1_forged", event.KeyPrincipal, "kp1_forged", event.KeyRedaction, "done", "url.path", "/")
	assert.NotContains(t, dump(r), "forged")
}

// TestHeaderFloodHidesNothing puts the credential behind more headers than an event keeps as attributes.
func TestHeaderFloodHidesNothing(t *testing.T) {
	d := newDice(18)
	opaque, key := "Canary"+d.base62(26), "short"
	r := event.Record{Attrs: attrs("url.path", "/v1/x", "app.note", "as "+opaque)}
	r.Attrs.Add(event.KeyHeadersOther, event.Strings([]string{"x-a: 1", "Authorization: Bearer " + opaque, "X-Api-Key: " + key + " and more", "x-b: Basic plan"}))
	r.Attrs.Add("kong.other", event.Strings([]string{"request.querystring.api_key: " + key, "tags: a"}))
	testSealer(t).Record(&r)
	assert.Equal(t, wantToken(t, opaque), r.Attrs.Str(event.KeyFingerprint))
	assert.Equal(t, "header.authorization", r.Attrs.Str(event.KeyTokenLocation))
	other, _ := r.Attrs.Get(event.KeyHeadersOther)
	assert.Equal(t, []string{"x-a: 1", "Authorization: [REDACTED:authorization]", "X-Api-Key: [REDACTED:api_key]", "x-b: Basic plan"}, other.Strings())
	rest, _ := r.Attrs.Get("kong.other")
	assert.Equal(t, []string{"request.querystring.api_key: [REDACTED:api_key]", "tags: a"}, rest.Strings())
	assert.NotContains(t, dump(&r), opaque)
}

// TestValueFloodLeavesNoEcho presents more junk than values are remembered before the credential that is echoed.
func TestValueFloodLeavesNoEcho(t *testing.T) {
	d := newDice(19)
	opaque := "Canary" + d.base62(26)
	var pairs []string
	for range 40 {
		pairs = append(pairs, "http.request.header.x-"+d.base62(4)+"-secret", "junk"+d.base62(12), "url.query", "token=junk"+d.base62(12))
	}
	pairs = append(pairs, authorization, "Bearer "+opaque, "app.note", "as "+opaque+" "+b64("x"+opaque))
	r, _ := seal(t, event.Auth{}, pairs...)
	assert.Empty(t, leak(dump(r), opaque))
}

// TestConcurrentSealers seals on many goroutines at once: passes are pooled and must not share anything.
func TestConcurrentSealers(t *testing.T) {
	s := testSealer(t)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			d := newDice(uint64(100 + g))
			for range 200 {
				opaque := "Canary" + d.base62(26)
				r := kongEvent(authorization, "Bearer "+opaque, "app.note", "x "+opaque)
				s.Record(&r)
				assert.Equal(t, wantToken(t, opaque), r.Attrs.Str(event.KeyFingerprint))
				assert.NotContains(t, dump(&r), opaque)
			}
		})
	}
	wg.Wait()
}
