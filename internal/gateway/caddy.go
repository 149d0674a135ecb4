package gateway

import (
	"strings"
	"time"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/gateway/jsondoc"
)

// caddyFormat is Caddy's access log in its json encoding, filtered or not (modules/caddyhttp/marshalers.go).
var caddyFormat = &format{
	name:   FormatCaddy,
	object: fillCaddy,
	marks:  []string{"resp_headers", "logger", "bytes_read", "user_id", "err_trace", "err_id"},
	certain: func(doc *jsondoc.Doc) bool {
		i, ok := doc.Get(0, "logger")
		return ok && strings.HasPrefix(doc.Node(i).Text, "http.log.")
	},
	remedies: []Remedy{
		{
			Blind:   event.VisibilityMasked,
			Advice:  "Caddy hides Authorization, Proxy-Authorization, Cookie and Set-Cookie unless it is told to log them",
			Setting: "{\n    servers {\n        log_credentials\n    }\n}",
		},
		{
			Blind:   event.VisibilityID,
			Advice:  "the hash filter leaves eight digits, which several tokens share: take it out and log the credential",
			Setting: "log {\n    output file /var/log/caddy/keytrail.log\n    format json\n}",
		},
	},
}

func fillCaddy(d *draft) error {
	if i, ok := d.doc.Get(0, "logger"); ok && strings.HasPrefix(d.doc.Node(i).Text, "http.log.error") {
		return reject(ReasonNotARequest) // the access log has the same request, with its answer
	}
	caddyDialect.fill(d, 0, "", 1)
	d.caddyAnswer()
	return nil
}

var caddyDialect = dialect{FormatCaddy, caddyNames, nil}

// caddyNames: Caddy logs at the end of a request, so ts is its end, unless the operator renames it.
var caddyNames = names{
	"ts": instant(endField), "time": instant(endField), "msg": ignored, "level": ignored,
	"request_remote_ip": setPeer, "request_remote_port": setClientPort, "request_client_ip": setClient,
	"request_remote_addr": setPeerAddress, // Caddy before 2.5
	"request_proto":       setProto, "request_method": setMethod, "request_host": setHost, "request_uri": setTarget,
	"request_headers": setCaddyHeaders(false), "resp_headers": setCaddyHeaders(true),
	"request_tls": setSecure, "request_tls_client_common_name": setCommonName,
	"user_id": keepAs(func(d *draft) *string { return &d.caddy.user }),
	"status":  setStatus, "size": bytesOf(responseBodyField), "bytes_read": bytesOf(requestBodyField),
	"duration": setCaddyDuration, "common_log": ignored, // the same request as a line, for old tools

	// What log_append is often given (Caddy 2.8).
	"upstream_status": setUpstreamCode, "upstream_duration": setCaddyUpstreamDuration,
	"upstream_latency_ms": duration(upstreamDurationField, 1e3), "request_id": setID, "uuid": setID,
	"client_fingerprint": text(setMTLSFingerprint),
	"traceid":            setTrace, "trace_id": setTrace, "spanid": setSpan, "span_id": setSpan,
}

// caddyAnswer is what Caddy says of the caller.
type caddyAnswer struct {
	user   string
	secure bool
}

// setSecure notes that there is an object of TLS, which is walked like any other.
func setSecure(d *draft, _ int, _ *jsondoc.Node) bool {
	d.caddy.secure = true
	return false
}

// setCommonName takes the name of a client certificate; Caddy logs no whole subject. In the modes request and require
// it takes any certificate, and the log does not say which mode it was.
func setCommonName(d *draft, _ int, n *jsondoc.Node) bool {
	if v := textOf(n); v != "" {
		d.r.Auth.MTLSSubject = "CN=" + v
	}
	return true
}

