package gateway

import (
	"maps"
	"strings"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/gateway/jsondoc"
)

// gcpFormat is a LogEntry of Cloud Logging about a request: of its load balancers, API Gateway and Cloud Endpoints,
// Cloud Run, and of Apigee's MessageLogging policy. The request stands in httpRequest, what the product adds in
// jsonPayload; a policy of Apigee writes only the latter, by the names of its author.
var gcpFormat = &format{
	name:   FormatGCP,
	object: fillGCP,
	marks:  []string{"logName", "insertId", "httpRequest", "receiveTimestamp", "jsonPayload", "traceSampled"},
	certain: func(doc *jsondoc.Doc) bool {
		if i, ok := doc.Get(0, "httpRequest"); ok && doc.Len(i) > 0 {
			return true
		}
		i, ok := doc.Get(0, "jsonPayload")
		return ok && namesRequest(doc, i)
	},
	remedies: []Remedy{{
		Blind:  event.VisibilityNone,
		Advice: "A LogEntry has no request headers: an API key is seen only in the query; for the rest let the gateway send the credential's own id.",
		Setting: `<MessageLogging name="Keytrail">
  <CloudLogging>
    <LogName>projects/{organization.name}/logs/apigee</LogName>
    <Message contentType="application/json">{"method":"{request.verb}","uri":"{request.uri}",
      "status":"{response.status.code}","client_ip":"{client.ip}","request_id":"{messageid}",
      "credential_id":"{developer.app.id}","api_proxy":"{apiproxy.name}"}</Message>
  </CloudLogging>
</MessageLogging>
`,
	}},
}

func fillGCP(d *draft) error {
	g := gcp{d: d}
	// What Cloud Logging says itself comes before what the payload says, wherever in the record it stands.
	for _, name := range []string{"timestamp", "httpRequest"} {
		if i, ok := d.doc.Get(0, name); ok {
			g.top(i, d.doc.Node(i))
		}
	}
	for i, n := range d.doc.Children(0) {
		if n.Key != "timestamp" && n.Key != "httpRequest" && !g.top(i, n) {
			d.rest.node(&d.doc, i)
		}
	}
	g.answer()
	return nil
}

// gcp is what the parts of one LogEntry say together.
type gcp struct {
	d                     *draft
	details               string // of the answer: a load balancer's or Envoy's word for who gave it
	policyAction, outcome string // of Cloud Armor
	keyState, entry       string
}

func (g *gcp) top(i int, n *jsondoc.Node) bool {
	d := g.d
	switch n.Key {
	case "timestamp":
		d.start = parseTime(textOf(n))
		return !d.start.IsZero()
	case "httpRequest":
		d.each(i, n, g.request)
	case "jsonPayload":
		status := d.status
		d.each(i, n, g.payload)
		if status != 0 {
			d.status = status
		}
	case "resource":
		d.each(i, n, func(i int, n *jsondoc.Node) bool {
			if n.Key == "labels" {
				d.each(i, n, g.label)
			}
			return n.Key == "labels"
		})
	case "trace": // projects/<project>/traces/<id>
		v := textOf(n)
		d.trace(v[strings.LastIndexByte(v, '/')+1:], "")
		return d.r.TraceID != [16]byte{}
	case "spanId":
		d.span(textOf(n))
		return d.r.SpanID != [8]byte{}
	case "insertId":
		g.entry = textOf(n)
	default:
		return false
	}
	return true
}

func (g *gcp) request(_ int, n *jsondoc.Node) bool {
	d, v := g.d, textOf(n)
	switch n.Key {
	case "requestMethod":
		d.setMethod(v, n.Key)
	case "requestUrl":
		d.setTarget(v)
	case "status":
		d.status = statusOf(v)
		return d.status != 0
	case "requestSize": // with the headers
		d.requestSize = sizeOf(n)
	case "responseSize":
		d.responseSize = sizeOf(n)
	case "userAgent":
		d.userAgent = v
	case "remoteIp":
		d.client = v
	case "referer":
		d.headers.add("referer", v)
	case "latency":
		d.duration = durationText(v)
		return d.duration.ok
	case "protocol":
		d.setProto(v)
		return d.proto != ""
	default:
		return false
	}
	return true
}

// durationText reads a duration of Google's JSON: 0.123s.
func durationText(v string) seconds {
	s, ok := strings.CutSuffix(v, "s")
	f, number := parseFloat(s)
	return seconds{f, ok && number && f >= 0}
}

func (g *gcp) payload(i int, n *jsondoc.Node) bool {
	d, v := g.d, textOf(n)
	switch n.Key {
	case "statusDetails", "response_code_detail", "responseDetails":
		g.details = v
		return false
	case "enforcedSecurityPolicy":
		g.policyAction, g.outcome = d.member(i, "configuredAction"), d.member(i, "outcome")
		return false
	case "api_key_state":
		g.keyState = v
		return false
	case "api_key": // wherever it stood in the request; internal/secret knows the name
		return false
	case "api_name":
		d.weakService = v
		return false
	case "credential_id":
		d.r.Auth.CredentialID, d.r.Auth.Kind = v, FormatGCP
	case "request_latency_in_ms":
		return orDuration(d, n, 1e3)
	default:
		return gcpPayload.field(d, i, n)
	}
	return true
}

// orDuration takes a duration where the record has none yet.
func orDuration(d *draft, n *jsondoc.Node, perSecond float64) bool {
	if !d.duration.ok {
		d.duration = durationOf(n, perSecond)
	}
	return d.duration.ok
}

// gcpPayload are the names of jsonPayload: those of Endpoints, and the words people use in Apigee's templates.
var gcpPayload = func() *dialect {
	n := maps.Clone(objectNames)
	maps.Copy(n, names{
		"remoteip": setClient, "http_response_code": setStatus, "api_proxy": setService, "apiproxy": setService,
		"apiproxy_name": setService, "messageid": setID, "message_id": setID, "timestamp": instant(startField),
		"request_size_in_bytes":  bytesOf(requestSizeField),
		"response_size_in_bytes": bytesOf(responseSizeField),
	})
	return &dialect{FormatGCP, n, objectHeader}
}()

// resourceLabels are the labels of a monitored resource that have a name in the semantic conventions.
var resourceLabels = map[string]string{
	"project_id": "cloud.account.id", "location": "cloud.region", "region": "cloud.region",
	"zone": "cloud.availability_zone", "cluster_name": "k8s.cluster.name", "namespace_name": "k8s.namespace.name",
	"pod_name": "k8s.pod.name", "container_name": "k8s.container.name",
}

func (g *gcp) label(_ int, n *jsondoc.Node) bool {
	v := textOf(n)
	switch n.Key {
	case "service_name", "service", "gateway_id", "module_id":
		g.d.service = v
		return true
	case "backend_service_name":
		g.d.weakService = v
		return false
	}
	key, ok := resourceLabels[n.Key]
	if ok {
		setText(&g.d.r.Resource, key, v)
	}
	return ok
}
