package gateway

import (
	"encoding/base64"
	"strings"
)

// maxWireLines bounds the header lines that are read of a message; what is beyond is searched and dropped with the
// body.
const maxWireLines = 512

// wire is a message of HTTP/1 as it is on the wire.
type wire struct {
	first   string
	headers string
	body    string
}

// cutWire reads a message that may be in base64. Only its first line and headers are looked at.
func cutWire(v string) (w wire, ok bool) {
	if !strings.Contains(v, "\n") {
		b, err := base64.StdEncoding.DecodeString(v)
		if err != nil {
			return wire{body: v}, false
		}
		v = string(b)
	}
	head, body, _ := strings.Cut(v, "\r\n\r\n")
	if body == "" {
		if h, b, found := strings.Cut(v, "\n\n"); found {
			head, body = h, b
		}
	}
	first, headers, _ := strings.Cut(head, "\n")
	return wire{strings.TrimRight(first, "\r"), headers, body}, true
}

// fields walks the header lines and returns what is beyond the limit.
func (w wire) fields(visit func(name, value string)) (beyond string) {
	s := w.headers
	for range maxWireLines {
		if s == "" {
			return ""
		}
		var line string
		line, s, _ = strings.Cut(s, "\n")
		if name, value, ok := strings.Cut(strings.TrimRight(line, "\r"), ":"); ok && name != "" {
			visit(name, strings.TrimSpace(value))
		}
	}
	return s
}

// wireRequest takes the request as it came. Its body is searched for credentials and not kept.
func (t *tyk) wireRequest(v string) {
	d := t.d
	w, ok := cutWire(v)
	if ok {
		d.setRequestLine(w.first, "request_line")
	}
	t.unkept(w.fields(d.headers.add), w.body)
}

// wireResponse takes the answer. The words of an answer that Tyk gave itself say why.
func (t *tyk) wireResponse(v string) {
	d := t.d
	w, _ := cutWire(v)
	beyond := w.fields(func(name, value string) {
		d.headers.addResponse(name, value)
	})
	if len(w.body) <= maxTykMessage {
		t.message = w.body
	}
	t.unkept(beyond, w.body)
}

// maxTykMessage is longer than any error that Tyk answers with.
const maxTykMessage = 512

func (t *tyk) unkept(texts ...string) {
	for _, s := range texts {
		if s != "" {
			t.d.r.Unkept = append(t.d.r.Unkept, s)
		}
	}
}
