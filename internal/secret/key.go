package secret

import (
	"strings"

	"github.com/keytrail/keytrail/internal/event"
)

// keyClass is what an attribute key means for its value.
type keyClass struct {
	key      string // the whole key, of classes that outlive a pass
	name     string // the header, or the last segment of the key
	means    named
	bears    bool // means is set
	header   bool // a request header
	response bool // a response header: removed like the rest, but no credential of this request
	query    bool // the value is a query string
	target   bool // the value is a URL or its path, perhaps with a query
	typed    bool
	ours     bool      // reserved: written by Keytrail, its name says nothing about its value
	common   bool      // one of the keys of which nobody but us chooses the name
	silent   bool      // what stands there is no credential of this request, whatever it looks like
	folds    bool      // each value may be a name and a value
	stamp    bool      // only Stamp writes it
	loud     bool      // the key alone says that its value is to be looked at closely
	wakes    byteClass // bytes that call for it
	cert     certPart  // what it says of a client certificate
	ruled    bool      // a rule of the source names it
	scheme   string
	context  string    // the key as the rule sets are given it; empty where it means nothing to them
	kind     FieldKind // where the key does not tell

	// Of the key as a text, where it was found to hold nothing.
	clean cleanness
	seen  byteClass
}

// gatewayFields are what the gateways log of nearly every request without a standard name.
var gatewayFields = []string{
	"kong.latencies.kong", "kong.latencies.receive", "kong.route.id", "kong.route.name", "kong.route.paths",
	"kong.route.strip_path", "kong.service.id", "kong.service.host", "kong.service.port", "kong.service.protocol",
	"kong.consumer.id", "kong.consumer.username", "kong.consumer.custom_id", "kong.authenticated_entity.consumer_id",
	"kong.upstream_uri", "kong.upstream_status", "kong.workspace", "kong.workspace_name", "kong.tries",
	"kong.request.tls.version", "kong.request.tls.cipher", "kong.request.tls.client_verify", "kong.request.querystring",
	"nginx.upstream_addr", "nginx.upstream_status", "nginx.upstream_response_time", "nginx.upstream_header_time",
	"nginx.proxy_host", "nginx.request", "nginx.limit_req_status",
	"envoy.response_flags", "envoy.response_code_details", "envoy.upstream_host", "envoy.upstream_cluster",
	"envoy.upstream_local_address", "envoy.downstream_local_address", "envoy.route_name",
	"traefik.level", "traefik.entry", "traefik.RouterName", "traefik.ServiceURL", "traefik.ServiceAddr",
}

// common holds the classes of the keys that most events carry; the rest is computed each time. It never grows, so
// that a caller who makes up keys costs no memory.
var common = func() map[string]*keyClass {
	m := make(map[string]*keyClass)
	classOf := func(key string) *keyClass {
		c := computeClass(key)
		c.key, c.common = key, true
		return &c
	}
	for key := range typed {
		m[key] = classOf(key)
	}
	for _, key := range event.ReservedKeys() {
		m[key] = classOf(key)
	}
	for _, key := range []string{
		event.KeyPath, event.KeyQuery, event.KeyTemplate, event.KeyErrorType, event.KeyUserAgent, event.KeyUserName,
		"url.full", "http.target", "http.url", "http.user_agent",
	} {
		m[key] = classOf(key)
	}
	for _, key := range gatewayFields {
		m[key] = classOf(key)
	}
	for _, h := range []string{
		"host", "user-agent", "accept", "accept-encoding", "accept-language", "authorization", "content-type",
		"content-length", "connection", "cookie", "referer", "origin", "cache-control", "x-forwarded-for",
		"x-forwarded-proto", "x-forwarded-host", "x-forwarded-port", "x-real-ip", "x-request-id", "x-api-key",
		"apikey", "traceparent", "tracestate", "via", "date", "server", "vary", "location", "set-cookie",
		"x-kong-proxy-latency", "x-kong-upstream-latency", "x-ratelimit-limit", "x-ratelimit-remaining",
		"x-request-start", "x-forwarded-prefix", "x-envoy-upstream-service-time", "x-correlation-id", "x-b3-traceid",
		"sec-fetch-mode", "sec-fetch-site", "sec-fetch-dest", "if-none-match", "etag", "content-encoding",
	} {
		m[event.PrefixRequestHeader+h] = classOf(event.PrefixRequestHeader + h)
		m[event.PrefixResponseHeader+h] = classOf(event.PrefixResponseHeader + h)
	}
	return m
}()

