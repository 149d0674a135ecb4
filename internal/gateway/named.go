package gateway

import (
	"strings"
	"time"

	"github.com/keytrail/keytrail/internal/gateway/jsondoc"
)

// setter takes the value at index i of the draft's document. It returns false for a value it cannot use, which is
// then kept with the rest, so that a field is never lost by being odd.
type setter func(d *draft, i int, n *jsondoc.Node) bool

// names maps the name of a field, in its normal form, to what it means.
type names map[string]setter

// normal folds the spellings of a field's name: case, and the separators - . : @ $ of one style or another.
func normal(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '-' || r == '.' || r == ' ':
			return '_'
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return r
	}, strings.TrimLeft(name, "@$:"))
}

// dialect is a format whose records are objects of named fields.
type dialect struct {
	format string
	table  names
	// other takes a field that is not in the table, for names with a system of their own.
	other func(d *draft, name string, n *jsondoc.Node) bool
}

// fill walks the object at index i; path is the normal form of the names above it, with a closing underscore, so
// that request.method and request_method are the same field.
func (l *dialect) fill(d *draft, i int, path string, level int) {
	for c, n := range d.doc.Children(i) {
		name := fieldNames.get(n.Key)
		if path != "" {
			name = path + name
		}
		if set, ok := l.table[name]; ok && set(d, c, n) {
			continue
		}
		if n.Kind == jsondoc.Object && level < maxFlat {
			mark := d.rest.enter(n.Key)
			l.fill(d, c, name+"_", level+1)
			d.rest.leave(mark)
			continue
		}
		if l.other == nil || !l.other(d, name, n) {
			d.rest.node(&d.doc, c)
		}
	}
}

// field takes one member of an object whose others something else takes.
func (l *dialect) field(d *draft, i int, n *jsondoc.Node) bool {
	name := fieldNames.get(n.Key)
	if set, ok := l.table[name]; ok && set(d, i, n) {
		return true
	}
	if n.Kind == jsondoc.Object {
		mark := d.rest.enter(n.Key)
		l.fill(d, i, name+"_", 2)
		d.rest.leave(mark)
		return true
	}
	return l.other != nil && l.other(d, name, n)
}

// each walks the members of an object; what take leaves is kept with the rest.
func (d *draft) each(i int, n *jsondoc.Node, take func(int, *jsondoc.Node) bool) {
	if n.Kind != jsondoc.Object {
		d.rest.node(&d.doc, i)
		return
	}
	mark := d.rest.enter(n.Key)
	for c, m := range d.doc.Children(i) {
		if !take(c, m) {
			d.rest.node(&d.doc, c)
		}
	}
	d.rest.leave(mark)
}

// member returns the text of a member of the object at index i.
func (d *draft) member(i int, name string) string {
	if c, ok := d.doc.Get(i, name); ok {
		return textOf(d.doc.Node(c))
	}
	return ""
}

// text makes a setter of one that takes a text; a field without a value is taken as said.
func text(set func(d *draft, v string)) setter {
	return func(d *draft, _ int, n *jsondoc.Node) bool {
		if n.Kind == jsondoc.Object || n.Kind == jsondoc.Array {
			return false
		}
		if v := textOf(n); v != "" {
			set(d, v)
		}
		return true
	}
}

// first sets a text field that has no value yet.
func first(field func(d *draft) *string) setter {
	return text(func(d *draft, v string) {
		if at := field(d); *at == "" {
			*at = v
		}
	})
}

// requestHeader takes a field that holds a request header.
func requestHeader(name string) setter {
	return text(func(d *draft, v string) { d.headers.add(name, v) })
}

func duration(field func(d *draft) *seconds, perSecond float64) setter {
	return func(d *draft, _ int, n *jsondoc.Node) bool {
		if v := durationOf(n, perSecond); v.ok {
			*field(d) = v
			return true
		}
		return textOf(n) == ""
	}
}

