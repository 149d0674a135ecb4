package apilogreceiver

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"
)

// captured is one request between the handler and the worker: the only place where a live request lies in memory
// with its credentials. It keeps what net/http read, no copy and no body.
type captured struct {
	arrival  time.Time
	capture  string // event.CaptureAuth or event.CaptureMirror
	below    string // what of the target follows the captured path
	method   string
	host     string
	remote   string
	header   http.Header
	cut      int   // fields of the header that were not kept
	bodySize int64 // negative where it is not known
	size     int64 // estimated bytes of memory
}

const (
	// maxCaptureFields is how many header fields are kept. Ten times what an honest caller sends; a mebibyte of
	// one-letter headers would take thirty in memory.
	maxCaptureFields = 1000

	// What a request and each field of its header take beside their text: struct, map entry, string headers.
	capturedBase, capturedField = 512, 64
)

func newCaptured(r *http.Request, capture, below string) *captured {
	c := &captured{
		arrival: time.Now(), capture: capture, below: below,
		method: r.Method, host: r.Host, remote: r.RemoteAddr, header: r.Header, bodySize: r.ContentLength,
	}
	fields, text := c.measure()
	if fields > maxCaptureFields {
		c.trim()
		c.cut = fields - maxCaptureFields
		fields, text = c.measure()
	}
	c.size = int64(capturedBase + fields*capturedField + text + len(r.RequestURI) + len(r.Host))
	return c
}

func (c *captured) measure() (fields, text int) {
	for name, values := range c.header {
		fields += len(values)
		for _, v := range values {
			text += len(name) + len(v)
		}
	}
	return fields, text
}

// trim keeps maxCaptureFields fields, in an order that a caller's further headers do not change for the worse: a flood
// must not push out the one that holds the credential.
func (c *captured) trim() {
	names := make([]string, 0, len(c.header))
	for name := range c.header {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(keepRank(a), keepRank(b)), cmp.Compare(a, b))
	})
	kept, left := make(http.Header), maxCaptureFields
	for _, name := range names {
		values := c.header[name]
		n := min(len(values), left)
		if n == 0 {
			break
		}
		kept[name] = values[:n:n]
		left -= n
	}
	c.header = kept
}

// keepRank orders the fields of a flood: what credentials are sent in, what may hold one by its name, the rest.
func keepRank(name string) int {
	switch name {
	case "Authorization", "Proxy-Authorization", "Cookie", "X-Api-Key", "Apikey", "Api-Key", "X-Forwarded-For", "Traceparent":
		return 0
	}
	if strings.HasPrefix(name, "X-Original-") || strings.HasPrefix(name, "X-Forwarded-") || name == "X-Real-Ip" || name == "X-Request-Id" {
		return 0
	}
	lower := strings.ToLower(name)
	if slices.ContainsFunc(credentialWords, func(w string) bool { return strings.Contains(lower, w) }) {
		return 1
	}
	return 2
}

// single returns the value of a header that was sent once: of two, where a gateway sets one, one is the caller's.
func (c *captured) single(name string) string {
	if v := c.header[name]; len(v) == 1 {
		return v[0]
	}
	return ""
}
