package secret

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/keytrail/keytrail/internal/event"
)

func (d dice) hex(n int) string    { return d.letters(hexAlphabet, n) }
func (d dice) digits(n int) string { return d.letters("0123456789", n) }
func (d dice) pick(words ...string) string {
	return words[d.IntN(len(words))]
}

func (d dice) uuid() string {
	return d.hex(8) + "-" + d.hex(4) + "-4" + d.hex(3) + "-9" + d.hex(3) + "-" + d.hex(12)
}

func (d dice) ulid() string { return "01" + d.letters("0123456789ABCDEFGHJKMNPQRSTVWXYZ", 24) }

func (d dice) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(d.IntN(256))
	}
	return b
}

func (d dice) base64(n int) string { return base64.StdEncoding.EncodeToString(d.bytes(n)) }

func (d dice) noun() string {
	return d.pick("users", "orders", "invoices", "tokens", "sessions", "keys", "hooks", "webhooks", "bots", "services",
		"credentials", "secrets", "auth", "basic", "bearer", "search", "passwords", "certificates", "v1", "v2")
}

func (d dice) date() string {
	return fmt.Sprintf("2026-%02d-%02d", 1+d.IntN(12), 1+d.IntN(28))
}

// cleanShapes are values that look made by a machine and are no credentials, under the names they have in the field.
func cleanShapes(d dice) []func() (key, value string) {
	const req, resp = "http.request.header.", "http.response.header."
	kv := func(key string, value func() string) func() (string, string) {
		return func() (string, string) { return key, value() }
	}
	return []func() (key, value string){
		// headers
		kv(req+"x-request-id", d.uuid), kv(req+"x-correlation-id", d.ulid),
		kv(req+"x-amzn-trace-id", func() string { return "Root=1-" + d.hex(8) + "-" + d.hex(24) + ";Parent=" + d.hex(16) + ";Sampled=1" }),
		kv(req+"traceparent", func() string { return "00-" + d.hex(32) + "-" + d.hex(16) + "-01" }),
		kv(req+"tracestate", func() string { return "dd=s:1;p:" + d.hex(16) + ";t.tid:" + d.hex(16) }),
		kv(req+"b3", func() string { return d.hex(32) + "-" + d.hex(16) + "-1" }),
		kv(req+"x-b3-traceid", func() string { return d.hex(32) }),
		kv(req+"sentry-trace", func() string { return d.hex(32) + "-" + d.hex(16) }),
		kv(req+"baggage", func() string { return "sentry-trace_id=" + d.hex(32) + ",sentry-release=1.4.2" }),
		kv(req+"if-none-match", func() string { return `W/"` + d.base62(27) + `"` }),
		kv(resp+"etag", func() string { return `"` + d.hex(32) + `"` }),
		kv(req+"if-match", func() string { return `"` + d.hex(40) + `"` }),
		kv(req+"content-type", func() string { return "multipart/form-data; boundary=----WebKitFormBoundary" + d.base62(16) }),
		kv(req+"content-md5", func() string { return d.base64(16) }),
		kv(req+"digest", func() string { return "SHA-256=" + d.base64(32) }),
		kv(req+"x-amz-content-sha256", func() string { return d.hex(64) }),
		kv(req+"sec-websocket-key", func() string { return d.base64(16) }),
		kv(req+"sec-websocket-protocol", func() string { return d.pick("graphql-ws", "chat, superchat", "v12.stomp") }),
		kv(req+"x-api-version", d.date), kv(req+"x-api-key-id", func() string { return d.base62(20) }),
		kv(req+"idempotency-key", d.uuid), kv(req+"x-idempotency-key", d.ulid),
		kv(req+"sec-ch-ua", func() string { return `"Chromium";v="131", "Not_A Brand";v="24"` }),
		kv(req+"user-agent", func() string { return "okhttp/4.12.0 build/" + d.hex(8) }),
		kv(req+"x-client-data", func() string { return d.base64(18) }),
		kv(req+"x-device-id", d.uuid), kv(req+"x-app-build", func() string { return "4.12.1+" + d.hex(7) }),
		kv(req+"range", func() string { return "bytes=" + d.digits(6) + "-" + d.digits(7) }),
		kv(req+"x-forwarded-for", func() string { return "203.0.113." + d.digits(2) + ", 10.2.0.4" }),
		kv(resp+"location", func() string { return "https://api.example/" + d.noun() + "/" + d.uuid() }),
		kv(resp+"content-security-policy", func() string { return "script-src 'nonce-" + d.base64(12) + "'" }),
		kv(resp+"x-amz-version-id", func() string { return d.base62(32) }),
		kv(resp+"x-ratelimit-reset", func() string { return "17" + d.digits(8) }),
		kv(resp+"www-authenticate", func() string { return `Bearer realm="api", error="invalid_token"` }),
		// paths
		kv("url.path", func() string { return "/v1/" + d.noun() + "/" + d.uuid() }),
		kv("url.path", func() string { return "/api/v4/" + d.noun() + "/" + d.ulid() + "/" + d.noun() }),
		kv("url.path", func() string { return "/" + d.noun() + "/" + strings.ToLower(d.ulid()) }),
		kv("url.path", func() string { return "/repos/acme/shop/commits/" + d.hex(40) }),
		kv("url.path", func() string { return "/v2/acme/app/blobs/sha256:" + d.hex(64) }),
		kv("url.path", func() string { return "/static/js/main." + d.hex(8) + ".chunk.js" }),
		kv("url.path", func() string { return "/bucket/2026/11/" + d.noun() + "/" + d.hex(32) + ".parquet" }),
		kv("url.path", func() string {
			return "/maps/a;zoom=12;center=" + d.digits(3) + "/tiles/" + d.digits(2) + "/" + d.digits(4)
		}),
		kv("url.path", func() string { return "/bot/" + d.digits(9) + "/status" }),
		kv("url.path", func() string { return "/" + d.noun() + "/" + d.noun() + "/" + d.digits(9) }),
		// queries
		kv("url.query", func() string { return "page=2&limit=50&sort=-created_at&id=" + d.uuid() }),
		kv("url.query", func() string { return "order=ORD-" + d.date() + "-" + d.digits(6) + "&ref=" + d.hex(24) }),
		kv("url.query", func() string { return "key=uploads/2026/11/" + d.noun() + "/cat-" + d.digits(4) + ".png" }),
		kv("url.query", func() string { return "key=" + url.QueryEscape("exports/"+d.date()+"/"+d.hex(32)+".csv.gz") }),
		kv("url.query", func() string { return "key=" + d.pick("created_at", "PROJ-"+d.digits(4), "summer-sale-2026") }),
		kv("url.query", func() string { return "code=" + d.pick("DE", "SAVE20", "WELCOME2026", "EUR") + "&lang=de-DE" }),
		kv("url.query", func() string { return "session=" + d.pick("morning", "afternoon") + "&auth=required" }),
		kv("url.query", func() string { return "next_page_token=" + d.base62(40) + "&max_tokens=100&token_type=bearer" }),
		kv("url.query", func() string { return "since=" + d.date() + "T00%3A00%3A00Z&sha=" + d.hex(40) + "&v=4.12.1" }),
		kv("url.query", func() string { return "utm_source=mail&gclid=" + d.base62(60) + "&fbclid=IwAR" + d.base62(50) }),
		kv("url.query", func() string {
			return "q=" + url.QueryEscape("basic auth token expired "+d.noun()) + "&cursor=" + d.base64(30)
		}),
		// cookies
		kv(req+"cookie", func() string { return "locale=de_DE; consent=" + d.base62(80) + "; theme=dark" }),
		kv(req+"cookie", func() string { return "_ga=GA1.2." + d.digits(9) + "." + d.digits(10) + "; _gid=GA1.2." + d.digits(9) }),
		kv(req+"cookie", func() string { return "ab_test=variant-b; visid_incap_1=" + d.base64(30) + "; author=jane" }),
		kv(req+"cookie", func() string { return "AWSALB=" + d.base64(96) + "; csrftoken=" + d.base62(32) }),
		kv(req+"cookie", func() string {
			return "OptanonConsent=isGpcEnabled=0&datestamp=" + d.date() + "&version=6.33.0; newsid=" + d.digits(6)
		}),
		// fields
		kv("app.git_sha", func() string { return d.hex(40) }), kv("app.sha256", func() string { return d.hex(64) }),
		kv("app.image", func() string { return "registry.example/team/app@sha256:" + d.hex(64) }),
		kv("app.thumbnail", func() string { return "data:image/png;base64,iVBORw0KGgo" + d.base64(120) }),
		kv("app.blob", func() string { return d.base64(66) }),
		kv("app.arn", func() string { return "arn:aws:sqs:eu-central-1:1" + d.digits(11) + ":queue" }),
		kv("k8s.pod.name", func() string { return "orders-" + d.hex(10) + "-" + d.letters("bcdfghjklmnpqrstvwxz2456789", 5) }),
		kv("app.version", func() string { return "v1.64.0-rc.2+build." + d.digits(4) + "." + d.hex(7) }),
		kv("app.json", func() string {
			return `{"id":"` + d.uuid() + `","total":12,"items":[{"sku":"` + d.base62(12) + `","etag":"` + d.hex(32) + `"}]}`
		}),
		kv("app.message", func() string {
			return "upstream " + d.noun() + ": connection refused: dial tcp 10.0.0.1:443, trace " + d.hex(32)
		}),
		kv("app.key_id", func() string { return "arn:aws:kms:eu-central-1:1" + d.digits(11) + ":key/" + d.uuid() }),
		kv("session.id", d.uuid), kv("app.checksum", func() string { return "crc32c:" + d.base64(4) }),
		kv("app.hexdump", func() string { return hex.EncodeToString(d.bytes(24)) }),
		kv("kong.route.id", d.uuid), kv("keytrail.request.id", func() string { return d.hex(32) }),
		kv("app.stack", func() string { return "at com.example.auth.TokenService.check(TokenService.java:" + d.digits(3) + ")" }),
	}
}

