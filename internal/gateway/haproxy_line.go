package gateway

import "strings"

// fillHAProxyLine reads the line of `option httplog`, the default of HTTP:
//
//	%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r
//
// A caller writes two of these: the cookie %CC may hold spaces, and the request line is last. HAProxy writes quotes,
// braces and bars in headers and in the request line as #XX, so the line is read from both ends towards the cookie,
// and no caller can move a field.
func fillHAProxyLine(d *draft) error {
	at := haproxyHead(d.text)
	if at < 0 {
		return d.haproxyTagged()
	}
	d.rest.string("tag", strings.TrimRight(d.text[:at], " :"))
	client, s, _ := strings.Cut(d.text[at:], " ")
	if i := strings.LastIndexByte(client, ':'); i >= 0 { // an IPv6 address stands without brackets
		d.client, d.clientPort = client[:i], portOf(client[i+1:])
	}
	d.start = parseHAProxyTime(s[1 : 1+haproxyTimeLen])
	if err := d.haproxyWords(strings.TrimPrefix(s[haproxyTimeLen+2:], " ")); err != nil {
		return err
	}
	d.placeHAProxyTime()
	return nil
}

// haproxyTagged reads JSON behind the tag that is left of a syslog header: "haproxy[12]: {…}".
func (d *draft) haproxyTagged() error {
	tag, message, _ := strings.Cut(d.text, " ")
	if !strings.HasSuffix(tag, ":") || !strings.HasPrefix(message, "{") {
		return reject(ReasonUnknownFormat)
	}
	d.text, d.parsed = message, false
	if err := d.object(); err != nil {
		return err
	}
	d.rest.string("tag", strings.TrimRight(tag, ":"))
	return fillHAProxy(d)
}

// haproxyWords reads what stands behind the date.
func (d *draft) haproxyWords(s string) error {
	frontend, s, _ := strings.Cut(s, " ")
	backend, s, _ := strings.Cut(s, " ")
	timers, s, _ := strings.Cut(s, " ")
	if strings.HasSuffix(frontend, ":") || strings.Count(timers, "/") != 4 {
		return reject(ReasonNotARequest) // a failed handshake, a TCP connection
	}
	d.setTransport(frontend)
	d.rest.string("frontend_name", strings.TrimSuffix(frontend, "~"))
	d.service, d.haproxy.server, _ = strings.Cut(backend, "/")
	d.rest.string("server_name", d.haproxy.server)
	d.haproxyTimers(timers)
	status, s, _ := strings.Cut(s, " ")
	sent, s, _ := strings.Cut(s, " ")
	d.status = statusOf(status)
	if strings.HasPrefix(sent, "+") { // logasap: not yet the size
		d.rest.string("bytes_read", sent)
	} else {
		d.responseSize = size(sent)
	}
	d.haproxyTail(s)
	d.haproxyAnswered()
	return nil
}

// haproxyTimers takes TR/Tw/Tc/Tr/Ta: the request's headers, the queue, the connection, the answer's headers, all.
func (d *draft) haproxyTimers(s string) {
	names := [...]string{"time_request", "time_queue", "time_connect", "time_response", "time_active"}
	for i := range names {
		var v string
		v, s, _ = strings.Cut(s, "/")
		switch took := haproxySeconds(v); i {
		case 2:
			d.haproxy.connect = took
		case 3:
			d.haproxy.response = took
		case 4:
			if d.duration = took; strings.HasPrefix(v, "+") {
				d.rest.string(names[i], v)
			}
		default:
			if v != "0" {
				d.rest.put(names[i], number(v))
			}
		}
	}
}

// haproxyTail takes the fields behind the size, from the right.
func (d *draft) haproxyTail(s string) {
	s, request, whole := d.cutRequest(s)
	s, blocks := cutBlocks(s)
	var queues, conns, state string
	s, queues = lastWord(s)
	s, conns = lastWord(s)
	s, state = lastWord(s)
	d.haproxy.state = state
	d.rest.string("termination_state", strings.Trim(state, "-"))
	d.haproxyCounts([]string{"actconn", "feconn", "beconn", "srv_conn", "retries"}, conns)
	d.haproxyCounts([]string{"srv_queue", "backend_queue"}, queues)
	cookie, answerCookie := lastWord(s)
	if cookie != "-" {
		d.setHAProxyCookie(cookie)
	}
	d.rest.string("captured_response_cookie", answerCookie)
	switch {
	case len(blocks) == 2:
		d.setCapturedLine(blocks[0], false)
		d.setCapturedLine(blocks[1], true)
	case len(blocks) == 1: // of which kind, only the configuration says
		d.setCapturedLine(blocks[0], d.captures.onlyResponse())
	}
	if request != "" {
		d.setHAProxyRequestLine(request, whole)
	}
}

// cutRequest takes the quoted request line off the end, and what httpslog writes behind it. A line that was cut off
// has no closing quote: whole is false.
func (d *draft) cutRequest(s string) (rest, request string, whole bool) {
	end := strings.LastIndexByte(s, '"')
	if end < 0 {
		return s, "", true
	}
	if tail := s[end+1:]; tail == "" || tail[0] == ' ' {
		if begin := strings.LastIndexByte(s[:end], '"'); begin >= 0 {
			d.rest.string("tls", strings.TrimSpace(tail))
			return strings.TrimRight(s[:begin], " "), s[begin+1 : end], true
		}
	}
	return strings.TrimRight(s[:end], " "), s[end+1:], false
}

// cutBlocks takes up to two blocks of captured headers, {a|b}, off the end.
func cutBlocks(s string) (string, []string) {
	var blocks []string
	for len(blocks) < 2 && strings.HasSuffix(s, "}") {
		begin := strings.LastIndexByte(s, '{')
		if begin < 0 {
			break
		}
		blocks = append([]string{s[begin+1 : len(s)-1]}, blocks...)
		s = strings.TrimRight(s[:begin], " ")
	}
	return s, blocks
}

// lastWord cuts the last word off s.
func lastWord(s string) (rest, word string) {
	s = strings.TrimRight(s, " ")
	i := strings.LastIndexByte(s, ' ')
	return s[:max(i, 0)], s[i+1:]
}

// haproxyCounts keeps the numbers of a field a/b/c that say something.
func (d *draft) haproxyCounts(names []string, s string) {
	for _, name := range names {
		var v string
		if v, s, _ = strings.Cut(s, "/"); v != "" && v != "0" {
			d.rest.put(name, number(v))
		}
	}
}

// setHAProxyRequest takes the request line of a JSON log.
func (d *draft) setHAProxyRequest(v string) { d.setHAProxyTarget(v) }

// setHAProxyRequestLine takes the request line of a text log.
func (d *draft) setHAProxyRequestLine(v string, whole bool) {
	if !whole {
		v = strings.TrimRight(v, "#") // half an escape
	}
	d.setHAProxyTarget(decodeHAProxy(v))
}

// setHAProxyTarget: HAProxy takes no request without a protocol, so one that lacks it was cut, by tune.http.logurilen
// or by the len of the log line. The mark keeps what was cut from being taken for a whole credential.
func (d *draft) setHAProxyTarget(v string) {
	if v == "<BADREQ>" {
		d.rest.string("request", v)
		return
	}
	if i := strings.LastIndexByte(v, ' '); i < 0 || !strings.HasPrefix(v[i+1:], "HTTP/") {
		v += cutMark
	}
	d.setRequestLine(v, "request")
}
