package apilogreceiver

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// guard stands before everything of the HTTP server. It refuses what a browser was lured into sending, and it takes
// from the request every text that the server's own instrumentation would copy into spans and metrics: those leave
// the process, and a caller may write a credential anywhere.
type guard struct {
	hosts     hostRule
	origins   []originRule
	routes    routes
	keepQuery bool // an auth extension reads parameters of the query
	answers   *answers
	next      http.Handler
}

func newGuard(cfg *IngestConfig, rs routes, a *answers, next http.Handler) *guard {
	g := &guard{hosts: newHostRule(cfg), routes: rs, answers: a, next: next}
	if cors := cfg.ServerConfig.CORS.Get(); cors != nil {
		g.origins = newOriginRules(cors.AllowedOrigins)
	}
	if auth := cfg.ServerConfig.Auth.Get(); auth != nil {
		g.keepQuery = len(auth.RequestParameters) > 0
	}
	return g
}

// instrumented are the headers whose text otelhttp or a propagator records.
var instrumented = []string{"User-Agent", "X-Forwarded-For", "Forwarded", "Tracestate", "Baggage", "Referer"}

func (g *guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !g.hosts.allows(r.Host) {
		g.answers.refuse(w, r, http.StatusMisdirectedRequest, "host_not_allowed")
		return
	}
	if !g.originAllowed(r.Header) {
		g.answers.refuse(w, r, http.StatusForbidden, "origin_not_allowed")
		return
	}
	if r.URL.Path == healthPath {
		g.health(w, r)
		return
	}
	rt, ok := g.routes.find(r.URL.Path)
	if !ok {
		g.answers.refuse(w, r, http.StatusNotFound, "unknown_path_or_format")
		return
	}
	preflight := r.Method == http.MethodOptions && len(g.origins) > 0
	if !slices.Contains(sendMethods, r.Method) && !preflight {
		w.Header().Set("Allow", strings.Join(sendMethods, ", "))
		g.answers.refuse(w, r, http.StatusMethodNotAllowed, "method_not_allowed")
		return
	}
	g.next.ServeHTTP(w, g.strip(r, rt))
}

// sendMethods are the methods a body may come by: Kong's http-log can be set to any of the three.
var sendMethods = []string{http.MethodPost, http.MethodPut, http.MethodPatch}

func (g *guard) health(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		g.answers.refuse(w, r, http.StatusMethodNotAllowed, "method_not_allowed")
		return
	}
	g.answers.healthy(w, r)
}

func (g *guard) strip(r *http.Request, rt *route) *http.Request {
	r = r.WithContext(withRoute(r.Context(), rt))
	r.Host = g.hosts.name
	for _, h := range instrumented {
		r.Header.Del(h)
	}
	if !g.keepQuery {
		r.URL.RawQuery = ""
		r.RequestURI = r.URL.Path
	}
	return r
}

func (g *guard) originAllowed(h http.Header) bool {
	given, present := h["Origin"]
	if !present {
		return true
	}
	return len(given) == 1 && slices.ContainsFunc(g.origins, func(o originRule) bool { return o.matches(given[0]) })
}

// originRule is one of `cors::allowed_origins`: exact, or with one `*`, compared as the CORS layer does.
type originRule struct {
	prefix, suffix string
	wild           bool
}

func newOriginRules(allowed []string) []originRule {
	rules := make([]originRule, 0, len(allowed))
	for _, a := range allowed {
		prefix, suffix, wild := strings.Cut(strings.ToLower(a), "*")
		rules = append(rules, originRule{prefix, suffix, wild})
	}
	return rules
}

func (o originRule) matches(origin string) bool {
	origin = strings.ToLower(origin)
	if !o.wild {
		return origin == o.prefix
	}
	return len(origin) >= len(o.prefix)+len(o.suffix) &&
		strings.HasPrefix(origin, o.prefix) && strings.HasSuffix(origin, o.suffix)
}

// hostRule says which Host headers name this server. A page that rebinds its own name to our address still sends
// its own name. An address in the header cannot be rebound, so a server on every interface answers to any address.
type hostRule struct {
	name      string // what stands in the server's own telemetry
	names     []string
	addresses bool
	any       bool // a unix socket or a pipe: no browser reaches it
}

func newHostRule(cfg *IngestConfig) hostRule {
	rule := hostRule{name: cfg.ServerConfig.NetAddr.Endpoint}
	if !strings.HasPrefix(string(cfg.ServerConfig.NetAddr.Transport), "tcp") {
		rule.any, rule.name = true, "localhost"
		return rule
	}
	listen := hostname(rule.name)
	if a, err := netip.ParseAddr(listen); listen == "" || err == nil && a.IsUnspecified() {
		rule.addresses = true
	}
	rule.names = []string{"localhost", "127.0.0.1", "::1", listen}
	for _, h := range cfg.Hosts {
		rule.names = append(rule.names, strings.ToLower(h))
	}
	return rule
}

func (h hostRule) allows(host string) bool {
	if h.any {
		return true
	}
	name := hostname(host)
	if name == "" {
		return false
	}
	if h.addresses {
		if _, err := netip.ParseAddr(name); err == nil {
			return true
		}
	}
	return slices.Contains(h.names, name)
}

// hostname is the lower-case host of "host", "host:port", "[v6]" or "[v6]:port".
func hostname(hostport string) string {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = strings.TrimSuffix(strings.TrimPrefix(hostport, "["), "]")
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}
