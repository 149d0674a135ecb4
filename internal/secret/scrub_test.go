package secret

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/event"
)

// TestFloor shows what each rule leaves of a text in which nobody presented a credential.
func TestFloor(t *testing.T) {
	d := newDice(30)
	pat, jwt := d.github("ghp_"), d.jwt(`{"sub":"u"}`)
	pem := "-----BEGIN RSA PRIVATE KEY-----\n" + d.base62(64) + "\n" + d.base62(20) + "\n-----END RSA PRIVATE KEY-----"
	word := "Canary" + d.base62(16)
	f := func(key, value, want string) {
		t.Helper()
		p := testSealer(t).Begin(testIssuer)
		defer p.End()
		got, changed := p.Scrub(key, value)
		assert.Equal(t, want, got, "%s: %s", key, value)
		assert.Equal(t, want != value, changed)
		again, changed := p.Scrub(key, got)
		assert.Equal(t, got, again, "not idempotent")
		assert.False(t, changed)
	}
	// names
	f(authorization, "Bearer x", "[REDACTED:authorization]")
	f("http.request.header.proxy-authorization", "Basic x", "[REDACTED:authorization]")
	f("http.request.header.cookie", "theme=dark", "[REDACTED:cookie]")
	f("http.response.header.set-cookie", "theme=dark; Path=/", "[REDACTED:set_cookie]")
	f("http.request.header.x-vendor-api-key", "k", "[REDACTED:api_key]")
	f("nginx.http_x_api_key", "k", "[REDACTED:api_key]")
	f("db.password", "p", "[REDACTED:password]")
	f("http.request.cookies.theme", "dark", "[REDACTED:cookie]")
	f("req.headers.authorization.0", "x", "[REDACTED:authorization]")
	f(authorization, "REDACTED", "REDACTED")
	f(authorization, "[REDACTED:authorization]", "[REDACTED:authorization]")
	f(authorization, "[REDACTED:authorization] "+word, "[REDACTED:authorization]")
	// parameters
	f("url.query", "a=1&api_key="+word+"&b=2", "a=1&api_key=[REDACTED:api_key]&b=2")
	f("url.query", "key="+word, "key=[REDACTED:api_key]")
	f("url.query", "key=color&page_token="+word, "key=color&page_token="+word)
	f("url.query", "user[password]=p&a=b", "user[password]=[REDACTED:password]&a=b")
	f("url.query", "next=%2Fv1%3Ftoken%3D"+word+"%26x%3D1", "next=%2Fv1%3Ftoken%3D[REDACTED:token]%26x%3D1")
	f("url.query", "next=%252Fv1%253Ftoken%253D"+word, "next=%252Fv1%253Ftoken%253D[REDACTED:token]")
	f("http.request.header.referer", "https://u:"+word+"@h.example/x?sig="+word+"#top", "https://[REDACTED:userinfo]@h.example/x?sig=[REDACTED:signature]#top")
	f("note", "level=info token="+word+" user=bob", "level=info token=[REDACTED:token] user=bob")
	f("note", "sid="+word+"; Path=/, x", "sid=[REDACTED:session]; Path=/, x")
	f("note", "sid="+word+"; lang=en", "sid=[REDACTED:session]; lang=en")
	// members
	f("body", `{"user":"bob","password":"p\"q","n":1}`, `{"user":"bob","password":"[REDACTED:password]","n":1}`)
	f("body", `{"password":123456,"n":1}`, `{"password":null,"n":1}`)
	f("body", `{"log":"{\"client_secret\":\"`+word+`\"}"}`, `{"log":"{\"client_secret\":\"[REDACTED:secret]\"}"}`)
	f("body", `{"cookies":{"a":"1","b":["x"]},"n":1}`, `{"cookies":{"a":"[REDACTED:cookie]","b":["[REDACTED:cookie]"]},"n":1}`)
	f("body", `{"headers":{"Authorization":["Bearer x"]}}`, `{"headers":{"Authorization":["[REDACTED:authorization]"]}}`)
	f("body", `{"password":"unterminated `+word, `{"password":"[REDACTED:password]`)
	f("body", `he said "hi and {"password":"`+word+`"}`, `he said "hi and {"password":"[REDACTED:password]"}`)
	// prose
	f("note", "Authorization: Bearer "+word+"\\nHost: x", `Authorization: [REDACTED:authorization]\nHost: x`)
	f("note", "password: "+word+", user: bob", "password: [REDACTED:password], user: bob")
	f("note", "got bearer "+word+" from bob", "got bearer [REDACTED:authorization] from bob")
	f("note", "invalid token: expected a digit", "invalid token: expected a digit")
	f("note", "curl -H "+basic("alice:"+word), "curl -H Basic [REDACTED:authorization]")
	f("note", "the basic plan, bearer authentication", "the basic plan, bearer authentication")
	// shapes
	f("note", "leaked "+pat+".", "leaked [REDACTED:github_pat].")
	f("note", "x"+pat+"/y", "x[REDACTED:github_pat]/y")
	f("note", "t "+jwt+" t", "t [REDACTED:jwt] t")
	f("note", "t "+jwt[:60], "t [REDACTED:jwt]")
	f("note", "key: "+strings.ReplaceAll(pem, "\n", "\\n")+" end", "key: [REDACTED:private_key] end")
	f("note", "https://hooks.chat.example/services/T0123ABCD/B0123ABCD/"+d.base62(24), "https://hooks.chat.example/services/T0123ABCD/B0123ABCD/[REDACTED:webhook]")
	f("note", "raw="+hex.EncodeToString([]byte("GET / authorization: "+pat)), "raw=[REDACTED:encoded]")
	f("note", "raw="+b64("GET / HTTP/1.1\r\nAuthorization: Bearer "+word+"\r\n"), "raw=[REDACTED:encoded]")
	// control characters
	f("note", "a\x1b[2Jb\x7f\n\u0085\u202ec\xff", `a\x1b[2Jb\x7f\x0a\u{85}\u{202e}c\xff`)
	f("client.address", "203.0.113.9\x1b[31m", `203.0.113.9\x1b[31m`)
}

