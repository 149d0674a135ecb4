package gateway

import (
	"strings"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/gateway/jsondoc"
)

// haproxyFormat is HAProxy's log: the line of `option httplog` or `option httpslog`, with or without the header of
// syslog, and JSON by log-format, of any version.
var haproxyFormat = &format{
	name:   FormatHAProxy,
	object: fillHAProxy,
	line:   fillHAProxyLine,
	isLine: isHAProxyLine,
	marks: []string{
		"termination_state", "termination_state_cookie", "fe_name_transport", "frontend_name_transport", "be_name",
		"actconn", "feconn", "beconn", "srv_conn", "srvconn", "srv_queue", "backend_queue", "time_active",
		"time_backend_connect", "time_backend_response", "captured_request_headers", "captured_request_cookie",
	},
	remedies: []Remedy{
		{
			Blind:   event.VisibilityNone,
			Advice:  "load config/gateways/haproxy/keytrail.cfg before your own file, and let each frontend log every header by it",
			Setting: "frontend api from keytrail",
		},
		{
			Blind:   event.VisibilityTruncated,
			Advice:  "a capture is cut at its len: make it longer than any token, and tell the source's mapping which len it is",
			Setting: "http-request capture req.fhdr(authorization) len 8192",
		},
	},
}

func fillHAProxy(d *draft) error {
	haproxyDialect.fill(d, 0, "", 1)
	if d.haproxy.local {
		d.placeHAProxyTime()
	}
	d.haproxyAnswered()
	return nil
}

var haproxyDialect = dialect{FormatHAProxy, haproxyNames, haproxyField}

// haproxyNames are the field names of HAProxy's manual, those of its article on JSON logs (3.0), those that the
// common parsers of the line use, and our own log-format's. The operator chooses them.
var haproxyNames = names{
	"start_us": instant(startField), "request_date": haproxyDate, "accept_date": haproxyDate, "time": haproxyDate,
	"timestamp": haproxyDate,
	"client_ip": setClient, "client_port": setClientPort,
	"fe_name_transport": setFrontend, "frontend_name_transport": setFrontend, "frontend_name": setFrontend,
	"be_name": setService, "backend_name": setService, "backend": setService,
	"server_name": keepAs(haproxyServer), "srv_name": keepAs(haproxyServer), "server": keepAs(haproxyServer),

	"http_request": text((*draft).setHAProxyRequest), "request": text((*draft).setHAProxyRequest),
	"http_method": setMethod, "method": setMethod, "http_verb": setMethod,
	"http_request_uri": setTarget, "uri": setTarget, "url": setTarget, "target": setTarget,
	"http_request_path": setPath, "path": setPath, "http_request_query_string": setHAProxyQuery, "query": setHAProxyQuery,
	"http_version": setProto, "protocol": setProto, "host": setHost, "scheme": setScheme,

	"status_code": setStatus, "http_status_code": setStatus, "status": setStatus,
	"bytes_read": haproxyBytes(responseSizeField), "bytes_uploaded": haproxyBytes(requestSizeField),
	"time_active": haproxyTime(durationField), "time_duration": haproxyTime(durationField), "ta": haproxyTime(durationField),
	"time_response": haproxyUpstreamTime, "time_backend_response": haproxyUpstreamTime, "tr": haproxyUpstreamTime,
	"time_connect": haproxyConnectTime, "time_backend_connect": haproxyConnectTime, "tc": haproxyConnectTime,

	"termination_state":        keepAs(haproxyState),
	"termination_state_cookie": keepAs(haproxyState),
	"tsc":                      keepAs(haproxyState),

	"captured_request_cookie":   text((*draft).setHAProxyCookie),
	"captured_request_headers":  text(func(d *draft, v string) { d.setCaptured(v, false) }),
	"captured_response_headers": text(func(d *draft, v string) { d.setCaptured(v, true) }),
	"headers":                   haproxyHeaders(false), "request_headers": haproxyHeaders(false),
	"response_headers": haproxyHeaders(true),

	"unique_id": setID, "request_id": setID, "x_request_id": setID,
	"log_counter": setLogCounter, "frontend_log_counter": setLogCounter, "lc": setLogCounter,
	"request_counter": setRequestCounter, "rt": setRequestCounter,
	"ssl_c_s_dn":   text(func(d *draft, v string) { d.haproxy.clientSubject = v }),
	"ssl_c_sha256": text(func(d *draft, v string) { d.haproxy.clientFingerprint = v }),
	"ssl_c_verify": keepAs(func(d *draft) *string { return &d.haproxy.clientVerify }),
	"trace_id":     setTrace, "span_id": setSpan,
}

// haproxyAnswer is what HAProxy says of who answered.
type haproxyAnswer struct {
	server, state               string
	connect, response           seconds // until the server was reached, until its headers were there
	clientSubject, clientVerify string
	clientFingerprint           string
	logCounted                  bool // the sequence is the log's own counter
	local                       bool // the start is in a zone that the log does not name
}

func haproxyServer(d *draft) *string { return &d.haproxy.server }
func haproxyState(d *draft) *string  { return &d.haproxy.state }

// setFrontend reads the scheme off the frontend's name, which a tilde follows where the client came over TLS.
func setFrontend(d *draft, _ int, n *jsondoc.Node) bool {
	d.setTransport(textOf(n))
	return false
}

