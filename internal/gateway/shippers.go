package gateway

import (
	"slices"
	"strings"

	"github.com/keytrail/keytrail/internal/gateway/jsondoc"
)

// A shipper puts one record in an envelope of its own: the gateway's line as a text under log or message, beside
// where it was found. The parser takes the record out and keeps what the shipper says of it; envelopes of many records
// are carriers (open.go).
//
// What is taken out must stand in the shipper's own member. An object that has a mark of a gateway's format, or that
// names a request itself, is a gateway's record and is never opened: its texts are the caller's.

// maxShippers is how many envelopes may stand in each other: a container runtime's in a shipper's in another's.
const maxShippers = 3

// contents are the members that hold the record, in the order in which they are looked at.
var contents = []string{
	"log", "message", "MESSAGE", "msg", "event", "line", "@message", "textPayload", "jsonPayload", "tyk-analytics-record",
}

// unwrap replaces the draft's text by the record in it, as long as that is a shipper's.
func (p *parser) unwrap(d *draft) error {
	for level := 0; ; level++ {
		own, err := p.isOwn(d)
		if own || err != nil || level == maxShippers || !p.open(d) {
			return err
		}
		d.parsed = false
		if d.text = strings.TrimSpace(d.text); d.text == "" {
			return reject(ReasonEmpty)
		}
	}
}

// open takes off one envelope.
func (p *parser) open(d *draft) bool {
	if d.text[0] != '{' {
		return d.cutPrefix()
	}
	at, text := p.content(&d.doc, 0)
	if at < 0 {
		return false
	}
	d.outerFields(at)
	d.text = text
	return true
}

// isOwn reports whether the text is an object that a gateway or an application wrote itself.
func (p *parser) isOwn(d *draft) (bool, error) {
	if d.text[0] != '{' {
		return false, nil
	}
	if err := d.object(); err != nil {
		return false, err
	}
	if p.format == nil {
		d.sniffed = sniff(&d.doc)
		if d.sniffed != nil {
			return true, nil
		}
	} else if p.format.owns(&d.doc) {
		return true, nil
	}
	return p.mapping.names(&d.doc, 0) || namesRequest(&d.doc, 0), nil
}

// bit is the place of the format in a set of them.
func (f *format) bit() uint64 { return 1 << slices.Index(formats, f) }

// owns reports whether an object has a mark of the format.
func (f *format) owns(doc *jsondoc.Doc) bool {
	for _, n := range doc.Children(0) {
		for _, mark := range f.marks {
			if n.Key == mark {
				return f.certain == nil || f.certain(doc)
			}
		}
	}
	return false
}

// names reports whether the mapping finds a field in the object at index i.
func (m mapping) names(doc *jsondoc.Doc, i int) bool {
	for path := range m {
		at, name, found := i, path, false
		for !found {
			if _, found = doc.Get(at, name); found {
				return true
			}
			first, rest, nested := strings.Cut(name, ".")
			if at, found = doc.Get(at, first); !nested || !found {
				break
			}
			name, found = rest, false
		}
	}
	return false
}

// requestNames are the fields, in their normal form, by which an object names a request. Words that shippers use of
// their own (path, host, time) are not among them.
var requestNames = func() map[string]bool {
	m := map[string]bool{}
	for _, name := range strings.Fields(`
		method request_method http_method http_request_method req_method requestmethod httpmethod verb
		status status_code http_status http_status_code response_status response_code statuscode
		request request_uri request_path request_url requesturi req_url uri url url_path http_route route
		http httprequest req res response`) {
		m[name] = true
	}
	return m
}()

func namesRequest(doc *jsondoc.Doc, i int) bool {
	for _, n := range doc.Children(i) {
		if requestNames[fieldNames.get(n.Key)] {
			return true
		}
	}
	return false
}

// content returns the member of the object at index i that holds a record, and the record; -1 without one.
func (p *parser) content(doc *jsondoc.Doc, i int) (at int, text string) {
	for _, name := range contents {
		c, ok := doc.Get(i, name)
		if !ok {
			continue
		}
		switch n := doc.Node(c); n.Kind {
		case jsondoc.String:
			if p.takes(n.Text) {
				return c, n.Text
			}
		case jsondoc.Object:
			if inner, ok := doc.Get(c, "original"); ok && doc.Node(inner).Kind == jsondoc.String && p.takes(doc.Node(inner).Text) {
				return inner, doc.Node(inner).Text
			}
			if p.isRecord(doc, c) {
				return c, n.Text
			}
		}
	}
	return -1, ""
}

// takes reports whether a text is a record: an object, a line of a known format, or, where the source names a format
// of lines, any line.
func (p *parser) takes(text string) bool {
	text = strings.TrimSpace(text)
	if text == "" {
		return false
	}
	if text[0] == '{' {
		return true
	}
	if rest, _ := cutPrefix(text); rest != "" {
		text = rest
		if text[0] == '{' {
			return true
		}
	}
	if p.format != nil {
		return p.format.line != nil
	}
	return knownLine(text)
}

// knownLine reports whether a format recognises a line.
func knownLine(text string) bool {
	for _, f := range formats {
		if f.isLine != nil && f.isLine(text) {
			return true
		}
	}
	return isCombined(text)
}

// isCombined reports whether a line has the beginning that combined, main and common share.
func isCombined(s string) bool {
	client, s, _ := strings.Cut(s, " ")
	open := strings.Index(s, " [")
	if client == "" || open < 0 {
		return false
	}
	stamp, s, ok := strings.Cut(s[open+2:], "]")
	return ok && strings.HasPrefix(s, ` "`) && !parseTime(stamp).IsZero()
}

// isRecord reports whether an object within a shipper's is a gateway's record, which the shipper has already parsed,
// or another shipper's. Elastic's log: {"file": …} is neither.
func (p *parser) isRecord(doc *jsondoc.Doc, i int) bool {
	if namesRequest(doc, i) || p.mapping.names(doc, i) {
		return true
	}
	for _, n := range doc.Children(i) {
		if marks[n.Key] != 0 && (p.format == nil || marks[n.Key]&p.format.bit() != 0) {
			return true
		}
	}
	at, _ := p.content(doc, i)
	return at >= 0
}
