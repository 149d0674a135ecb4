package gateway

import (
	"strings"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/gateway/jsondoc"
)

// nginxFormat is a line of nginx: JSON as people write it by template, or combined and main.
var nginxFormat = &format{
	name:   FormatNginx,
	object: fillNginx,
	line:   fillCombined,
	marks: []string{
		"remote_addr", "body_bytes_sent", "time_iso8601", "time_local", "upstream_addr", "upstream_response_time",
		"http_user_agent", "request_uri", "upstream_status", "http_x_forwarded_for", "realip", "msec",
	},
	remedies: []Remedy{
		{
			Blind:   event.VisibilityNone,
			Advice:  "nginx logs the headers that its log_format names, and combined names none that carries a token: log with Keytrail's format",
			Setting: nginxOwnFormat,
		},
		{
			Blind:   event.VisibilityMasked,
			Advice:  "the log_format has a text in the token's place: log with Keytrail's format",
			Setting: nginxOwnFormat,
		},
		{
			Blind:   event.VisibilityTruncated,
			Advice:  "the log_format keeps a part of the token, by a map or a regular expression: log with Keytrail's format",
			Setting: nginxOwnFormat,
		},
	},
}

// nginxOwnFormat is for the http block; the file included is config/gateways/nginx/keytrail.conf.
const nginxOwnFormat = `include /etc/nginx/keytrail.conf;
access_log /var/log/nginx/keytrail.log keytrail;`

func fillNginx(d *draft) error {
	nginxDialect.fill(d, 0, "", 1)
	d.nginxAnswer()
	return nil
}

var nginxDialect = dialect{FormatNginx, nginxNames, nginxVariable}

// nginxNames are the names found in public configurations; nginx logs at the end of a request, so its times are ends.
var nginxNames = names{
	"msec": setMsec, "time": instant(endField), "timestamp": instant(endField), "time_local": instant(endField),
	"time_iso8601": instant(endField), "date": instant(endField), "datetime": instant(endField),

	"request": text(func(d *draft, v string) { d.setRequestLine(v, "request") }),
	"method":  setMethod, "request_method": setMethod, "verb": setMethod,
	"request_uri": setTarget, "uri": setPath, "path": setPath, "url": setURLOrPath, "request_path": setPath,
	"args": setQuery, "query": setQuery, "query_string": setQuery, "querystring": setQuery,
	"scheme": setScheme, "https": setScheme, "request_scheme": setScheme,
	"host": setHost, "domain": setHost, "http_host": setHost, "vhost": setHost, "request_host": setHost,
	"server_name": first(func(d *draft) *string { return &d.weakHost }), "server_port": setServerPort,
	"server_protocol": setProto, "protocol": setProto, "http_version": setProto, "proto": setProto,

	"status": setStatus, "status_code": setStatus, "code": setStatus, "response_code": setStatus,
	"body_bytes_sent": bytesOf(responseBodyField), "bytes": bytesOf(responseBodyField),
	"size": bytesOf(responseBodyField), "bytes_sent": bytesOf(responseSizeField),
	"request_length": bytesOf(requestSizeField), "bytes_received": bytesOf(requestSizeField),

	"request_time": duration(durationField, 1), "latency": duration(durationField, 1),
	"duration": duration(durationField, 1), "duration_s": duration(durationField, 1),
	"response_time": duration(durationField, 1), "duration_ms": duration(durationField, 1e3),
	"latency_ms": duration(durationField, 1e3), "request_time_ms": duration(durationField, 1e3),

	"remote_addr": setClient, "realip": setClient, "remote": setClient, "client_ip": setClient, "client": setClient,
	"clientip": setClient, "remote_ip": setClient, "ip": setClient, "client_addr": setClient, "real_ip": setClient,
	"remote_port": setClientPort, "client_port": setClientPort,
	"realip_remote_addr": setPeer, "remote_user": setUser, "user": setUser,
	"http_x_forwarded_for": requestHeader("x-forwarded-for"), "proxyip": requestHeader("x-forwarded-for"),
	"xff": requestHeader("x-forwarded-for"), "forwarded_for": requestHeader("x-forwarded-for"),
	"http_referer": requestHeader("referer"), "referrer": requestHeader("referer"),
	"http_referrer": requestHeader("referer"), "http_user_agent": requestHeader("user-agent"),
	"ua": requestHeader("user-agent"), "agent": requestHeader("user-agent"), "api_key": requestHeader("x-api-key"),
	"auth": requestHeader("authorization"), "auth_header": requestHeader("authorization"),
	"headers": setHeaders(false), "request_headers": setHeaders(false), "response_headers": setHeaders(true),

	"request_id": setID, "req_id": setID, "reqid": setID,
	"trace_id": setTrace, "traceid": setTrace, "otel_trace_id": setTrace, "opentelemetry_trace_id": setTrace,
	"span_id": setSpan, "spanid": setSpan, "otel_span_id": setSpan, "opentelemetry_span_id": setSpan,
	"service": setService, "service_name": setService, "proxy_host": keepAs(func(d *draft) *string { return &d.weakService }),

	"upstream_status": setUpstreamStatus, "upstream_response_time": setUpstreamTime, "upstream_time": setUpstreamTime,
	"upstream_header_time": keepAttempt(func(d *draft) *attempt { return &d.nginx.header }),
	"limit_req_status":     keepAs(func(d *draft) *string { return &d.nginx.limitReq }),
	"limit_conn_status":    keepAs(func(d *draft) *string { return &d.nginx.limitConn }),
	"ssl_client_verify":    keepAs(func(d *draft) *string { return &d.nginx.clientVerify }),
	"ssl_client_s_dn":      keepAs(func(d *draft) *string { return &d.nginx.clientSubject }),
}

