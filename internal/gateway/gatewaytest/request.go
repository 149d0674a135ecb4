package gatewaytest

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"math/rand/v2"
	"net/url"
	"strings"
	"time"
)

// Request is a call, before a gateway writes it down.
type Request struct {
	ID     string
	Time   time.Time
	Method string
	Target string // path and query, as sent
	Status int
	Client string
	Header map[string]string // by lower-case name, one value each
}

// Get is a request for target that succeeded, with these headers.
func Get(target string, header map[string]string) Request {
	return Request{Method: "GET", Target: target, Status: 200, Client: "192.0.2.1", Header: header}
}

func (r Request) path() string {
	path, _, _ := strings.Cut(r.Target, "?")
	return path
}

func (r Request) query() string {
	_, query, _ := strings.Cut(r.Target, "?")
	return query
}

// host is what every request of this package asks.
const host = "api.example.com"

func (r Request) url() string { return "https://" + host + r.Target }

// headers are the request's own, with those that any client sends.
func (r Request) headers() map[string]string {
	h := map[string]string{"host": host, "user-agent": "curl/8.5.0"}
	for k, v := range r.Header {
		h[k] = v
	}
	return h
}

// Place is somewhere a client puts a credential.
type Place struct {
	Name string
	// Of gives a request with the credential in this place.
	Of func(token string) Request
	// Login means that the place makes a login of a person of it, whose password no fingerprint is made of.
	Login bool
	// Aside means that no server reads a credential there: it is removed, and need not be fingerprinted.
	Aside bool
}

// InTarget reports whether the place is in what a request line shows.
func (p Place) InTarget(token string) bool { return p.Of(token).Target != p.Of("other").Target }

func header(name, value string) Request { return Get("/v1/orders", map[string]string{name: value}) }

func basic(text string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(text)) }

// Places are those of clients, with the schemes and encodings that they use.
var Places = []Place{
	{Name: "bearer", Of: func(t string) Request { return header("authorization", "Bearer "+t) }},
	{Name: "lower-case bearer", Of: func(t string) Request { return header("authorization", "bearer "+t) }},
	{Name: "token", Of: func(t string) Request { return header("authorization", "token "+t) }},
	{Name: "ApiKey", Of: func(t string) Request { return header("authorization", "ApiKey "+t) }},
	{Name: "SSWS", Of: func(t string) Request { return header("authorization", "SSWS "+t) }},
	{Name: "bare authorization", Of: func(t string) Request { return header("authorization", t) }},
	{Name: "basic password", Of: func(t string) Request { return header("authorization", basic("x-access-token:"+t)) }},
	{Name: "basic user", Of: func(t string) Request { return header("authorization", basic(t+":")) }},
	{Name: "login", Login: true, Of: func(t string) Request { return header("authorization", basic("ada:"+t)) }},
	{Name: "proxy-authorization", Of: func(t string) Request { return header("proxy-authorization", "Bearer "+t) }},
	{Name: "x-api-key", Of: func(t string) Request { return header("x-api-key", t) }},
	{Name: "apikey", Of: func(t string) Request { return header("apikey", t) }},
	{Name: "api-key", Of: func(t string) Request { return header("api-key", t) }},
	{Name: "x-auth-token", Of: func(t string) Request { return header("x-auth-token", t) }},
	{Name: "x-access-token", Of: func(t string) Request { return header("x-access-token", t) }},
	{Name: "private-token", Of: func(t string) Request { return header("private-token", t) }},
	{Name: "job-token", Of: func(t string) Request { return header("job-token", t) }},
	{Name: "x-vault-token", Of: func(t string) Request { return header("x-vault-token", t) }},
	{Name: "x-amz-security-token", Of: func(t string) Request { return header("x-amz-security-token", t) }},
	{Name: "x-acme-apikey", Of: func(t string) Request { return header("x-acme-apikey", t) }},
	{Name: "bearer in a header of its own", Of: func(t string) Request { return header("x-acme-auth", "Bearer "+t) }},
	{Name: "session cookie", Of: func(t string) Request { return header("cookie", "lang=en; session="+t+"; theme=dark") }},
	{Name: "query api_key", Of: func(t string) Request { return Get("/v1/orders?api_key="+url.QueryEscape(t), nil) }},
	{Name: "query access_token", Of: func(t string) Request {
		return Get("/v1/orders?page=1&access_token="+url.QueryEscape(t)+"&sort=asc", nil)
	}},
	{Name: "query in full percent encoding", Of: func(t string) Request { return Get("/v1/orders?token="+percent(t), nil) }},
	{Name: "path of a bot", Of: func(t string) Request { return Get("/bot12345678:"+url.PathEscape(t)+"/sendMessage", nil) }},
	{Name: "matrix parameter", Of: func(t string) Request { return Get("/v1/orders;token="+url.PathEscape(t)+"/17", nil) }},
	{Name: "referer too", Of: func(t string) Request {
		return Get("/v1/orders", map[string]string{
			"referer": "https://app.example.com/cb?access_token=" + url.QueryEscape(t), "authorization": "Bearer " + t,
		})
	}},
	{Name: "JSON in a header", Aside: true, Of: func(t string) Request {
		b, _ := json.Marshal(map[string]any{"user": "ada", "nested": map[string]string{"client_secret": t}})
		return header("x-debug", string(b))
	}},
	{Name: "base64 in a header", Aside: true, Of: func(t string) Request {
		return header("x-debug", base64.StdEncoding.EncodeToString([]byte(`{"access_token":"`+t+`"}`)))
	}},
}

func percent(s string) string {
	var b strings.Builder
	for i := range len(s) {
		b.WriteString("%" + strings.ToUpper(hex.EncodeToString([]byte{s[i]})))
	}
	return b.String()
}

// Shapes are the kinds of credentials that are sent; each call gives a new one.
var Shapes = []func(*rand.Rand) string{
	func(r *rand.Rand) string { return letters(r, 32) },
	func(r *rand.Rand) string { return "ghp_" + letters(r, 36) },
	func(r *rand.Rand) string { return "glpat-" + letters(r, 20) },
	func(r *rand.Rand) string { return "npm_" + letters(r, 36) },
	func(r *rand.Rand) string { return "sk_test_" + letters(r, 24) },
	func(r *rand.Rand) string { return hex.EncodeToString([]byte(letters(r, 20))) },
	func(r *rand.Rand) string { return letters(r, 12) + "+/" + letters(r, 10) + "==" },
	func(r *rand.Rand) string { return uuid(r) },
	func(r *rand.Rand) string {
		part := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
		return part(`{"alg":"RS256","typ":"JWT"}`) + "." + part(`{"sub":"`+letters(r, 12)+`"}`) + "." + part(letters(r, 32))
	},
}

func letters(r *rand.Rand, n int) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[r.IntN(len(alphabet))]
	}
	return string(b)
}

func uuid(r *rand.Rand) string {
	b := make([]byte, 16)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	h := hex.EncodeToString(b)
	return h[:8] + "-" + h[8:12] + "-4" + h[13:16] + "-a" + h[17:20] + "-" + h[20:]
}
