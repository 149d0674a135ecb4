package secret

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/fingerprint"
)

func ruledSealer(t testing.TB, list ...Rule) *Sealer {
	t.Helper()
	for _, r := range list {
		require.NoError(t, r.Validate())
	}
	return New(fingerprint.Static(testRing(t)), Options{Issuer: testIssuer, Rules: list})
}

// TestRulesAddPlaces: a place that no default knows bears a credential because the source's configuration says so.
func TestRulesAddPlaces(t *testing.T) {
	d := newDice(70)
	opaque := "canary" + strings.ToLower(d.base62(26))
	rules := []Rule{
		{Header: "X-Acme-Ticket"}, {Header: "X_Acme_Pass", Scheme: "bearer"}, {Query: "ticket"}, {Cookie: "Acme", Scheme: "cookie"},
		{Field: "nginx.my_key"}, {Field: "app.login", Scheme: "basic"}, {Path: "/hooks/{token}/**"}, {Path: "/v1/*/robot-{token}.json", Scheme: "token"},
		{Header: "X-Subject", Scheme: "mtls"}, {Header: "Accept", Scheme: "token"},
	}
	s := ruledSealer(t, rules...)
	for _, tc := range []struct{ key, form, about string }{
		{"http.request.header.x-acme-ticket", "%", "api_key header.x-acme-ticket"},
		{"http.request.header.x-acme-ticket", "Bearer %", "bearer header.x-acme-ticket"},
		{"http.request.header.x-acme-pass", "%", "bearer header.x-acme-pass"},
		{"http.request.header.x_acme_pass", "bearer %", "bearer header.x_acme_pass"},
		{"http.request.header.accept", "%", "token header.accept"},
		{"url.query", "a=b&ticket=%&c=d", "api_key query.ticket"},
		{"url.full", "https://h.example/x?ticket=%#f", "api_key query.ticket"},
		{"http.request.header.cookie", "a=b; acme=%", "cookie cookie.acme"},
		{"nginx.my_key", "%", "api_key field.my_key"},
		{"app.login", basic("token:" + opaque), "basic field.login"},
		{"url.path", "/hooks/%", "api_key path"}, {"url.path", "/hooks/%/a/b", "api_key path"}, {"url.path", "/hooks/%/", "api_key path"},
		{"url.full", "https://h.example:8443/hooks/%/a?x=/hooks/none", "api_key path"},
		{"url.path", "/v1/shop/robot-%.json", "token path"},
	} {
		t.Run(tc.key+" "+tc.form, func(t *testing.T) {
			value := strings.ReplaceAll(tc.form, "%", opaque)
			r := event.Record{Attrs: attrs(tc.key, value, "app.note", "as "+opaque)}
			out := s.Record(&r)
			assert.Equal(t, wantToken(t, opaque), r.Attrs.Str(event.KeyFingerprint), dump(&r))
			assert.Equal(t, tc.about, r.Attrs.Str(event.KeyTokenScheme)+" "+r.Attrs.Str(event.KeyTokenLocation))
			assert.Empty(t, leak(dump(&r), opaque))
			assert.Equal(t, event.VisibilityVisible, out.Visibility)
			if again := s.Record(&r); again.Redacted > 0 || len(again.Oldest) > 0 {
				t.Fatalf("sealing again found more: %+v\n%s", again, dump(&r))
			}
			if !strings.Contains(tc.form, "earer") && !strings.HasPrefix(tc.form, "Basic ") {
				bare, out := seal(t, event.Auth{}, tc.key, value)
				assert.Empty(t, bare.Attrs.Str(event.KeyFingerprint), "without the rule")
				assert.Equal(t, event.VisibilityNone, out.Visibility)
			}
		})
	}
	r := event.Record{Attrs: attrs("http.request.header.x-subject", "CN=robot")}
	s.Record(&r)
	assert.Equal(t, wantID(t, "mtls", "CN=robot"), r.Attrs.Str(event.KeyFingerprint))
}

