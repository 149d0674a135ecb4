package detect

import (
	"strings"

	"github.com/keytrail/keytrail/internal/event"
)

// endpoint is the hash of what was called: service, method and route.
func (q *request) endpoint(h hasher) uint64 { return h.text(q.service, q.method, q.routeText()) }

// routeText is the route without its method: the template ① learned, else a route with parameters or one that a
// span names, else the path, templated here. A gateway's own route without parameters is often one prefix for a
// whole API, which would make every endpoint the same.
func (q *request) routeText() string {
	switch {
	case q.template != "":
		return q.template
	case q.route != "" && (q.capture == event.CaptureSpan || q.path == "" || strings.Count(q.route, "/") > 1 && strings.ContainsAny(q.route, "{:<")):
		return q.route
	}
	return template(q.path, maxSegments)
}

// maxSegments bounds a templated path: deeper paths share one endpoint.
const maxSegments = 8

// areaSegments is how much of a path names an area. What guards an API is configured by prefix, so one refusal
// under /v1/orders says that /v1/orders is guarded.
const areaSegments = 2

// area is the part of the API a path belongs to, always from the path itself: a refused request often has neither
// route nor template.
func (q *request) area(h hasher) uint64 { return h.text(q.service, template(q.path, areaSegments)) }

// template replaces the segments of a path that look like ids by {id} and cuts it after n segments.
func template(path string, n int) string {
	path, _, _ = strings.Cut(path, "?")
	if path == "" {
		return ""
	}
	clean := true
	segments := 0
	for s := range strings.SplitSeq(strings.Trim(path, "/"), "/") {
		segments++
		clean = clean && !idLike(s)
	}
	if clean && segments <= n {
		return path
	}
	var b strings.Builder
	b.Grow(len(path))
	i := 0
	for s := range strings.SplitSeq(strings.Trim(path, "/"), "/") {
		if i++; i > n {
			break
		}
		b.WriteByte('/')
		if idLike(s) {
			s = "{id}"
		}
		b.WriteString(s)
	}
	return b.String()
}

// idLike reports whether a segment names one thing rather than a kind of thing: digits, long hexadecimal text, a
// UUID, or text too long or too mixed to be a word. A version such as v1 is a word.
func idLike(s string) bool {
	var digits, hex, other int
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			digits++
		case c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' || c == '-':
			hex++
		default:
			other++
		}
	}
	switch {
	case digits == 0:
		return len(s) > 40
	case other == 0 && (hex == 0 || len(s) >= 8):
		return true
	}
	return len(s) > 12 && digits >= 2
}
