package gateway

import (
	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/gateway/jsondoc"
)

// kongFormat is what Kong's log plugins serialise (http-log, file-log, tcp-log: kong/pdk/log.lua). Its marks count only
// beside the nested request: they are common words.
var kongFormat = &format{
	name:   FormatKong,
	object: fillKong,
	marks:  []string{"latencies", "authenticated_entity", "upstream_uri", "tries"},
	certain: func(doc *jsondoc.Doc) bool {
		i, ok := doc.Get(0, "request")
		return ok && doc.Node(i).Kind == jsondoc.Object
	},
	remedies: []Remedy{
		{
			Blind:   event.VisibilityMasked,
			Advice:  "Kong writes REDACTED in place of Authorization: let the log plugin write the header itself",
			Setting: "plugins:\n" + kongUnredacted,
		},
		{
			Blind: event.VisibilityID,
			Advice: "Kong names the credential's id and hides the token: let the log plugin write the header itself, and let the " +
				"auth plugin (key-auth, jwt, …) not remove it with hide_credentials",
			Setting: "plugins:\n" + kongUnredacted + "\n" + kongUnhidden,
		},
		{
			Blind:   event.VisibilityNone,
			Advice:  "the auth plugin may remove the credential before it is logged: let it stay",
			Setting: "plugins:\n" + kongUnhidden,
		},
	},
}

// What to write into Kong's declarative configuration.
const (
	kongUnredacted = `  - name: http-log
    config:
      custom_fields_by_lua:
        request.headers.authorization: return kong.request.get_header("authorization")`
	kongUnhidden = `  - name: key-auth
    config:
      hide_credentials: false`
)

func fillKong(d *draft) error {
	if _, ok := d.doc.Get(0, "request"); !ok {
		return reject(ReasonMissingFields)
	}
	k := kong{d: d}
	for i, n := range d.doc.Children(0) {
		if !k.top(i, n) {
			d.rest.node(&d.doc, i)
		}
	}
	k.answer()
	return nil
}

// kong is what the parts of one Kong record say together.
type kong struct {
	d           *draft
	source      string
	upstream    string // status of the upstream, of several attempts
	querystring int    // decoded parameters: only of use where the request line is not there
	tried       bool
}

func (k *kong) top(i int, n *jsondoc.Node) bool {
	d := k.d
	switch n.Key {
	case "request":
		k.d.each(i, n, k.request)
	case "response":
		k.d.each(i, n, k.response)
	case "latencies":
		k.d.each(i, n, k.latency)
	case "service":
		k.d.each(i, n, k.service)
	case "authenticated_entity":
		k.d.each(i, n, k.entity)
	case "consumer":
		k.d.each(i, n, k.consumer)
	case "client_ip":
		d.client = textOf(n)
	case "started_at":
		d.start = parseMillis(textOf(n))
		return !d.start.IsZero()
	case "upstream_status":
		k.upstream = textOf(n)
		return len(k.upstream) <= 3 // the statuses of several attempts are worth keeping
	case "source":
		k.source = textOf(n)
	case "tries":
		k.tried = n.Kind == jsondoc.Array && d.doc.Len(i) > 0
		return false
	case "trace_id":
		k.traceID(i, n)
	default:
		return false
	}
	return true
}

func (k *kong) request(i int, n *jsondoc.Node) bool {
	d := k.d
	switch n.Key {
	case "id":
		d.requestID = textOf(n)
	case "method":
		d.setMethod(textOf(n), n.Key)
	case "uri", "url": // url is uri behind scheme, host and port
		d.setTarget(textOf(n))
	case "querystring":
		k.querystring = i
	case "size":
		d.requestSize = sizeOf(n)
	case "headers":
		d.takeHeaders(i, false)
	case "tls":
		k.d.each(i, n, k.tls)
	default:
		return false
	}
	return true
}

// tls keeps the outcome of a client certificate; Kong logs no subject.
func (k *kong) tls(_ int, n *jsondoc.Node) bool { return n.Key == "client_verify" && n.Text == "NONE" }