// TestAShortTokenInAPathIsRemovedWhereItStands: below eight bytes a value is not searched for elsewhere.
func TestAShortTokenInAPathIsRemovedWhereItStands(t *testing.T) {
	s := ruledSealer(t, Rule{Path: "/s/{token}"})
	r := event.Record{Attrs: attrs("url.path", "/s/abc", "url.full", "https://h.example/s/a%62c?x=1", "app.note", "abc")}
	s.Record(&r)
	assert.Equal(t, "/s/[REDACTED:credential]", r.Attrs.Str("url.path"))
	assert.Equal(t, "https://h.example/s/[REDACTED:credential]?x=1", r.Attrs.Str("url.full"))
	assert.Equal(t, "abc", r.Attrs.Str("app.note"))
	assert.Equal(t, wantToken(t, "abc"), r.Attrs.Str(event.KeyFingerprint))
}

func TestRulesRefused(t *testing.T) {
	for _, tc := range []struct {
		rule Rule
		want string
	}{
		{Rule{}, "exactly one of `header`, `query`, `cookie`, `field` and `path` must be set, found 0"},
		{Rule{Scheme: "bearer"}, "must be set, found 0"},
		{Rule{Header: "a", Query: "b"}, "must be set, found 2"},
		{Rule{Header: "a", Scheme: "wibble"}, "`scheme` must be one of api_key, basic, bearer"},
		{Rule{Header: "X Key"}, "`header` must not hold ' ', found \"X Key\""},
		{Rule{Header: "X-Key:"}, "`header` must not hold ':'"},
		{Rule{Query: "a&b"}, "`query` must be at most 64 letters, digits and _-.[], found \"a&b\""}, {Rule{Cookie: "a;b"}, "`cookie` must not hold ';'"},
		{Rule{Field: "http.request.method"}, "`field` must not be a key of Keytrail's own or of a closed domain"},
		{Rule{Field: "token.fingerprint"}, "`field` must not be a key of Keytrail's own"},
		{Rule{Field: strings.Repeat("f", 129)}, "`field` must be at most 128 bytes, found 129"},
		{Rule{Path: "hooks/{token}"}, "`path` must begin with a slash"},
		{Rule{Path: "/hooks/*"}, "`path` must hold {token} exactly once, found \"/hooks/*\""},
		{Rule{Path: "/{token}/{token}"}, "`path` must hold {token} exactly once"},
		{Rule{Path: "/a/**/{token}"}, "`path` must hold ** only at its end"},
		{Rule{Path: "/a/b*/{token}"}, "`path` must be of literal segments"},
		{Rule{Path: "/a/x*{token}"}, "`path` must have only literal text around {token}"},
		{Rule{Path: "/" + strings.Repeat("a/", 40) + "{token}"}, "`path` must have at most 32 segments, found 41"},
	} {
		err := tc.rule.Validate()
		require.ErrorContains(t, err, tc.want, "%+v", tc.rule)
		assert.Nil(t, newRules([]Rule{tc.rule}), "a rule that is refused matches nothing")
	}
}

func TestTemplates(t *testing.T) {
	for _, tc := range []struct{ template, path, want string }{
		{"/hooks/{token}", "/hooks/abc", "abc"}, {"/hooks/{token}", "/hooks/abc/", "abc"},
		{"/hooks/{token}", "/hooks/abc/x", ""}, {"/hooks/{token}", "/hooks/", ""}, {"/hooks/{token}", "/hooks", ""},
		{"/hooks/{token}", "/Hooks/abc", ""}, {"/hooks/{token}/**", "/hooks/abc", "abc"}, {"/hooks/{token}/**", "/hooks/abc/x/y", "abc"},
		{"/{token}", "/abc", "abc"}, {"/*/{token}/*", "/a/b/c", "b"}, {"/*/{token}/*", "/a/b", ""},
		{"/bot{token}/**", "/botabc/send", "abc"}, {"/bot{token}/**", "/bot/send", ""}, {"/a.{token}.b", "/a.x.b", "x"},
		{"/a{token}b", "/ab", ""}, {"/{token}", "abc", ""}, {"/{token}", "", ""},
	} {
		tpl, err := parseTemplate(tc.template)
		require.NoError(t, err)
		got := ""
		if start, end, ok := tpl.match(tc.path); ok {
			got = tc.path[start:end]
		}
		assert.Equal(t, tc.want, got, "%s on %s", tc.template, tc.path)
	}
}