const cleanRecords = 10_000

// TestNothingOrdinaryIsTakenForAToken seals ten thousand records of what ordinary requests hold. A Cookie header is
// emptied whatever it holds, so of that only the fingerprint is asked; of all else, every byte.
func TestNothingOrdinaryIsTakenForAToken(t *testing.T) {
	d := newDice(50)
	shapes := cleanShapes(d)
	s := testSealer(t)
	found, touched := map[string]int{}, map[string]int{}
	for n := range cleanRecords {
		r := event.Record{}
		before := map[string]string{}
		for i := range 6 { // every shape comes round, beside others each time
			key, value := shapes[(n*6+i*(1+n%7))%len(shapes)]()
			if _, twice := before[key]; !twice {
				r.Attrs = append(r.Attrs, attrs(key, value)...)
				before[key] = value
			}
		}
		out := s.Record(&r)
		if r.Attrs.Str(event.KeyFingerprint) != "" || out.Visibility != event.VisibilityNone {
			found[fmt.Sprint(r.Attrs.Str(event.KeyTokenLocation), " in ", before)]++
		}
		for key, value := range before {
			if v, _ := r.Attrs.Get(key); !strings.HasSuffix(key, "cookie") && v.Text() != value && v.Text() != fmt.Sprintf("[%q]", value) {
				touched[key+"="+value+" -> "+v.Text()]++
			}
		}
	}
	t.Logf("%d records of %d shapes: %d credentials found, %d values touched", cleanRecords, len(shapes), len(found), len(touched))
	assert.Empty(t, firstFew(found))
	assert.Empty(t, firstFew(touched))
}

