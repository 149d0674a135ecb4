package corpus

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
)

// Field is one attribute of a record.
type Field struct{ Key, Value string }

// PerRecord is how many fields a clean record has.
const PerRecord = 10

// Clean makes n records of what requests and logs hold beside secrets: ids, digests, images, prose, stack traces.
func Clean(seed uint64, n int) [][]Field {
	d := dice{rand.New(rand.NewPCG(seed, 1))}
	list := make([][]Field, n)
	for i := range list {
		for j := range PerRecord { // every kind comes round, beside others each time
			list[i] = append(list[i], clean[(i*PerRecord+j*(1+i%7))%len(clean)](d))
		}
	}
	return list
}

type dice struct{ *rand.Rand }

func (d dice) letters(set string, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = set[d.IntN(len(set))]
	}
	return string(b)
}

const (
	figures = "0123456789"
	hexes   = "0123456789abcdef"
	word62  = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

func (d dice) hex(n int) string    { return d.letters(hexes, n) }
func (d dice) num(n int) string    { return d.letters(figures[1:], 1) + d.letters(figures, n-1) }
func (d dice) base62(n int) string { return d.letters(word62, n) }

func (d dice) base64(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(d.IntN(256))
	}
	return base64.StdEncoding.EncodeToString(b)
}

func (d dice) uuid() string {
	return d.hex(8) + "-" + d.hex(4) + "-4" + d.hex(3) + "-9" + d.hex(3) + "-" + d.hex(12)
}

func (d dice) of(words ...string) string { return words[d.IntN(len(words))] }

func (d dice) noun() string {
	return d.of("users", "orders", "invoices", "tokens", "sessions", "keys", "webhooks", "services", "secrets", "search", "accounts")
}

func (d dice) vendor() string {
	return d.of("jira", "slack", "github", "okta", "stripe", "twilio", "datadog", "heroku", "dropbox", "facebook", "cloudflare", "sentry")
}

func field(key string, value func(d dice) string) func(dice) Field {
	return func(d dice) Field { return Field{key, value(d)} }
}

const header = "http.request.header."

