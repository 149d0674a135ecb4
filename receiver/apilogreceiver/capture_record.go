package apilogreceiver

import (
	"maps"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/keytrail/keytrail/internal/event"
)

// formatCapture is the keytrail.format of what no log parser read.
const formatCapture = "capture"

// maxHeaderName is longer than any header in use; a name beyond it is folded with its value.
const maxHeaderName = 128

// writeRecord fills r with what the gateway says of the request. There is no status: nobody has answered yet.
func (c *captured) writeRecord(by *askedBy, proxies []netip.Prefix, r *event.Record) {
	w := recordWriter{captured: c, by: by, r: r}
	r.Attrs.Add(event.KeyFormat, event.String(formatCapture))
	w.text(event.KeyRequestID, c.single(by.requestID))
	w.writeTarget()
	w.writeHost()
	w.writeClient(proxies)
	w.text(event.KeyUserAgent, c.single("User-Agent"))
	w.writeSize()
	w.writeAuth()
	traceparent(r, c.single("Traceparent"))
	w.writeHeaders()
}

type recordWriter struct {
	*captured
	by *askedBy
	r  *event.Record
}

func (w *recordWriter) text(key, v string) {
	if v != "" {
		w.r.Attrs.Add(key, event.String(v))
	}
}

// asked is the value of a header of the gateway, or what the request itself says where the gateway has none for it.
func (w *recordWriter) asked(header, otherwise string) string {
	if header == "" {
		return otherwise
	}
	return w.single(header)
}

func (w *recordWriter) writeTarget() {
	method := w.asked(w.by.method, w.method)
	if !plainMethod(method) {
		w.text(formatCapture+".method", method)
		method = ""
	}
	w.text(event.KeyMethod, method)
	switch scheme := w.single(w.by.scheme); scheme {
	case "http", "https", "ws", "wss":
		w.text(event.KeyScheme, scheme)
	}
	target := w.asked(w.by.target, w.below)
	if target == "" || target[0] == '?' {
		target = "/" + target
	}
	p, query, _ := strings.Cut(target, "?")
	w.text(event.KeyPath, p)
	w.text(event.KeyQuery, query)
	w.text(event.KeyProtocolVersion, protocols[w.single(w.by.protocol)])
}

var protocols = map[string]string{
	"HTTP/1.0": "1.0", "HTTP/1.1": "1.1", "HTTP/2": "2", "HTTP/2.0": "2", "HTTP/3": "3", "HTTP/3.0": "3",
}

// plainMethod tells a method, which is typed data, from the caller's text in its place. The longest that is registered
// has 17 letters.
func plainMethod(m string) bool {
	other := func(r rune) bool { return (r < 'A' || r > 'Z') && r != '-' }
	return m != "" && len(m) <= 24 && !strings.ContainsFunc(m, other)
}

func (w *recordWriter) writeHost() {
	host := w.asked(w.by.host, w.host)
	u := url.URL{Host: host}
	name, port := u.Hostname(), u.Port()
	if w.by.shadow {
		name = strings.TrimSuffix(name, "-shadow")
	}
	w.text(event.KeyServerAddress, name)
	if own := w.single(w.by.port); own != "" {
		port = own
	}
	w.number(event.KeyServerPort, port, 1<<16-1)
}

// number writes a positive number up to most.
func (w *recordWriter) number(key, v string, most int64) {
	if n, err := strconv.ParseInt(v, 10, 64); err == nil && n > 0 && n <= most {
		w.r.Attrs.Add(key, event.Int(n))
	}
}

func (w *recordWriter) writeSize() {
	if w.bodySize > 0 {
		w.r.Attrs.Add(event.KeyRequestBodySize, event.Int(w.bodySize))
		return
	}
	w.number(event.KeyRequestBodySize, w.single(w.by.bodySize), 1<<62)
}

// writeAuth takes the client certificate that the gateway verified.
func (w *recordWriter) writeAuth() {
	if w.single(w.by.clientVerify) == "SUCCESS" {
		w.r.Auth.MTLSSubject, w.r.Auth.MTLSVerified = w.single(w.by.clientSubject), true
	}
}

// writeHeaders writes the caller's headers in the order of their names, since net/http does not keep their own.
func (w *recordWriter) writeHeaders() {
	a := &w.r.Attrs
	var other []string
	kept := 0
	for _, name := range slices.Sorted(maps.Keys(w.header)) {
		if w.by.gatewaysOwn(name) || name == "Content-Length" && w.bodySize <= 0 {
			continue
		}
		if kept < event.MaxHeaders && len(name) <= maxHeaderName {
			a.Add(event.PrefixRequestHeader+strings.ToLower(name), event.Strings(w.header[name]))
			kept++
			continue
		}
		for _, v := range w.header[name] {
			other = append(other, strings.ToLower(name)+": "+v)
		}
	}
	if w.cut > 0 {
		other = append(other, strconv.Itoa(w.cut)+" further fields were not kept")
	}
	if len(other) > 0 {
		a.Add(event.KeyHeadersOther, event.Strings(other))
	}
}