func (d *draft) setTransport(frontend string) {
	if strings.HasSuffix(frontend, "~") && d.scheme == "" {
		d.scheme = "https"
	}
}

func setHAProxyQuery(d *draft, _ int, n *jsondoc.Node) bool {
	if d.weakQuery == "" {
		d.weakQuery = strings.TrimPrefix(textOf(n), "?")
	}
	return true
}

// haproxyBytes takes a size. With `option logasap` the line is written before the answer is through and a plus sign
// says so: such a number is not the size.
func haproxyBytes(field func(d *draft) *optional) setter {
	return func(d *draft, _ int, n *jsondoc.Node) bool {
		if strings.HasPrefix(n.Text, "+") {
			return false
		}
		*field(d) = sizeOf(n)
		return field(d).ok || textOf(n) == ""
	}
}

// haproxyTime takes milliseconds; -1 says that it never came so far. What logasap marks with a plus sign is the time
// until the answer's headers, the nearest there is.
func haproxyTime(field func(d *draft) *seconds) setter {
	return func(d *draft, _ int, n *jsondoc.Node) bool {
		*field(d) = haproxySeconds(textOf(n))
		return !strings.HasPrefix(n.Text, "+")
	}
}

func haproxySeconds(v string) seconds {
	f, ok := parseFloat(strings.TrimPrefix(v, "+"))
	return seconds{f / 1e3, ok && f >= 0}
}

var (
	haproxyUpstreamTime = haproxyTime(func(d *draft) *seconds { return &d.haproxy.response })
	haproxyConnectTime  = haproxyTime(func(d *draft) *seconds { return &d.haproxy.connect })
)

func haproxyDate(d *draft, _ int, n *jsondoc.Node) bool {
	t := parseHAProxyTime(textOf(n))
	local := !t.IsZero()
	if !local {
		t = parseTime(textOf(n))
	}
	if d.start.IsZero() {
		d.start, d.haproxy.local = t, local
	}
	return !t.IsZero()
}

// setLogCounter takes %lc, the log's own count, which leaves no gap but where a record was lost. It counts more than
// %rt, which also counts what is not logged.
func setLogCounter(d *draft, i int, n *jsondoc.Node) bool {
	d.haproxy.logCounted = setSequence(d, i, n)
	return d.haproxy.logCounted
}

func setRequestCounter(d *draft, i int, n *jsondoc.Node) bool {
	return d.haproxy.logCounted || setSequence(d, i, n)
}

// haproxyField takes a field that is named like the header it holds.
func haproxyField(d *draft, name string, n *jsondoc.Node) bool {
	if v, ok := strings.CutPrefix(name, "req_hdr_"); ok && textOf(n) != "" {
		d.headers.add(strings.ReplaceAll(v, "_", "-"), textOf(n))
		return true
	}
	if v, ok := strings.CutPrefix(name, "res_hdr_"); ok && textOf(n) != "" {
		d.headers.addResponse(strings.ReplaceAll(v, "_", "-"), textOf(n))
		return true
	}
	return headerByName(d, name, n)
}

// haproxyHeaders takes an object of headers, or the header block that the fetches req.hdrs and res.hdrs give as one
// text.
func haproxyHeaders(response bool) setter {
	return func(d *draft, i int, n *jsondoc.Node) bool {
		if n.Kind == jsondoc.Object {
			d.takeHeaders(i, response)
			return true
		}
		for line := range strings.Lines(textOf(n)) {
			if name, v, ok := strings.Cut(strings.TrimRight(line, "\r\n"), ":"); ok && name != "" {
				d.headers.put(strings.TrimSpace(name), strings.TrimSpace(v), response)
			}
		}
		return n.Kind == jsondoc.String
	}
}

// haproxySyntax are the statuses by which HAProxy refuses what is no valid request. Every other one of its own behind
// the state PR is a rule of the operator's that denies.
var haproxySyntax = map[int64]bool{
	400: true, 405: true, 408: true, 413: true, 414: true, 421: true, 422: true, 431: true, 501: true, 505: true,
}

// haproxyAnswered reads the state at disconnection: who ended it, and in which phase. Behind the headers of the
// server's answer (D, L and -) the status is the server's; before them it is HAProxy's own, as it always is where no
// server was chosen.
func (d *draft) haproxyAnswered() {
	h := &d.haproxy
	if h.clientVerify == "" || h.clientVerify == "0" {
		d.r.Auth.MTLSSubject = h.clientSubject
		setMTLSFingerprint(d, h.clientFingerprint)
		d.r.Auth.MTLSVerified = h.clientVerify == "0" // without it, ca-ignore-err may have let anything in
	}
	if h.response.ok {
		d.upstreamDuration = seconds{h.response.s + h.connect.s, true}
	}
	cause, phase := byte('-'), byte('-')
	if len(h.state) >= 2 {
		cause, phase = h.state[0], h.state[1]
	}
	switch {
	case d.status == 0:
	case strings.HasPrefix(h.server, "<") || cause != '-' && strings.IndexByte("RQCHT", phase) >= 0:
		d.answeredBy = event.AnsweredByGateway
	case h.state != "" || h.server != "":
		d.answeredBy = event.AnsweredByUpstream
	}
	denied := cause == 'P' && (phase == 'R' && !haproxySyntax[d.status] || phase == 'T')
	switch d.status {
	case 401, 403, 407, 429: // refusal tells them apart
	default:
		if denied {
			d.deny = event.DenyUnknown
		}
	}
}
