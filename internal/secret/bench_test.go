package secret

import (
	"strings"
	"testing"

	"github.com/keytrail/keytrail/internal/event"
)

// kongEvent is an event of about thirty attributes, as the Kong parser gives it for an ordinary request.
func kongEvent(extra ...string) event.Record {
	r := event.Record{Attrs: attrs(
		"http.request.header.host", "api.shop.example",
		"http.request.header.user-agent", "shop-mobile/4.12.1 (iPhone; iOS 19.1; Scale/3.00)",
		"http.request.header.accept", "application/json, text/plain, */*",
		"http.request.header.accept-encoding", "gzip, deflate, br",
		"http.request.header.x-forwarded-for", "203.0.113.17, 10.2.0.4",
		"http.request.header.x-forwarded-proto", "https",
		"http.request.header.content-type", "application/json",
		"http.request.header.traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
		"http.response.header.content-type", "application/json; charset=utf-8",
		"http.response.header.x-kong-proxy-latency", "3",
		"http.response.header.x-ratelimit-remaining", "4971",
		"url.path", "/v1/customers/8c1f7d2e-51b0-4a0e-9d0c-0b6d2f9f2f11/orders",
		"url.query", "page=2&limit=50&sort=-created_at",
		"url.scheme", "https",
		"http.request.method", "GET",
		"http.route", "/v1/customers/{id}/orders",
		"server.address", "api.shop.example",
		"client.address", "203.0.113.17",
		"user_agent.original", "shop-mobile/4.12.1 (iPhone; iOS 19.1; Scale/3.00)",
		"keytrail.request.id", "9d5e1b0f6a1c4f7d8e2b3c4d5e6f7a8b",
		"keytrail.answered_by", "upstream",
		"keytrail.capture", "log",
		"network.protocol.version", "1.1",
		"kong.upstream_uri", "/internal/customers/8c1f7d2e-51b0-4a0e-9d0c-0b6d2f9f2f11/orders",
		"kong.workspace_name", "default",
	)}
	r.Attrs.Add(event.KeyStatus, event.Int(200))
	r.Attrs.Add(event.KeyDuration, event.Double(0.0312))
	r.Attrs.Add(event.KeyRequestSize, event.Int(812))
	r.Attrs.Add(event.KeyRespSize, event.Int(5120))
	r.Resource.Add(event.KeyServiceName, event.String("orders"))
	r.Attrs = append(r.Attrs, attrs(extra...)...)
	return r
}

func benchRecord(b *testing.B, extra ...string) {
	s := testSealer(b)
	seed := kongEvent(extra...)
	r := seed.Clone()
	b.ReportAllocs()
	for b.Loop() {
		r.Attrs = append(r.Attrs[:0], seed.Attrs...)
		s.Record(&r)
	}
}

// BenchmarkRecord seals one record after another, on one core. What is measured includes the fingerprint.
func BenchmarkRecord(b *testing.B) {
	d := newDice(3)
	opaque := "Canary" + d.base62(26)
	jwt := d.jwt(`{"iss":"https://issuer.example","sub":"user-1","jti":"j1","exp":1900000000,"scope":"read write"}`)
	b.Run("clean", func(b *testing.B) { benchRecord(b) })
	b.Run("redacted by the gateway", func(b *testing.B) { benchRecord(b, "http.request.header.authorization", "REDACTED") })
	b.Run("api key", func(b *testing.B) { benchRecord(b, "http.request.header.x-api-key", opaque) })
	b.Run("jwt", func(b *testing.B) { benchRecord(b, "http.request.header.authorization", "Bearer "+jwt) })
	b.Run("key repeated in three urls", func(b *testing.B) {
		q := "page=2&api_key=" + opaque
		benchRecord(b, "url.full", "https://api.shop.example/v1/orders?"+q, "kong.request.url", "/v1/orders?"+q,
			"http.request.header.referer", "https://shop.example/?next=%2Fv1%3Fapi_key%3D"+opaque)
	})
}

func BenchmarkScrub(b *testing.B) {
	p := testSealer(b).Begin(testIssuer)
	defer p.End()
	for _, bm := range []struct{ name, key, value string }{
		{"agent", "user_agent.original", "shop-mobile/4.12.1 (iPhone; iOS 19.1; Scale/3.00)"},
		{"path", "url.path", "/v1/customers/8c1f7d2e-51b0-4a0e-9d0c-0b6d2f9f2f11/orders"},
		{"typed", "client.address", "203.0.113.17"},
		{"unknown key", "app.some.nested.key", "an ordinary value"},
	} {
		b.Run(bm.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, changed := p.Scrub(bm.key, bm.value); changed {
					b.Fatal("changed")
				}
			}
		})
	}
}

// BenchmarkHostile scrubs 64 KiB made to be slow, with sixteen exact values to search for. The figures of one
// pattern beside another show whether a finder is still linear.
func BenchmarkHostile(b *testing.B) {
	d := newDice(4)
	s := testSealer(b)
	for _, pattern := range []string{
		"a", "token=", "token=;", ";a", ",,", `"password":"`, `"password":{`, "password:", "://", "://a:b@", "eyJ", "eyJhbGciOi.", "bearer ",
		"basic YTpi ", "%25", `\\`, `\"`, "/QUFBQUFBQUFBQUFBQUFBQUFB", "QUFB", "-----BEGIN PRIVATE KEY-----", "/bot1", "ghp_", "sk-", "\x00", "\u202e",
		"/services/T12345678/", "%2525", "Canary", "=", ":", `"a":`, "4142",
		"key=", "session=", ";key=", "/hooks/", "/services/T1234567/B1234567/", "%3B", "a=1;",
	} {
		b.Run(pattern, func(b *testing.B) {
			text := strings.Repeat(pattern, maxScanned/len(pattern))
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				p := s.Begin(testIssuer)
				for range maxValues {
					p.Look("http.request.header.x-api-key", "Canary"+d.base62(26))
				}
				for _, key := range []string{"note", "url.path", "url.query"} {
					p.Look(key, text)
					p.Scrub(key, text)
				}
				p.End()
			}
		})
	}
}
