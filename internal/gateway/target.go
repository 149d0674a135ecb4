package gateway

import (
	"encoding/base64"
	"net/url"
	"strconv"
	"strings"

	"github.com/keytrail/keytrail/internal/event"
)

// setMethod takes a method. One that is no HTTP token is not typed data but the caller's text: it goes with the
// rest, under the gateway's own name.
func (d *draft) setMethod(v, field string) {
	if isMethod(v) {
		d.method = v
		return
	}
	d.rest.string(field, v)
}

func isMethod(v string) bool {
	for i := range len(v) {
		letter := v[i]|0x20 >= 'a' && v[i]|0x20 <= 'z'
		if !letter && v[i] != '-' && v[i] != '_' {
			return false
		}
	}
	return v != "" && len(v) <= maxMethod
}

// maxMethod is longer than any registered method (UPDATEREDIRECTREF, 17).
const maxMethod = 24

// setTarget takes a request target: a path with its query, or an absolute URL. What was set before stays.
func (d *draft) setTarget(v string) {
	if rest, ok := cutScheme(v); ok {
		d.setURL(v[:len(v)-len(rest)-len("://")], rest)
		return
	}
	path, query, _ := strings.Cut(v, "?")
	if d.path == "" {
		d.path = path
	}
	if d.query == "" {
		d.query = query
	}
}

// cutScheme returns what follows the :// of an http URL.
func cutScheme(v string) (string, bool) {
	if len(v) < 7 || v[0]|0x20 != 'h' {
		return "", false
	}
	i := strings.Index(v[:min(len(v), 8)], "://")
	if i < 0 {
		return "", false
	}
	return v[i+3:], true
}

// setURL takes the parts of scheme://authority/path?query.
func (d *draft) setURL(scheme, rest string) {
	if d.scheme == "" {
		d.setScheme(scheme)
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	authority := rest[:end]
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		// The user and password of a URL are the credential an agent sends as Basic; they must not become the
		// server's name.
		user := authority[:at]
		if plain, err := url.PathUnescape(user); err == nil {
			user = plain
		}
		d.headers.add("authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(user)))
		authority = authority[at+1:]
	}
	if d.host == "" {
		d.host = authority
	}
	target, _, _ := strings.Cut(rest[end:], "#")
	if target == "" || target[0] == '?' {
		target = "/" + target
	}
	d.setTarget(target)
}

func (d *draft) setScheme(v string) {
	switch v {
	case "http", "https", "ws", "wss", "grpc", "grpcs":
		d.scheme = v
	case "HTTP", "HTTPS", "on":
		d.scheme = strings.ToLower(strings.Replace(v, "on", "https", 1))
	}
}

// setProto takes HTTP/1.1, HTTP/2.0 or a bare version.
func (d *draft) setProto(v string) {
	_, version, ok := strings.Cut(v, "/")
	if !ok {
		version = v
	}
	switch version {
	case "0.9", "1.0", "1.1", "2", "3":
		d.proto = version
	case "2.0":
		d.proto = "2"
	case "3.0":
		d.proto = "3"
	}
}

// setRequestLine takes "GET /path HTTP/1.1". What is no such line stands with the rest: scanners send anything.
func (d *draft) setRequestLine(v, field string) {
	method, rest, ok := strings.Cut(v, " ")
	if !ok || rest == "" || strings.IndexByte(rest, ' ') == 0 {
		d.rest.string(field, v)
		return
	}
	target := rest
	if i := strings.LastIndexByte(rest, ' '); i > 0 && strings.HasPrefix(rest[i+1:], "HTTP/") {
		target = rest[:i]
		if d.proto == "" {
			d.setProto(rest[i+1:])
		}
	}
	if d.method == "" {
		d.setMethod(method, field)
	}
	d.setTarget(target)
}

// addHost writes the server's name and port.
func (d *draft) addHost() {
	if d.host == "" {
		return
	}
	host, port := splitHostPort(d.host)
	d.addString(event.KeyServerAddress, host)
	if d.port == 0 {
		d.port = port
	}
	if d.port > 0 && d.port < 1<<16 {
		d.r.Attrs.Add(event.KeyServerPort, event.Int(d.port))
	}
}

// splitHostPort takes host, host:port, [v6], [v6]:port and a bare v6 address.
func splitHostPort(s string) (string, int64) {
	i := strings.LastIndexByte(s, ':')
	if strings.HasPrefix(s, "[") {
		end := strings.IndexByte(s, ']')
		if end < 0 {
			return s, 0
		}
		if i < end {
			return s[1:end], 0
		}
		return s[1:end], portOf(s[i+1:])
	}
	if i < 0 || strings.IndexByte(s, ':') != i {
		return s, 0
	}
	if p := portOf(s[i+1:]); p != 0 {
		return s[:i], p
	}
	return s, 0
}

func portOf(s string) int64 {
	p, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		return 0
	}
	return int64(p)
}