// caddySeconds takes seconds, or what duration_format makes of them: nanoseconds or a text such as 12.5ms.
func caddySeconds(n *jsondoc.Node) seconds {
	v := textOf(n)
	if isDigits(v) && len(v) > 3 { // duration_format nano
		return durationOf(n, 1e9)
	}
	if f, ok := parseFloat(v); ok {
		return seconds{f, f >= 0}
	}
	took, err := time.ParseDuration(v)
	return seconds{took.Seconds(), err == nil && took >= 0}
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

func setCaddyDuration(d *draft, _ int, n *jsondoc.Node) bool {
	d.duration = caddySeconds(n)
	return d.duration.ok
}

func setCaddyUpstreamDuration(d *draft, _ int, n *jsondoc.Node) bool {
	d.upstreamDuration = caddySeconds(n)
	return d.upstreamDuration.ok
}

// setCaddyHeaders takes the headers, each a list. One that Caddy hides is ["REDACTED"], or an empty list before 2.7.
func setCaddyHeaders(response bool) setter {
	return func(d *draft, i int, n *jsondoc.Node) bool {
		if n.Kind != jsondoc.Object {
			return false
		}
		for c, h := range d.doc.Children(i) {
			switch {
			case h.Kind != jsondoc.Array:
				d.caddyHeader(h.Key, headerText(h), response)
			case d.doc.Len(c) == 0:
				d.headers.put(h.Key, redacted, response)
			case d.doc.Len(c) == 1: // nearly always; its value follows it
				d.caddyHeader(h.Key, headerText(d.doc.Node(c+1)), response)
			default:
				d.caddyValues(c, h.Key, response)
			}
		}
		return true
	}
}

func (d *draft) caddyValues(i int, name string, response bool) {
	for _, v := range d.doc.Children(i) {
		d.caddyHeader(name, headerText(v), response)
	}
}

const (
	redacted = "REDACTED"
	// caddyHashLen is what the hash filter leaves of a value: the first four bytes of its SHA-256.
	caddyHashLen = 8
	// caddyEmptyHash is what the hash action of the query filter made of every value before it was mended: it hashed
	// the empty text.
	caddyEmptyHash = "e3b0c442"
)

// caddyHeader keeps a header, unless the hash filter has been over it. In Authorization and Cookie, eight digits can
// be nothing else, and are an id: a weak one, since values share it. A key in another header might be such digits
// itself, so there they are only known to hide something.
func (d *draft) caddyHeader(name, v string, response bool) {
	if v == "" {
		return
	}
	if !response && isCaddyHash(v) {
		switch lower := headerNames.get(name).lower; {
		case lower == "authorization":
			d.setCaddyHash(v)
			return
		case lower == "cookie":
			if d.r.Auth.CredentialID == "" {
				d.setCaddyHash(v)
			}
			return
		case namesCredential(lower):
			v = "sha256:" + v
		}
	}
	d.headers.put(name, v, response)
}

func (d *draft) setCaddyHash(v string) {
	d.r.Auth.CredentialID, d.r.Auth.Kind = v, "caddy_hash"
}

func isCaddyHash(v string) bool {
	if len(v) != caddyHashLen {
		return false
	}
	for i := range len(v) {
		if (v[i] < '0' || v[i] > '9') && (v[i] < 'a' || v[i] > 'f') {
			return false
		}
	}
	return true
}

// caddyAnswer: the log does not say who answered, but a proxied answer carries Caddy's name in Via (since 2.9). A
// user is named only once Caddy itself has authenticated it.
func (d *draft) caddyAnswer() {
	if strings.HasSuffix(d.headers.firstResponse("via"), " Caddy") || d.upstreamStatus != 0 {
		d.answeredBy = event.AnsweredByUpstream
	}
	if d.scheme = "http"; d.caddy.secure {
		d.scheme = "https"
	}
	if d.client == "" { // before 2.7 there is no client_ip
		d.client, d.peer = d.peer, ""
	}
	if u := d.caddy.user; u != "" && u != redacted {
		d.userName = u
		d.r.Auth.Principal, d.r.Auth.Authenticated = u, true
	}
	if strings.Contains(d.query, "="+caddyEmptyHash) {
		d.query = withoutEmptyHashes(d.query)
	}
}

// withoutEmptyHashes writes a placeholder where the query filter left the hash of nothing.
func withoutEmptyHashes(query string) string {
	pairs := strings.Split(query, "&")
	for i, pair := range pairs {
		if name, v, ok := strings.Cut(pair, "="); ok && v == caddyEmptyHash {
			pairs[i] = name + "=" + redacted
		}
	}
	return strings.Join(pairs, "&")
}
