package gateway

import (
	"cmp"
	"strconv"
	"strings"
	"time"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/gateway/jsondoc"
)

// draft is one request while a format fills it. Zero means that the gateway did not say; finish writes what was
// said under the keys of an event.
type draft struct {
	doc    jsondoc.Doc
	parsed bool // doc holds text
	text   string
	format string
	r      *event.Record

	mapping  mapping   // of the formats json and logfmt
	captures *captures // of format haproxy
	sniffed  *format   // whose marks the object in doc has, where the record shows its own format
	outer    outer

	method, scheme, path, query, proto string
	host                               string // of the request, with or without a port
	port                               int64
	route, userAgent, userName         string
	requestID, service                 string
	// What to fall back on where the gateway gives nothing better: a path it has already decoded or rewritten, a
	// name from its configuration.
	weakPath, weakQuery, weakHost, weakService string
	status                                     int64
	requestBody, requestSize                   optional
	responseBody, responseSize                 optional
	duration, upstreamDuration                 seconds
	start, end                                 time.Time // a gateway that logs at the end may know only that
	client, peer                               string
	clientPort                                 int64

	answeredBy, deny string
	errorType        string // the gateway's own code, where it is better than the status
	upstreamStatus   int64
	apisix           apisixAnswer
	caddy            caddyAnswer
	haproxy          haproxyAnswer
	nginx            nginxAnswer
	azure            azureAnswer
	envoy            envoyAnswer
	apigateway       apigatewayAnswer
	cloudflare       cloudflareAnswer

	headers headerSet
	rest    restSet
}

// optional is a size that may be absent.
type optional struct {
	n  int64
	ok bool
}

// seconds is a duration that may be absent.
type seconds struct {
	s  float64
	ok bool
}

func (d *draft) begin(text string, r *event.Record) {
	d.text, d.r = text, r
	d.headers.begin()
}

// as names the format of the record; what has no standard name is kept under it.
func (d *draft) as(format string) {
	d.format = format
	d.rest.begin(format)
}

// release forgets every string, so that a pooled draft keeps no credential alive.
func (d *draft) release() {
	doc, h, rest := d.doc, d.headers, d.rest
	*d = draft{}
	doc.Release()
	d.doc, d.headers, d.rest = doc, h.released(), rest.released()
}

// namesRequest reports whether the record says at least one thing of a request.
func (d *draft) namesRequest() bool {
	return d.method != "" || d.path != "" || d.weakPath != "" || d.route != "" || d.status != 0 || d.headers.request > 0
}

// finish writes the event and returns the time the request began.
func (d *draft) finish(proxies Proxies) time.Time {
	d.fallBack()
	d.refusal()
	r, a := d.r, &d.r.Attrs
	r.Name = event.NameRequest
	r.Severity = event.SeverityOf(d.status)
	a.Add(event.KeyCapture, event.String(event.CaptureLog))
	a.Add(event.KeyFormat, event.String(d.format))
	d.addString(event.KeyRequestID, d.requestID)
	d.addString(event.KeyMethod, d.method)
	d.addString(event.KeyScheme, d.scheme)
	d.addHost()
	d.addString(event.KeyPath, d.path)
	d.addString(event.KeyQuery, d.query)
	d.addString(event.KeyRoute, d.route)
	d.addString(event.KeyProtocolVersion, d.proto)
	d.addClient(proxies)
	d.addString(event.KeyUserAgent, d.userAgent)
	d.addString(event.KeyUserName, d.userName)
	d.addAnswer()
	d.addSize(event.KeyRequestBodySize, d.requestBody)
	d.addSize(event.KeyRequestSize, d.requestSize)
	d.addSize(event.KeyRespBodySize, d.responseBody)
	d.addSize(event.KeyRespSize, d.responseSize)
	d.headers.write(a)
	d.rest.write(a)
	if d.service != "" {
		r.Resource.Set(event.KeyServiceName, event.String(d.service))
	}
	return d.began()
}

// addAnswer writes the status, who gave it, and how long it took.
func (d *draft) addAnswer() {
	a := &d.r.Attrs
	if d.status != 0 {
		a.Add(event.KeyStatus, event.Int(d.status))
	}
	if d.errorType == "" && d.status >= 500 {
		d.errorType = strconv.FormatInt(d.status, 10)
	}
	d.addString(event.KeyErrorType, d.errorType)
	d.addString(event.KeyAnsweredBy, d.answeredBy)
	if d.upstreamStatus != 0 {
		a.Add(event.KeyUpstreamStatus, event.Int(d.upstreamStatus))
	}
	d.addString(event.KeyDenyReason, d.deny)
	if d.duration.ok {
		a.Add(event.KeyDuration, event.Double(d.duration.s))
	}
	if d.upstreamDuration.ok {
		a.Add(event.KeyUpstreamTime, event.Double(d.upstreamDuration.s))
	}
}

// began is the start of the request: as the gateway gives it, else its end less its duration.
func (d *draft) began() time.Time {
	if !d.start.IsZero() || d.end.IsZero() {
		return d.start
	}
	if d.duration.ok && d.duration.s > 0 && d.duration.s < maxBelievedDuration {
		return d.end.Add(-time.Duration(d.duration.s * float64(time.Second)))
	}
	return d.end
}

// maxBelievedDuration is a week: longer than any connection a gateway keeps, short enough to stay within int64.
const maxBelievedDuration = 7 * 24 * 3600

func (d *draft) addString(key, v string) {
	if v != "" {
		d.r.Attrs.Add(key, event.String(v))
	}
}

func (d *draft) addSize(key string, v optional) {
	if v.ok {
		d.r.Attrs.Add(key, event.Int(v.n))
	}
}

// fallBack fills from the headers, and from its second choices, what the gateway has no field for.
func (d *draft) fallBack() {
	if d.path == "" {
		d.setTarget(d.weakPath)
	}
	d.query = cmp.Or(d.query, d.weakQuery)
	d.service = cmp.Or(d.service, d.weakService)
	if d.userAgent == "" {
		d.userAgent = d.headers.first("user-agent")
	}
	if d.host == "" {
		d.host = cmp.Or(d.headers.first("host"), d.weakHost)
	}
	if !d.requestBody.ok {
		d.requestBody = size(d.headers.first("content-length"))
	}
	if !d.responseBody.ok {
		d.responseBody = size(d.headers.firstResponse("content-length"))
	}
	if d.r.TraceID == [16]byte{} {
		d.traceparent(d.headers.first("traceparent"))
	}
}

// size reads a count of bytes.
func size(s string) optional {
	if s == "" {
		return optional{}
	}
	n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	return optional{n, err == nil && n >= 0}
}