// nginxAnswer is what nginx says of who answered.
type nginxAnswer struct {
	status, header      attempt // of the upstream attempts
	limitReq, limitConn string
	clientVerify        string
	clientSubject       string
}

// attempt is a field that nginx writes for each upstream attempt. logged and empty means: there was none.
type attempt struct {
	value  string
	logged bool
}

// setMsec prefers the time with milliseconds, wherever in the record it stands.
func setMsec(d *draft, _ int, n *jsondoc.Node) bool {
	t := parseTime(textOf(n))
	if t.IsZero() {
		return false
	}
	d.end = t
	return true
}

// setURLOrPath takes an absolute URL as what was asked, and a path only where no better field gives it.
func setURLOrPath(d *draft, i int, n *jsondoc.Node) bool {
	if _, ok := cutScheme(n.Text); ok && n.Kind == jsondoc.String {
		d.setTarget(n.Text)
		return true
	}
	return setPath(d, i, n)
}

// keepAs notes a text and leaves it with the rest as well.
func keepAs(field func(d *draft) *string) setter {
	return func(d *draft, _ int, n *jsondoc.Node) bool {
		*field(d) = textOf(n)
		return false
	}
}

func keepAttempt(field func(d *draft) *attempt) setter {
	return func(d *draft, _ int, n *jsondoc.Node) bool {
		*field(d) = attempt{lastAttempt(textOf(n)), true}
		return false
	}
}

// lastAttempt is the value of the last upstream attempt, empty where that is a dash.
func lastAttempt(s string) (last string) {
	attempts(s, func(a string) { last = a })
	if last == "-" {
		return ""
	}
	return last
}

func setUpstreamStatus(d *draft, _ int, n *jsondoc.Node) bool {
	v := textOf(n)
	d.upstreamStatus = lastStatus(v)
	d.nginx.status = attempt{lastAttempt(v), true}
	return len(v) <= 3 // the statuses of several attempts are worth keeping
}

func setUpstreamTime(d *draft, _ int, n *jsondoc.Node) bool {
	v := textOf(n)
	d.upstreamDuration = sum(v)
	return !strings.ContainsAny(v, ",:")
}

// nginxVariable takes the variables that nginx names by a system: http_<header>, sent_http_<header>,
// cookie_<name>, arg_<name>.
func nginxVariable(d *draft, name string, n *jsondoc.Node) bool {
	v := textOf(n)
	if v == "" {
		return false
	}
	if header, ok := strings.CutPrefix(name, "sent_http_"); ok {
		d.headers.addResponse(strings.ReplaceAll(header, "_", "-"), v)
		return true
	}
	if header, ok := strings.CutPrefix(name, "http_"); ok {
		d.headers.add(strings.ReplaceAll(header, "_", "-"), v)
		return true
	}
	if cookie, ok := strings.CutPrefix(name, "cookie_"); ok {
		d.headers.add("cookie", cookie+"="+v)
		return true
	}
	if arg, ok := strings.CutPrefix(name, "arg_"); ok {
		d.nginxArg(arg, v)
		return true
	}
	return headerByName(d, name, n)
}

// nginxArg keeps a single parameter for logs that do not hold the whole query.
func (d *draft) nginxArg(name, v string) {
	if d.weakQuery != "" {
		d.weakQuery += "&"
	}
	d.weakQuery += name + "=" + v
}

// nginxAnswer decides who answered. nginx writes a 502 or 504 of its own into $upstream_status when an upstream
// cannot be reached; only $upstream_header_time shows that no answer ever came.
func (d *draft) nginxAnswer() {
	a := &d.nginx
	switch {
	case !a.status.logged:
	case a.status.value == "" || a.header.logged && a.header.value == "":
		d.answeredBy, d.upstreamStatus = event.AnsweredByGateway, 0
	default:
		d.answeredBy = event.AnsweredByUpstream
	}
	if strings.HasPrefix(a.limitReq, "REJECTED") && !strings.HasSuffix(a.limitReq, "DRY_RUN") ||
		a.limitConn == "REJECTED" {
		d.answeredBy, d.deny = event.AnsweredByGateway, event.DenyRateLimited
	}
	if a.clientVerify == "SUCCESS" && a.clientSubject != "" {
		d.r.Auth.MTLSSubject, d.r.Auth.MTLSVerified = a.clientSubject, true
	}
}