func computeClass(key string) keyClass {
	c := keyClass{typed: Typed(key), ours: event.Reserved(key)}
	switch key {
	case event.KeyQuery:
		c.query = true
	case event.KeyPath, "url.full", "http.target", "http.url", "url.original":
		c.target = true
	case keyTLSSubject:
		c.cert = certSubject
	case keyTLSSum:
		c.cert = certSum
	case keyTLSCertificate:
		c.cert = certWhole
	}
	if name, ok := strings.CutPrefix(key, event.PrefixRequestHeader); ok {
		c.name, c.header = name, true
		c.target = hopTargets[name]
	} else if name, ok := strings.CutPrefix(key, event.PrefixResponseHeader); ok {
		c.name, c.response = name, true
	} else {
		c.name = lastSegment(key)
	}
	if !c.ours && !c.typed {
		c.means, c.bears = lookupName(c.name)
		if c.means.strength == inQuery {
			c.bears = false
		}
		if !c.bears && underCookies(key) {
			c.means, c.bears = exactNames["cookie"], true
		}
		if !c.bears && c.header && keyHeader(c.name) {
			c.means, c.bears = named{"api_key", strong, true}, true
		}
		if !c.bears && !c.response && c.cert == certNone {
			c.cert = lookupCertificate(c.name)
		}
	}
	c.silent = c.typed || c.ours || c.response
	c.folds = folds(key)
	c.stamp = stampOnly(key)
	c.settle()
	return c
}

// settle draws the conclusions for scrubbing, once all else is known.
func (c *keyClass) settle() {
	c.loud = c.bears || c.cert != certNone || c.folds
	c.wakes = wakesAll
	if c.typed {
		c.wakes = wakesTyped
	}
}

// hopTargets are headers that hold the request's own target, as an earlier hop saw it.
var hopTargets = map[string]bool{
	"x-forwarded-uri": true, "x-original-uri": true, "x-original-url": true, "x-envoy-original-path": true,
	"x-rewrite-url": true, ":path": true,
}

// keyHeader reports whether a header is named after a key anywhere in its name, as x-api-key-v2 and
// x-acme-apikey-token are; not where it names something about the key.
func keyHeader(name string) bool {
	if strings.IndexByte(name, 'k') < 0 && strings.IndexByte(name, 'K') < 0 || len(name) > longestName {
		return false
	}
	var buf [longestName]byte
	flat := string(flatten(buf[:0], name))
	if !strings.Contains(flat, "apikey") && !strings.Contains(flat, "passkey") {
		return false
	}
	for _, about := range keyAbouts {
		if strings.HasSuffix(flat, about) {
			return false
		}
	}
	return true
}

// keyAbouts end the names of what gateways tell about a key.
var keyAbouts = []string{
	"id", "name", "type", "expires", "expiry", "limit", "remaining", "reset", "status", "hint", "prefix", "owner",
	"version", "scope", "scopes", "hash", "plan", "tier", "valid", "required", "count", "error",
}

// lastSegment is the last part of a dotted key that is not the index of a list.
func lastSegment(key string) string {
	for {
		i := strings.LastIndexByte(key, '.')
		last := key[i+1:]
		if i <= 0 || !digits(last) {
			return last
		}
		key = key[:i]
	}
}

// underCookies reports whether key is an entry of a map of cookies.
func underCookies(key string) bool {
	i := strings.LastIndexByte(key, '.')
	if i <= 0 {
		return false
	}
	parent := lastSegment(key[:i])
	return strings.EqualFold(parent, "cookies") || strings.EqualFold(parent, "cookie") || strings.EqualFold(parent, "set-cookie")
}

func digits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