// TestCallerDoesNotChooseWhatDisappears sends keys that equal the evidence: typed fields and the named route stay.
func TestCallerDoesNotChooseWhatDisappears(t *testing.T) {
	evidence := map[string]string{
		"http.request.method": "GET", "client.address": "203.0.113.17", "network.peer.address": "2001:db8::1",
		"http.route": "/v1/orders/{id}", "server.address": "api.shop.example", "url.scheme": "https",
		"keytrail.deny.reason": "token_invalid", "keytrail.source": "kong-eu-1",
	}
	for key, value := range evidence {
		pairs := []string{"http.request.header.x-api-key", value, "url.query", "api_key=" + value}
		for k, v := range evidence {
			pairs = append(pairs, k, v)
		}
		r, _ := seal(t, event.Auth{}, pairs...)
		for k, v := range evidence {
			assert.Equal(t, v, r.Attrs.Str(k), "a key that equals %s", key)
		}
		assert.NotEmpty(t, r.Attrs.Str(event.KeyFingerprint))
	}
}

// TestATokenIsNoMethodAndNoHost puts the token itself where a method or a host name belongs.
func TestATokenIsNoMethodAndNoHost(t *testing.T) {
	opaque := "Canary" + newDice(31).base62(26)
	r, _ := seal(t, event.Auth{}, authorization, "Bearer "+opaque, "http.request.method", opaque, "server.address", opaque)
	assert.NotContains(t, dump(r), opaque)
}

func TestShortValuesAreRemovedOnlyWhereTheyStand(t *testing.T) {
	r, _ := seal(t, event.Auth{}, "http.request.header.x-api-key", "orders", "url.path", "/v1/orders")
	assert.Equal(t, "/v1/orders", r.Attrs.Str("url.path"))
	assert.NotEmpty(t, r.Attrs.Str(event.KeyFingerprint))
}

func TestOverlongTextIsScrubbedThenCut(t *testing.T) {
	pat := newDice(32).github("ghp_")
	text := strings.Repeat("lorem ipsum ", maxText/12-1) + pat + strings.Repeat(" dolor", maxText)
	r, _ := seal(t, event.Auth{}, "body", text)
	got := r.Attrs.Str("body")
	assert.LessOrEqual(t, len(got), maxText)
	assert.NotContains(t, got, pat[:8])
	mark, _ := r.Attrs.Get(event.KeySanitized)
	assert.True(t, mark.Bool())
}

func TestBytes(t *testing.T) {
	pat := newDice(33).github("ghp_")
	p := testSealer(t).Begin(testIssuer)
	defer p.End()
	got, changed := p.ScrubBytes([]byte("\xff\xfe\x00" + pat + "\x00"))
	require.True(t, changed)
	assert.Equal(t, "\xff\xfe\x00[REDACTED:github_pat]\x00", string(got))
	got, changed = p.ScrubBytes([]byte("plain"))
	assert.False(t, changed)
	assert.Equal(t, "plain", string(got))
}