func firstFew(m map[string]int) []string {
	var few []string
	for s := range m {
		if few = append(few, s); len(few) == 12 {
			break
		}
	}
	return few
}

// plantedTokens are what the matrix plants: every format of the table and what no format describes.
func plantedTokens(d dice) []sample {
	list := samples(d)
	for i := range formats {
		f := &formats[i]
		if f.name == formatAWS {
			continue // an id that signs, with places of its own
		}
		n := f.min
		list = append(list, sample{f.name, f.prefix + d.letters(alphabetOf(f.letters), n)})
	}
	return append(list,
		sample{"telegram", d.digits(9) + ":" + d.base62(35)},
		sample{"hex 40", d.hex(39) + "a"}, sample{"base64 44", d.base64(32)}, sample{"long", d.base62(200)},
		sample{"password-like", "Tr0ub4dor&3-" + d.base62(8)}, sample{"with dots", d.base62(12) + "." + d.base62(20) + "." + d.hex(8)},
		sample{"jwe", b64(`{"alg":"RSA-OAEP","enc":"A256GCM"}`) + "." + d.base62(40) + "." + d.base62(16) + "." + d.base62(30) + "." + d.base62(22)},
	)
}

func alphabetOf(set letters) string {
	switch set {
	case lowHex:
		return hexAlphabet
	case upper32:
		return "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	}
	return base62Digits
}

// plantedPlaces are where the matrix plants them. A place is an attribute whose value holds the token.
var plantedPlaces = []struct {
	name string
	with func(token string) (key, value string)
}{
	{"bearer", func(t string) (string, string) { return authorization, "Bearer " + t }},
	{"token", func(t string) (string, string) { return authorization, "token " + t }},
	{"basic", func(t string) (string, string) { return authorization, basic("oauth2:" + t) }},
	{"proxy", func(t string) (string, string) { return "http.request.header.proxy-authorization", "Bearer " + t }},
	{"key header", func(t string) (string, string) { return "http.request.header.x-api-key", t }},
	{"vendor header", func(t string) (string, string) { return "http.request.header.x_vendor_access_token", t }},
	{"other header", func(t string) (string, string) { return "http.request.header.x-forwarded-auth", "Bearer " + t }},
	{"query", func(t string) (string, string) { return "url.query", "a=b&access_token=" + url.QueryEscape(t) + "&c=d" }},
	{"full url", func(t string) (string, string) {
		return "url.full", "https://h.example/v1?api_key=" + url.QueryEscape(t)
	}},
	{"cookie", func(t string) (string, string) {
		return "http.request.header.cookie", "lang=en; session=" + url.QueryEscape(t)
	}},
	{"matrix", func(t string) (string, string) { return "url.path", "/v1;token=" + url.QueryEscape(t) + "/orders" }},
	{"referer", func(t string) (string, string) {
		return "http.request.header.referer", "https://app.example/?token=" + url.QueryEscape(t)
	}},
	{"nested json", func(t string) (string, string) { return "app.body", `{"headers":{"X-Api-Key":` + quote(t) + `}}` }},
}

// TestPlantedTokens plants every token in every place and repeats it elsewhere in every encoding: it must be found
// there, as itself and alone, and nothing of it may be left anywhere.
func TestPlantedTokens(t *testing.T) {
	d := newDice(51)
	s := testSealer(t)
	cases, found, leaked := 0, 0, 0
	missed := map[string]int{}
	for round := range 2 {
		for _, smp := range plantedTokens(d) {
			identity := smp.token
			if smp.name == "aws" {
				continue
			}
			if smp.name == "jwt" {
				identity = signingInput(smp.token)
			}
			want := wantToken(t, identity)
			for i, in := range plantedPlaces {
				for j, e := range echoes {
					if round == 1 && (i+j)%4 > 0 { // a second token of each kind, in a quarter of the cases
						continue
					}
					key, value := in.with(smp.token)
					r := event.Record{Attrs: attrs(key, value, "app.note", "x "+e.as(smp.token), "user_agent.original", e.as(smp.token))}
					out := s.Record(&r)
					cases++
					if r.Attrs.Str(event.KeyFingerprint) == want && len(out.Oldest) == 1 {
						found++
					} else {
						missed[fmt.Sprint(smp.name, " in ", in.name, " (", len(out.Oldest), " found)")]++
					}
					if form := leak(dump(&r), smp.token); form != "" || out.Failed {
						leaked++
						t.Errorf("%s in %s, repeated as %s: left as %s", smp.name, in.name, e.name, form)
					}
				}
			}
		}
	}
	t.Logf("%d planted: %d found as themselves (%.2f %%), %d leaked; %v", cases, found, 100*float64(found)/float64(cases), leaked, firstFew(missed))
	assert.GreaterOrEqual(t, cases, 10_000)
	assert.GreaterOrEqual(t, found*100, cases*99)
	assert.Zero(t, leaked)
}

func quote(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}
