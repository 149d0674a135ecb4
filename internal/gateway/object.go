package gateway

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/gateway/jsondoc"
)

// jsonFormat is any JSON object, read by the mapping of the configuration, else by the names that applications and
// gateways commonly use.
var jsonFormat = &format{
	name:   FormatJSON,
	object: fillObject,
	remedies: []Remedy{{
		Blind:  event.VisibilityNone,
		Advice: "nobody but you knows which field holds the credential: name it in the source's configuration, with the rest of the mapping",
		Setting: `mapping:
  http.request.header.authorization: who.token`,
	}},
}

func fillObject(d *draft) error {
	if len(d.mapping) > 0 {
		d.mapping.fill(d)
		return nil
	}
	objectDialect.fill(d, 0, "", 1)
	return nil
}

var objectDialect = dialect{FormatJSON, objectNames, objectHeader}

// objectNames are those of nginx with what application loggers add. Their times are taken as they are: nobody
// knows whether they log before or after.
var objectNames = func() names {
	n := maps.Clone(nginxNames)
	maps.Copy(n, names{
		"msec": instant(startField), "time": instant(startField), "timestamp": instant(startField),
		"time_local": instant(startField), "time_iso8601": instant(startField), "date": instant(startField),
		"datetime": instant(startField), "ts": instant(startField), "start_time": instant(startField),
		"started_at": instant(startField), "starttime": instant(startField),

		"http_request_method": setMethod, "http_method": setMethod, "req_method": setMethod,
		"request_url": setURLOrPath, "req_url": setURLOrPath, "url_full": setURLOrPath, "http_url": setURLOrPath,
		"url_path": setTarget, "http_target": setTarget, "http_path": setPath, "req_path": setPath,
		"url_query": setQuery, "request_query": setQuery, "url_scheme": setScheme, "http_scheme": setScheme,
		"server_address": setHost, "net_host_name": setHost, "network_protocol_version": setProto,
		"request_proto": setProto, "request_protocol": setProto,
		"http_route": setRoute, "route": setRoute, "route_template": setRoute,

		"http_response_status_code": setStatus, "http_status_code": setStatus, "http_status": setStatus,
		"response_status": setStatus, "response_status_code": setStatus, "res_status": setStatus,
		"res_statuscode": setStatus, "statuscode": setStatus,
		"duration_seconds": duration(durationField, 1), "elapsed_ms": duration(durationField, 1e3),
		"responsetime": duration(durationField, 1e3), "duration_us": duration(durationField, 1e6),
		"duration_ns": duration(durationField, 1e9),

		"client_address": setClient, "request_client_ip": setClient, "request_remote_ip": setPeer,
		"request_remote_addr": setClient, "req_remoteaddress": setClient, "source_ip": setClient,
		"request_remote_port": setClientPort, "request_user_agent": requestHeader("user-agent"),
		"user_agent_original": requestHeader("user-agent"), "user_name": setUser, "username": setUser,
		"request_request_id": setID, "x_request_id": setID, "req_headers": setHeaders(false),
		"http_request_headers": setHeaders(false), "res_headers": setHeaders(true), "resp_headers": setHeaders(true),
		"http_response_headers": setHeaders(true),
	})
	return n
}()

var setRoute = text(func(d *draft, v string) { d.route = v })

func objectHeader(d *draft, name string, n *jsondoc.Node) bool {
	v := textOf(n)
	for _, prefix := range []string{"http_request_header_", "request_header_", "req_header_"} {
		if header, ok := strings.CutPrefix(name, prefix); ok && v != "" {
			d.headers.add(strings.ReplaceAll(header, "_", "-"), v)
			return true
		}
	}
	for _, prefix := range []string{"http_response_header_", "response_header_"} {
		if header, ok := strings.CutPrefix(name, prefix); ok && v != "" {
			d.headers.addResponse(strings.ReplaceAll(header, "_", "-"), v)
			return true
		}
	}
	return nginxVariable(d, name, n)
}

// mapping says where an object holds each attribute: dotted path → setter.
type mapping map[string]setter

// fill walks the object; what no path names is kept with the rest.
func (m mapping) fill(d *draft) { m.object(d, 0, "", 1) }