// TestCleanTextStays gives what ordinary requests hold; at most one in a thousand fields may be touched.
func TestCleanTextStays(t *testing.T) {
	d := newDice(34)
	hexed := func(n int) string { return d.letters(hexAlphabet, n) }
	uuid := func() string {
		return hexed(8) + "-" + hexed(4) + "-4" + hexed(3) + "-9" + hexed(3) + "-" + hexed(12)
	}
	words := []string{"users", "orders", "invoices", "tokens", "sessions", "keys", "basic", "bearer", "search", "v1", "v2", "bots", "services", "webhooks"}
	word := func() string { return words[d.IntN(len(words))] }
	makers := []func() (key, value string){
		func() (string, string) { return "keytrail.request.id", uuid() },
		func() (string, string) { return "app.sha1", hexed(40) },
		func() (string, string) { return "app.sha256", "digest " + hexed(64) },
		func() (string, string) { return "app.image", "registry.example/team/app@sha256:" + hexed(64) },
		func() (string, string) { return "app.etag", `W/"` + d.base62(27) + `"` },
		func() (string, string) { return "app.image_id", d.base62(43) + "=" },
		func() (string, string) { return "app.blob", d.letters(base62Digits+"+/", 88) },
		func() (string, string) {
			return "url.path", "/" + word() + "/" + uuid() + "/" + word() + "/" + hexed(24)
		},
		func() (string, string) {
			return "url.path", "/" + word() + "/" + word() + "/" + fmt.Sprint(d.IntN(1e9))
		},
		func() (string, string) {
			return "url.query", "page=2&sort=-created_at&q=" + word() + "%20" + word() + "&id=" + uuid()
		},
		func() (string, string) {
			return "url.query", "next_page_token=" + d.base62(40) + "&max_tokens=100&token_type=bearer"
		},
		func() (string, string) {
			return "user_agent.original", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/131.0 Safari/537.36"
		},
		func() (string, string) {
			return "http.request.header.traceparent", "00-" + hexed(32) + "-" + hexed(16) + "-01"
		},
		func() (string, string) {
			return "http.request.header.accept", "application/json, text/plain;q=0.9, */*;q=0.8"
		},
		func() (string, string) {
			return "http.request.header.content-type", "multipart/form-data; boundary=----" + d.base62(16)
		},
		func() (string, string) { return "http.request.header.if-none-match", `"` + hexed(32) + `"` },
		func() (string, string) { return "http.response.header.date", "Mon, 23 Nov 2026 12:13:14 GMT" },
		func() (string, string) {
			return "http.response.header.location", "https://api.example/" + word() + "/" + uuid()
		},
		func() (string, string) {
			return "app.error", "upstream " + word() + ": connection refused: dial tcp 10.0.0.1:443"
		},
		func() (string, string) {
			return "app.json", `{"id":"` + uuid() + `","total":12,"items":[{"sku":"` + d.base62(12) + `"}]}`
		},
		func() (string, string) { return "session.id", uuid() },
		func() (string, string) { return "token.fingerprint", "kt1_" + hexed(32) },
		func() (string, string) { return "app.fingerprint", "kt1_" + hexed(32) },
		func() (string, string) {
			return "k8s.pod.name", "orders-" + hexed(10) + "-" + d.letters("bcdfghjklmnpqrstvwxz2456789", 5)
		},
		func() (string, string) {
			return "app.arn", "arn:aws:sqs:eu-central-1:" + fmt.Sprint(100000000000+d.IntN(1e11)) + ":queue"
		},
	}
	s := testSealer(t)
	fields, touched := 0, map[string]string{}
	for range 2000 {
		p := s.Begin(testIssuer)
		for _, m := range makers {
			key, value := m()
			p.Look(key, value)
			fields++
			if got, changed := p.Scrub(key, value); changed {
				touched[key+"="+value] = got
			}
		}
		p.End()
	}
	for from, to := range touched {
		t.Log(from, "->", to)
	}
	assert.LessOrEqual(t, len(touched)*1000, fields)
}

// TestFailedRuleLeavesTheSkeleton makes a rule panic: nothing leaks, nothing is lost that may be kept.
func TestFailedRuleLeavesTheSkeleton(t *testing.T) {
	s := testSealer(t)
	opaque := "Canary" + newDice(35).base62(26)
	r := event.Record{Attrs: attrs(authorization, "Bearer "+opaque, "http.request.method", "GET", "http.route", "/v1/x",
		"client.address", "203.0.113.17", "url.path", "/v1/x/"+opaque, "error.type", "boom")}
	p := s.Begin(testIssuer)
	p.lookRecord(&r)
	for i := range r.Attrs {
		if r.Attrs[i].Key == "error.type" {
			p.notes[i].class = nil // what the next rule to read it does not survive
		}
	}
	out := p.sealRecord(&r)
	p.End()
	assert.True(t, out.Failed)
	assert.Equal(t, "GET", r.Attrs.Str("http.request.method"))
	assert.Equal(t, "/v1/x", r.Attrs.Str("http.route"))
	assert.Equal(t, "203.0.113.0/24", r.Attrs.Str("client.address"))
	assert.Equal(t, event.RedactionFailed, r.Attrs.Str(event.KeyRedaction))
	assert.Equal(t, wantToken(t, opaque), r.Attrs.Str(event.KeyFingerprint))
	for _, gone := range []string{"url.path", "error.type", authorization} {
		_, ok := r.Attrs.Get(gone)
		assert.False(t, ok, gone)
	}
	assert.NotContains(t, dump(&r), opaque)
}

func TestRawPrintsNothing(t *testing.T) {
	v := hide("Canary-raw-value")
	for _, f := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		assert.NotContains(t, fmt.Sprintf(f, v), "anary")
		assert.NotContains(t, fmt.Sprintf(f, credential{token: v}), hex.EncodeToString([]byte("anary")))
		assert.NotContains(t, fmt.Sprintf(f, credential{token: v}), "anary")
		assert.NotContains(t, fmt.Sprintf(f, exactValue{raw: v}), "anary")
	}
}