// clean are the kinds of fields.
var clean = []func(dice) Field{
	field("url.path", func(d dice) string { return "/v1/" + d.noun() + "/" + d.uuid() }),
	field("url.path", func(d dice) string { return "/api/v2/" + d.vendor() + "/" + d.noun() + "/" + d.num(9) }),
	field("url.path", func(d dice) string { return "/repos/acme/" + d.vendor() + "-sync/commits/" + d.hex(40) }),
	field("url.path", func(d dice) string { return "/static/js/main." + d.hex(8) + ".chunk.js" }),
	field("url.path", func(d dice) string { return "/auth/realms/acme/protocol/openid-connect/certs" }),
	field("url.query", func(d dice) string { return "page=2&limit=50&sort=-created_at&id=" + d.uuid() }),
	field("url.query", func(d dice) string { return "order=ORD-" + d.num(6) + "&ref=" + d.hex(24) + "&lang=de-DE" }),
	field("url.query", func(d dice) string { return "utm_source=" + d.vendor() + "&gclid=" + d.base62(60) }),
	field("url.full", func(d dice) string { return "https://" + d.vendor() + ".example.com/browse/PROJ-" + d.num(4) }),
	field(header+"x-request-id", dice.uuid),
	field(header+"traceparent", func(d dice) string { return "00-" + d.hex(32) + "-" + d.hex(16) + "-01" }),
	field(header+"tracestate", func(d dice) string { return "dd=s:1;p:" + d.hex(16) + ";t.tid:" + d.hex(16) }),
	field(header+"if-none-match", func(d dice) string { return `W/"` + d.base62(27) + `"` }),
	field(header+"content-type", func(d dice) string { return "multipart/form-data; boundary=----WebKitFormBoundary" + d.base62(16) }),
	field(header+"x-amz-content-sha256", func(d dice) string { return d.hex(64) }),
	field(header+"x-api-version", func(d dice) string { return "2026-11-" + d.num(2) }),
	field(header+"x-forwarded-for", func(d dice) string { return "203.0.113." + d.num(2) + ", 10.2.0.4" }),
	field(header+"user-agent", func(d dice) string {
		return "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/1" + d.num(2) + ".0.0.0 Safari/537.36"
	}),
	field(header+"user-agent", func(d dice) string { return d.vendor() + "-client/4.12.0 build/" + d.hex(8) }),
	field(header+"x-amzn-trace-id", func(d dice) string { return "Root=1-" + d.hex(8) + "-" + d.hex(24) + ";Sampled=1" }),
	field("app.git_sha", func(d dice) string { return d.hex(40) }),
	field("app.sha256", func(d dice) string { return d.hex(64) }),
	field("app.image", func(d dice) string { return "registry.example/" + d.vendor() + "/app@sha256:" + d.hex(64) }),
	field("app.thumbnail", func(d dice) string { return "data:image/png;base64,iVBORw0KGgo" + d.base64(240) }),
	field("app.blob", func(d dice) string { return d.base64(66) }),
	field("app.hexdump", func(d dice) string {
		return hex.EncodeToString([]byte(d.base62(8) + "\x00\xff\x01\x02\x80" + d.base62(8)))
	}),
	field("app.arn", func(d dice) string { return "arn:aws:sqs:eu-central-1:1" + d.num(11) + ":" + d.noun() }),
	field("app.key_id", func(d dice) string { return "arn:aws:kms:eu-central-1:1" + d.num(11) + ":key/" + d.uuid() }),
	field("k8s.pod.name", func(d dice) string {
		return d.noun() + "-" + d.hex(10) + "-" + d.letters("bcdfghjklmnpqrstvwxz2456789", 5)
	}),
	field("session.id", dice.uuid),
	field("app.order", func(d dice) string { return d.num(16) }),
	field("app.micros", func(d dice) string { return "17" + d.num(14) }),
	field("app.phone", func(d dice) string { return "+49 30 " + d.num(4) + " " + d.num(4) }),
	field("app.json", func(d dice) string {
		return `{"id":"` + d.uuid() + `","total":12,"items":[{"sku":"` + d.base62(12) + `","etag":"` + d.hex(32) + `"}],"source":"` + d.vendor() + `"}`
	}),
	field("body", func(d dice) string {
		return "upstream " + d.noun() + ": connection refused: dial tcp 10.0.0.1:443, trace " + d.hex(32)
	}),
	field("body", func(d dice) string {
		return fmt.Sprintf("level=info msg=%q user_id=%s key=%s/%s took=%sms", "token cache refreshed for "+d.vendor(), d.num(8), d.noun(), d.hex(12), d.num(2))
	}),
	field("body", func(d dice) string {
		return "cache miss for key profile:" + d.uuid() + ", loaded from " + d.vendor() + " in " + d.num(2) + " ms"
	}),
	field("body", func(d dice) string {
		return "10.2.0." + d.num(2) + ` - - [23/Nov/2026:10:00:00 +0000] "GET /v1/` + d.noun() + "/" + d.hex(24) + ` HTTP/1.1" 200 ` + d.num(4) + ` "-" "curl/8.5.0"`
	}),
	field("body", func(d dice) string {
		return "partition key=" + d.hex(16) + " offset=" + d.num(9) + " topic=" + d.noun()
	}),
	field("body", func(d dice) string {
		return "authentication succeeded for user " + d.num(6) + ", access granted to " + d.noun() + ", request_id=" + d.uuid()
	}),
	field("body", func(d dice) string {
		return "secret " + d.noun() + "-tls mounted, certificate serial " + d.hex(32) + " valid until 2027-01-0" + d.num(1)
	}),
	field("app.stack", func(d dice) string {
		return "at com.example.auth.TokenService.check(TokenService.java:" + d.num(3) + ")\n\tat com.example.api.KeyFilter.run(KeyFilter.java:" + d.num(2) + ")"
	}),
	field("db.statement", func(d dice) string {
		return "SELECT id, name FROM " + d.noun() + " WHERE key = $1 AND owner_id = " + d.num(7)
	}),
	field("app.author", func(d dice) string { return d.of("Jane Roe", "John Doe") + " <dev" + d.num(3) + "@example.com>" }),
}