func (k *kong) response(i int, n *jsondoc.Node) bool {
	d := k.d
	switch n.Key {
	case "status":
		d.status = statusOf(textOf(n))
		return d.status != 0
	case "size":
		d.responseSize = sizeOf(n)
	case "headers":
		d.takeHeaders(i, true)
	default:
		return false
	}
	return true
}

func (k *kong) latency(_ int, n *jsondoc.Node) bool {
	const milli = 1000
	switch n.Key {
	case "request":
		k.d.duration = durationOf(n, milli)
	case "proxy":
		k.d.upstreamDuration = durationOf(n, milli)
	default:
		return false
	}
	return true
}

func (k *kong) service(_ int, n *jsondoc.Node) bool {
	switch n.Key {
	case "name":
		k.d.service = textOf(n)
	case "host":
		k.d.weakService = textOf(n)
		return false
	default:
		return false
	}
	return true
}

func (k *kong) entity(_ int, n *jsondoc.Node) bool {
	if n.Key != "id" || textOf(n) == "" {
		return false
	}
	k.d.r.Auth.CredentialID, k.d.r.Auth.Kind = textOf(n), FormatKong
	return true
}

func (k *kong) consumer(_ int, n *jsondoc.Node) bool {
	if n.Key == "id" {
		k.d.r.Auth.Principal = textOf(n)
	}
	return false // ② reads the owner from kong.consumer.*
}

// traceID takes the id that a tracing plugin adds: a string, or an object by header format. B3 and W3C write it as
// hexadecimal, Datadog as a decimal that trace refuses by its length.
func (k *kong) traceID(i int, n *jsondoc.Node) {
	if n.Kind != jsondoc.Object {
		k.d.trace(textOf(n), "")
		return
	}
	for _, m := range k.d.doc.Children(i) {
		if k.d.r.TraceID == [16]byte{} && len(m.Text) != 20 {
			k.d.trace(textOf(m), "")
		}
	}
}

// answer decides who answered: Kong says so itself since 2.7; before, only an upstream's status or an attempt that
// took time shows that the request got through.
func (k *kong) answer() {
	d := k.d
	d.upstreamStatus = lastStatus(k.upstream)
	switch {
	case k.source == "upstream" || k.source == "service":
		d.answeredBy = event.AnsweredByUpstream
	case k.source != "":
		d.answeredBy = event.AnsweredByGateway
	case d.upstreamStatus != 0 || d.upstreamDuration.ok && k.tried:
		d.answeredBy = event.AnsweredByUpstream
	case d.status != 0:
		d.answeredBy = event.AnsweredByGateway
	}
	if d.query == "" && k.querystring != 0 {
		mark := d.rest.enter("request")
		if v := nested(&d.doc, k.querystring); v.Kind() != event.KindEmpty {
			d.rest.put("querystring", v) // as one value: the caller chooses the names in it
		}
		d.rest.leave(mark)
	}
	refused := d.answeredBy == event.AnsweredByGateway && (d.status == 401 || d.status == 403 || d.status == 429)
	d.r.Auth.Authenticated = d.r.Auth.CredentialID != "" && !refused
}

// takeHeaders reads an object of headers whose values are strings or lists of strings.
func (d *draft) takeHeaders(i int, response bool) {
	for c, n := range d.doc.Children(i) {
		if n.Kind != jsondoc.Array {
			if v := headerText(n); v != "" {
				d.headers.put(n.Key, v, response)
			}
			continue
		}
		for _, v := range d.doc.Children(c) {
			d.headers.put(n.Key, headerText(v), response)
		}
	}
}

func headerText(n *jsondoc.Node) string {
	switch n.Kind {
	case jsondoc.String, jsondoc.Number, jsondoc.Object, jsondoc.Array:
		return n.Text
	case jsondoc.True:
		return "true"
	case jsondoc.False:
		return "false"
	}
	return ""
}
