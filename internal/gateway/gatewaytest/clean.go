package gatewaytest

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
)

// Clean is a request of ordinary traffic: full of values made by machines, and without a credential.
func Clean(r *rand.Rand) Request {
	shape := cleanTargets[r.IntN(len(cleanTargets))]
	req := Get(shape(r), map[string]string{})
	for range 3 {
		name, value := cleanHeaders[r.IntN(len(cleanHeaders))](r)
		req.Header[name] = value
	}
	return req
}

func hexOf(r *rand.Rand, n int) string {
	const digits = "0123456789abcdef"
	b := make([]byte, n)
	for i := range b {
		b[i] = digits[r.IntN(16)]
	}
	return string(b)
}

func ulid(r *rand.Rand) string {
	const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	b := []byte("01")
	for range 24 {
		b = append(b, alphabet[r.IntN(len(alphabet))])
	}
	return string(b)
}

func bytesOf(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// cleanTargets are targets of requests as people know them.
var cleanTargets = []func(*rand.Rand) string{
	func(r *rand.Rand) string { return "/v1/orders/" + uuid(r) },
	func(r *rand.Rand) string {
		return fmt.Sprintf("/v1/orders/%d/items?page=%d&limit=50", r.IntN(1e9), r.IntN(9))
	},
	func(r *rand.Rand) string {
		return "/repos/acme/shop/commits/" + hexOf(r, 40) + "?sha=" + hexOf(r, 40)
	},
	func(r *rand.Rand) string { return "/v2/library/nginx/blobs/sha256:" + hexOf(r, 64) },
	func(r *rand.Rand) string { return "/v1/events?cursor=" + ulid(r) + "&since=2026-11-20T10:00:00Z" },
	func(r *rand.Rand) string { return "/static/js/main." + hexOf(r, 8) + ".chunk.js?v=3.14.1" },
	func(r *rand.Rand) string { return "/search?q=red+shoes&sort=price&key=color" },
	func(r *rand.Rand) string { return "/v1/sessions/" + uuid(r) + "/messages" },
	func(r *rand.Rand) string { return "/keys?prefix=2026/11/23/" + hexOf(r, 16) },
	func(r *rand.Rand) string { return fmt.Sprintf("/v1/users/%d/tokens?state=active", r.IntN(1e6)) },
	func(r *rand.Rand) string { return "/health" },
	func(r *rand.Rand) string {
		return "/graphql?operationName=OrderList&hash=" + hexOf(r, 64)
	},
	func(r *rand.Rand) string { return "/oauth/authorize/info?locale=de-CH&theme=dark" },
	func(r *rand.Rand) string { return "/media/" + uuid(r) + "/thumb_640x480.webp;v=2" },
	func(r *rand.Rand) string { return "/webhooks/deliveries/" + fmt.Sprint(r.IntN(1e9)) },
	func(r *rand.Rand) string { return "/v1/authors/basic/books?author=bearer" },
}

// cleanHeaders are headers of ordinary clients and proxies.
var cleanHeaders = []func(*rand.Rand) (name, value string){
	func(r *rand.Rand) (string, string) { return "x-request-id", uuid(r) },
	func(r *rand.Rand) (string, string) {
		return "traceparent", "00-" + hexOf(r, 32) + "-" + hexOf(r, 16) + "-01"
	},
	func(r *rand.Rand) (string, string) { return "if-none-match", `W/"` + hexOf(r, 32) + `"` },
	func(r *rand.Rand) (string, string) { return "x-b3-traceid", hexOf(r, 32) },
	func(r *rand.Rand) (string, string) {
		return "x-amzn-trace-id", "Root=1-" + hexOf(r, 8) + "-" + hexOf(r, 24)
	},
	func(r *rand.Rand) (string, string) { return "cf-ray", hexOf(r, 16) + "-FRA" },
	func(r *rand.Rand) (string, string) {
		return "cookie", "locale=de_CH; consent=accepted-2026; theme=dark; ab_bucket=" + fmt.Sprint(r.IntN(100))
	},
	func(r *rand.Rand) (string, string) { return "idempotency-key", uuid(r) },
	func(r *rand.Rand) (string, string) { return "x-correlation-id", ulid(r) },
	func(r *rand.Rand) (string, string) { return "accept-language", "de-CH,de;q=0.9,en;q=0.8" },
	func(r *rand.Rand) (string, string) {
		return "content-digest", "sha-256=:" + base64.StdEncoding.EncodeToString(bytesOf(r, 32)) + ":"
	},
	func(r *rand.Rand) (string, string) { return "x-git-sha", hexOf(r, 40) },
	func(r *rand.Rand) (string, string) { return "if-match", `"` + hexOf(r, 40) + `"` },
	func(r *rand.Rand) (string, string) { return "x-build", "2026.11.23-" + hexOf(r, 7) },
	func(r *rand.Rand) (string, string) {
		return "x-thumbnail", "data:image/png;base64," + base64.StdEncoding.EncodeToString(bytesOf(r, 120))
	},
	func(r *rand.Rand) (string, string) { return "sec-websocket-version", "13" },
	func(r *rand.Rand) (string, string) { return "x-tenant-id", uuid(r) },
	func(r *rand.Rand) (string, string) { return "x-forwarded-for", "192.0.2.7, 10.0.0.1" },
	func(r *rand.Rand) (string, string) {
		return "referer", "https://app.example.com/orders/" + uuid(r) + "?tab=items"
	},
	func(r *rand.Rand) (string, string) { return "x-device-id", hexOf(r, 32) },
	func(r *rand.Rand) (string, string) {
		return "if-modified-since", "Mon, 23 Nov 2026 10:00:00 GMT"
	},
	func(r *rand.Rand) (string, string) { return "x-envoy-expected-rq-timeout-ms", "15000" },
	func(r *rand.Rand) (string, string) { return "range", fmt.Sprintf("bytes=%d-", r.IntN(1e6)) },
}
