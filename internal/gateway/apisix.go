package gateway

import (
	"maps"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/gateway/jsondoc"
)

// apisixFormat is the entry that APISIX's log plugins share (http-logger, file-logger, kafka-logger, …:
// apisix/utils/log-util.lua), and one of a log_format of the operator's own, whose keys are read by the names that
// nginx's variables have.
var apisixFormat = &format{
	name:   FormatAPISIX,
	object: fillAPISIX,
	marks:  []string{"apisix_latency", "upstream_latency", "route_id", "service_id", "start_time", "server", "upstream"},
	// All but the first are words of others, too; every entry of APISIX 2.10 and later has it, or the ids that are
	// added to a log_format.
	certain: func(doc *jsondoc.Doc) bool {
		if _, ok := doc.Get(0, "apisix_latency"); ok {
			return true
		}
		_, route := doc.Get(0, "route_id")
		_, service := doc.Get(0, "service_id")
		return route && service
	},
	remedies: []Remedy{
		{
			Blind:   event.VisibilityNone,
			Advice:  "a log_format names only what it names; without one, in the plugin and in its metadata, APISIX sends every header",
			Setting: "curl -X DELETE http://127.0.0.1:9180/apisix/admin/plugin_metadata/http-logger -H \"X-API-KEY: $ADMIN_KEY\"",
		},
		{
			Blind:   event.VisibilityNone,
			Advice:  "an authentication plugin takes the credential off the request before it is logged: let it stay",
			Setting: "hide_credentials: false",
		},
		{
			Blind:   event.VisibilityMasked,
			Advice:  "the data-mask plugin masks the credential before it is logged: take its header out of the plugin's list",
			Setting: "plugins:\n  data-mask: null",
		},
	},
}

func fillAPISIX(d *draft) error {
	apisixDialect.fill(d, 0, "", 1)
	d.apisixAnswer()
	return nil
}

var apisixDialect = dialect{FormatAPISIX, apisixNames, nginxVariable}

// apisixNames are those of nginx, for a log_format, under those of the entry.
var apisixNames = func() names {
	n := maps.Clone(nginxNames)
	maps.Copy(n, names{
		"start_time": func(d *draft, _ int, v *jsondoc.Node) bool {
			d.start = parseMillis(textOf(v))
			return !d.start.IsZero()
		},
		"latency":          duration(durationField, 1e3),
		"upstream_latency": duration(upstreamDurationField, 1e3),
		"upstream":         keepAs(func(d *draft) *string { return &d.apisix.upstream }),
		"route_id":         keepAs(func(d *draft) *string { return &d.apisix.route }),
		"service_id":       keepAs(func(d *draft) *string { return &d.weakService }),
		"service_name":     setService,

		"request_url": setTarget, "request_uri": setTarget, "request_method": setMethod,
		"request_size": bytesOf(requestSizeField), "request_querystring": setParameters,
		"request_headers": setHeaders(false), "request_body": unkept,
		"response_status": setStatus, "response_size": bytesOf(responseSizeField),
		"response_headers": setHeaders(true), "response_body": unkept,
		"consumer_username": setConsumer, "consumer_name": setConsumer,
		"apisix_route_id": keepAs(func(d *draft) *string { return &d.apisix.route }),

		// What a model was asked and what it answered are the bodies of those requests.
		"llm_request": unkept, "llm_response_text": unkept,
	})
	return n
}()

// apisixAnswer is what APISIX says of who answered.
type apisixAnswer struct{ upstream, route, consumer string }

// setParameters takes the decoded query: only of use where no field holds the target. As one value: the caller
// chooses the names in it.
func setParameters(d *draft, i int, n *jsondoc.Node) bool {
	if d.query != "" || d.doc.Len(i) == 0 {
		return true
	}
	if v := nested(&d.doc, i); v.Kind() != event.KindEmpty {
		d.rest.put(n.Key, v)
	}
	return true
}

// unkept hands a body over to be searched for credentials; no event holds one.
func unkept(d *draft, _ int, n *jsondoc.Node) bool {
	if n.Text != "" && (n.Kind == jsondoc.String || n.Kind == jsondoc.Object || n.Kind == jsondoc.Array) {
		d.r.Unkept = append(d.r.Unkept, n.Text)
	}
	return true
}

func setConsumer(d *draft, _ int, n *jsondoc.Node) bool {
	d.apisix.consumer = textOf(n)
	return false // ② reads the owner from apisix.consumer.*
}

// apisixAnswer: an upstream that was tried has an address. The consumer is known only once a plugin has
// authenticated it.
func (d *draft) apisixAnswer() {
	a := &d.apisix
	d.nginxAnswer() // of a log_format with $upstream_status
	switch {
	case d.answeredBy != "" || d.status == 0:
	case a.upstream != "" || d.upstreamDuration.ok:
		d.answeredBy = event.AnsweredByUpstream
	default:
		d.answeredBy = event.AnsweredByGateway
	}
	if a.consumer != "" {
		d.r.Auth.Principal, d.r.Auth.Authenticated = a.consumer, true
		if d.answeredBy == event.AnsweredByGateway && d.status == 403 {
			d.deny = event.DenyScope // consumer-restriction: it was not the credential that failed
		}
	}
}