func (m mapping) object(d *draft, i int, path string, level int) {
	for c, n := range d.doc.Children(i) {
		name := path + n.Key
		if set, ok := m[name]; ok && set(d, c, n) {
			continue
		}
		if n.Kind == jsondoc.Object && level < MaxDepth {
			mark := d.rest.enter(n.Key)
			m.object(d, c, name+".", level+1)
			d.rest.leave(mark)
			continue
		}
		d.rest.node(&d.doc, c)
	}
}

// mappable are the attributes that a mapping may name, beside single headers and whatever is not reserved.
var mappable = names{
	MapTime: instant(startField), MapURL: setURLOrPath, MapTraceID: setTrace, MapSpanID: setSpan,
	MapRequestHeaders: setHeaders(false), MapResponseHeaders: setHeaders(true),
	event.KeyServiceName: setService, event.KeyMethod: setMethod, event.KeyScheme: setScheme,
	event.KeyPath: setTarget, event.KeyQuery: first(func(d *draft) *string { return &d.query }),
	event.KeyServerAddress: setHost, event.KeyServerPort: setServerPort, event.KeyProtocolVersion: setProto,
	event.KeyRequestBodySize: bytesOf(requestBodyField), event.KeyRequestSize: bytesOf(requestSizeField),
	event.KeyRoute: setRoute, event.KeyStatus: setStatus, event.KeyRespBodySize: bytesOf(responseBodyField),
	event.KeyRespSize: bytesOf(responseSizeField), event.KeyClientAddress: setClient,
	event.KeyClientPort: setClientPort, event.KeyPeerAddress: setPeer, event.KeyUserName: setUser,
	event.KeyUserAgent: first(func(d *draft) *string { return &d.userAgent }), event.KeyRequestID: setID,
	event.KeyUpstreamStatus: setUpstreamCode,
	event.KeyAnsweredBy:     setAnsweredBy,
}

// Names that a mapping takes beside attribute keys.
const (
	MapTime            = "time"
	MapURL             = "url.full"
	MapTraceID         = "trace_id"
	MapSpanID          = "span_id"
	MapRequestHeaders  = "http.request.header.*"
	MapResponseHeaders = "http.response.header.*"
)

func setUpstreamCode(d *draft, _ int, n *jsondoc.Node) bool {
	d.upstreamStatus = lastStatus(textOf(n))
	return d.upstreamStatus != 0
}

func setAnsweredBy(d *draft, _ int, n *jsondoc.Node) bool {
	switch v := textOf(n); v {
	case event.AnsweredByGateway, event.AnsweredByUpstream:
		d.answeredBy = v
		return true
	}
	return false
}

var units = map[string]float64{"": 1, "s": 1, "ms": 1e3, "us": 1e6, "ns": 1e9}

// newMapping compiles the mapping of a configuration.
func newMapping(config map[string]string) (mapping, error) {
	m := make(mapping, len(config))
	for _, key := range slices.Sorted(maps.Keys(config)) {
		path, unit, _ := strings.Cut(strings.TrimSpace(config[key]), " ")
		if path == "" {
			return nil, fmt.Errorf("mapping: %q must name a field, found an empty path", key)
		}
		set, err := mapped(key, unit)
		if err != nil {
			return nil, err
		}
		if _, taken := m[path]; taken {
			return nil, fmt.Errorf("mapping: a field can hold one attribute, found %q twice", path)
		}
		m[path] = set
	}
	return m, nil
}

func mapped(key, unit string) (setter, error) {
	perSecond, ok := units[unit]
	isDuration := key == event.KeyDuration || key == event.KeyUpstreamTime
	if !ok || unit != "" && !isDuration {
		return nil, fmt.Errorf("mapping: %q takes a path, and a duration a unit of ns, us, ms or s, found unit %q", key, unit)
	}
	if set, ok := mappable[key]; ok {
		return set, nil
	}
	switch key {
	case event.KeyDuration:
		return duration(durationField, perSecond), nil
	case event.KeyUpstreamTime:
		return duration(upstreamDurationField, perSecond), nil
	}
	if name, ok := strings.CutPrefix(key, event.PrefixRequestHeader); ok {
		return requestHeader(name), nil
	}
	if name, ok := strings.CutPrefix(key, event.PrefixResponseHeader); ok {
		return text(func(d *draft, v string) { d.headers.addResponse(name, v) }), nil
	}
	return nil, fmt.Errorf("mapping: key must be one of %s, or http.request.header.<name>, found %q",
		strings.Join(append(slices.Sorted(maps.Keys(mappable)), event.KeyDuration, event.KeyUpstreamTime), ", "), key)
}
