package gateway

import "strings"

// fillEnvoyLine reads Envoy's default line, and Istio's, which puts three fields behind the flags and six behind the
// upstream host:
//
//	[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS%
//	%BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%"
//	"%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%"
//
// Envoy escapes nothing, so a caller's header can hold a quote. What stands before the headers is Envoy's own, as is
// what stands behind them; a line with more quotes than it should have is read there only, and what lies between is
// kept as it is.
func fillEnvoyLine(d *draft) error {
	start, s, ok := strings.Cut(strings.TrimPrefix(d.text, "["), `] "`)
	if d.start = parseTime(start); !ok || d.start.IsZero() {
		return reject(ReasonUnknownFormat)
	}
	request, s := cutEnvoyRequest(s)
	if rest, none := strings.CutPrefix(request, "- - "); none { // nothing that could be read came
		d.setProto(rest)
	} else if request != "" {
		d.setRequestLine(request, "request")
	}
	l := envoyLine{d: d, rest: s}
	d.status = statusOf(l.word())
	d.envoy.flags = dashless(l.word())
	d.rest.string("response_flags", d.envoy.flags)
	l.details()
	d.requestBody, d.responseBody = size(l.word()), size(l.word())
	d.duration = milliseconds(l.word())
	d.upstreamDuration = milliseconds(l.word())
	l.headers()
	d.envoyAnswer()
	return nil
}

// isEnvoyLine: no other line begins with a bracketed RFC 3339 time and a quoted request.
func isEnvoyLine(s string) bool {
	start, rest, ok := strings.Cut(s, "] ")
	return ok && strings.HasPrefix(start, "[") && len(start) < 40 && strings.Contains(start, "T") &&
		strings.HasPrefix(rest, `"`) && !parseTime(start[1:]).IsZero()
}

// cutEnvoyRequest ends the request at its protocol, behind which a status stands. No path that HTTP allows holds a
// space, but what a caller sent may: then the first such place counts, and where there is none the line ends with it.
func cutEnvoyRequest(s string) (request, rest string) {
	for i := 0; i < len(s); i++ {
		quote := strings.IndexByte(s[i:], '"')
		if quote < 0 {
			break
		}
		i += quote
		space := strings.LastIndexByte(s[:i], ' ')
		protocol, status := s[space+1:i], strings.TrimPrefix(s[i+1:], " ")
		if protocol != "-" && !strings.HasPrefix(protocol, "HTTP/") || len(status) < 2 || len(status) == len(s)-i-1 {
			continue
		}
		if word, _, _ := strings.Cut(status, " "); word == "0" || word == "-" || statusOf(word) != 0 {
			return strings.TrimSuffix(strings.TrimSuffix(s[:i], " -"), "- -"), status
		}
	}
	return s, ""
}

// dashless is nothing for the dash that stands for nothing.
func dashless(v string) string {
	if v == "-" {
		return ""
	}
	return v
}

func milliseconds(v string) seconds {
	f, ok := parseFloat(v)
	return seconds{f / 1e3, ok && f >= 0}
}

// envoyLine is a line while it is read.
type envoyLine struct {
	d     *draft
	rest  string
	istio bool
}

func (l *envoyLine) word() (w string) {
	w, l.rest, _ = strings.Cut(l.rest, " ")
	return w
}

// details takes Istio's three fields behind the flags, where a number would stand in Envoy's own line. Details hold
// no spaces, the transport's reason is quoted.
func (l *envoyLine) details() {
	w, _, _ := strings.Cut(l.rest, " ")
	if isDigits(w) {
		return
	}
	d := l.d
	d.envoy.details = dashless(l.word())
	d.rest.string("response_code_details", d.envoy.details)
	quote := strings.IndexByte(l.rest, '"')
	if quote < 0 {
		return
	}
	l.istio = true
	d.rest.string("connection_termination_details", strings.TrimSpace(l.rest[:quote]))
	reason, rest, _ := strings.Cut(l.rest[quote+1:], `" `)
	d.rest.string("upstream_transport_failure_reason", reason)
	l.rest = rest
}

// headers takes the quoted fields and what follows them.
func (l *envoyLine) headers() {
	d := l.d
	last := strings.LastIndexByte(l.rest, '"')
	if last < 0 {
		d.rest.string("tail", l.rest)
		return
	}
	quoted, after := l.rest[:last+1], strings.TrimSpace(l.rest[last+1:])
	l.after(after)
	open := strings.LastIndexByte(quoted[:last], '"')
	if open < 0 {
		d.rest.string("tail", quoted)
		return
	}
	d.envoy.upstream = dashless(quoted[open+1 : last])
	d.rest.string("upstream_host", d.envoy.upstream)
	fields := strings.TrimSpace(quoted[:open])
	if strings.Count(fields, `"`) != 2*4 {
		d.rest.string("headers", fields) // a caller's quotes: nobody knows where a field ends
		return
	}
	var values [4]string
	for i := range values {
		_, fields, _ = strings.Cut(fields, `"`)
		values[i], fields, _ = strings.Cut(fields, `"`)
		values[i] = dashless(values[i])
	}
	if values[0] != "" {
		d.headers.add("x-forwarded-for", values[0])
	}
	if values[1] != "" {
		d.headers.add("user-agent", values[1])
	}
	d.requestID, d.host = values[2], values[3]
}

// after takes what Istio writes behind the upstream host: the cluster, three addresses, the name that the client
// asked for in TLS, the route.
func (l *envoyLine) after(s string) {
	d := l.d
	names := [...]string{
		"upstream_cluster", "upstream_local_address", "downstream_local_address", "downstream_remote_address",
		"requested_server_name", "route_name",
	}
	if strings.Count(s, " ") < len(names)-1 {
		d.rest.string("tail", s)
		return
	}
	for i, name := range names {
		var v string
		if v, s, _ = strings.Cut(s, " "); i == len(names)-1 && s != "" {
			v += " " + s // a route may be named by several words
		}
		switch v = dashless(v); {
		case v == "":
		case name == "upstream_cluster":
			d.nameCluster(v)
		case name == "downstream_remote_address":
			d.client = v
		default:
			d.rest.string(name, v)
		}
	}
}

// nameCluster names the service by the cluster, and keeps a name that says more.
func (d *draft) nameCluster(v string) {
	if d.service = serviceOf(v); d.service != v {
		d.rest.string("upstream_cluster", v)
	}
}