func bytesOf(field func(d *draft) *optional) setter {
	return func(d *draft, _ int, n *jsondoc.Node) bool {
		if v := sizeOf(n); v.ok {
			*field(d) = v
			return true
		}
		return textOf(n) == ""
	}
}

// instant sets a time; of several the first in the record that can be read counts.
func instant(field func(d *draft) *time.Time) setter {
	return func(d *draft, _ int, n *jsondoc.Node) bool {
		t := parseTime(textOf(n))
		if t.IsZero() {
			return false
		}
		if at := field(d); at.IsZero() {
			*at = t
		}
		return true
	}
}

func port(field func(d *draft) *int64) setter {
	return func(d *draft, _ int, n *jsondoc.Node) bool {
		p := portOf(textOf(n))
		if p != 0 {
			*field(d) = p
		}
		return p != 0 || textOf(n) == ""
	}
}

func setStatus(d *draft, _ int, n *jsondoc.Node) bool {
	d.status = statusOf(textOf(n))
	return d.status != 0
}

func setMethod(d *draft, _ int, n *jsondoc.Node) bool {
	if n.Kind != jsondoc.String {
		return false
	}
	if v := textOf(n); v != "" {
		d.setMethod(v, n.Key)
	}
	return true
}

func setHeaders(response bool) setter {
	return func(d *draft, i int, n *jsondoc.Node) bool {
		if n.Kind != jsondoc.Object {
			return false
		}
		d.takeHeaders(i, response)
		return true
	}
}

var (
	setTarget  = text((*draft).setTarget)
	setScheme  = text((*draft).setScheme)
	setProto   = text((*draft).setProto)
	setTrace   = text(func(d *draft, v string) { d.trace(v, "") })
	setSpan    = text((*draft).span)
	setHost    = first(func(d *draft) *string { return &d.host })
	setClient  = first(func(d *draft) *string { return &d.client })
	setPeer    = first(func(d *draft) *string { return &d.peer })
	setUser    = first(func(d *draft) *string { return &d.userName })
	setID      = first(func(d *draft) *string { return &d.requestID })
	setService = first(func(d *draft) *string { return &d.service })
	setQuery   = first(func(d *draft) *string { return &d.weakQuery })
	setPath    = first(func(d *draft) *string { return &d.weakPath })

	setClientPort = port(func(d *draft) *int64 { return &d.clientPort })
	setServerPort = port(func(d *draft) *int64 { return &d.port })
)

func durationField(d *draft) *seconds         { return &d.duration }
func upstreamDurationField(d *draft) *seconds { return &d.upstreamDuration }
func requestBodyField(d *draft) *optional     { return &d.requestBody }
func requestSizeField(d *draft) *optional     { return &d.requestSize }
func responseBodyField(d *draft) *optional    { return &d.responseBody }
func responseSizeField(d *draft) *optional    { return &d.responseSize }
func startField(d *draft) *time.Time          { return &d.start }
func endField(d *draft) *time.Time            { return &d.end }

// headerByName takes a field that carries the name of a request header, as templates use them: every x_ name, and
// those of a fixed list. Common words that are headers too (host, server, age) are not in it.
func headerByName(d *draft, name string, n *jsondoc.Node) bool {
	if n.Kind == jsondoc.Object || n.Kind == jsondoc.Array {
		return false
	}
	if !strings.HasPrefix(name, "x_") && !plainHeaders[name] {
		return false
	}
	if v := textOf(n); v != "" {
		d.headers.add(strings.ReplaceAll(name, "_", "-"), v)
	}
	return true
}

var plainHeaders = map[string]bool{
	"accept": true, "accept_encoding": true, "accept_language": true, "api_key": true, "apikey": true,
	"authorization": true, "content_type": true, "content_length": true, "cookie": true, "forwarded": true,
	"idempotency_key": true, "origin": true, "private_token": true, "proxy_authorization": true, "referer": true,
	"traceparent": true, "tracestate": true, "true_client_ip": true, "user_agent": true,
}
