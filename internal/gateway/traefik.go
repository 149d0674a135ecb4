package gateway

import (
	"strings"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/gateway/jsondoc"
)

// traefikFormat is Traefik's JSON access log: one flat object, headers as request_<Header>, origin_<Header> and
// downstream_<Header>, durations in nanoseconds.
var traefikFormat = &format{
	name:   FormatTraefik,
	object: fillTraefik,
	marks:  []string{"RequestMethod", "DownstreamStatus", "RouterName", "StartUTC", "ClientHost", "RequestPath"},
	remedies: []Remedy{
		{
			Blind:   event.VisibilityNone,
			Advice:  "Traefik drops all headers unless it is told to keep them: keep those that carry a credential",
			Setting: traefikKept,
		},
		{
			Blind:   event.VisibilityMasked,
			Advice:  "a header in mode redact is written as REDACTED: keep it",
			Setting: traefikKept,
		},
	},
}

// traefikKept is for the static configuration.
const traefikKept = `accessLog:
  format: json
  fields:
    headers:
      names:
        Authorization: keep
        Proxy-Authorization: keep
        X-Api-Key: keep
        Cookie: keep`

func fillTraefik(d *draft) error {
	traefikDialect.fill(d, 0, "", 1)
	d.traefikAnswer()
	return nil
}

var traefikDialect = dialect{FormatTraefik, traefikNames, traefikHeader}

var traefikNames = names{
	"startutc": instant(startField), "startlocal": instant(startField),
	"time": ignored, "msg": ignored, // the moment of writing, and always empty
	"requestmethod": setMethod, "requestpath": setTarget, "requestprotocol": setProto, "requestscheme": setScheme,
	"requestaddr": setHost, "requesthost": first(func(d *draft) *string { return &d.weakHost }),
	"requestport": setServerPort, "requestcontentsize": bytesOf(requestBodyField),
	"downstreamstatus": setStatus, "downstreamcontentsize": bytesOf(responseBodyField),
	"originstatus": setOriginStatus,
	"duration":     duration(durationField, 1e9), "originduration": duration(upstreamDurationField, 1e9),
	"clienthost": setClient, "clientport": setClientPort, "clientusername": setUser, "clientaddr": setPeerAddress,
	"tlsclientsubject": text(func(d *draft, v string) { d.r.Auth.MTLSSubject = v }),
	"servicename":      setService,
	"requestcount":     setSequence,
	"traceid":          setTrace, "trace_id": setTrace, "spanid": setSpan, "span_id": setSpan,
}

// ignored drops a field that says nothing of the request.
func ignored(*draft, int, *jsondoc.Node) bool { return true }

// setSequence takes the number of the request: Traefik counts all since its start.
func setSequence(d *draft, _ int, n *jsondoc.Node) bool {
	if v, ok := intOf(n); ok && v > 0 {
		d.r.Sequence = uint64(v)
		return true
	}
	return textOf(n) == ""
}

func setOriginStatus(d *draft, _ int, n *jsondoc.Node) bool {
	d.upstreamStatus = statusOf(textOf(n))
	return true
}

// traefikAnswer: a request that a middleware answered never reached an origin, which leaves its status 0 or absent.
func (d *draft) traefikAnswer() {
	switch {
	case d.upstreamStatus != 0:
		d.answeredBy = event.AnsweredByUpstream
	case d.status != 0:
		d.answeredBy = event.AnsweredByGateway
		d.upstreamDuration = seconds{}
	}
}

// traefikHeader takes the headers; the fields of the core have no underscore in their names. What the origin
// answered stands in the downstream headers unless a middleware changed it, so it is kept with the rest.
func traefikHeader(d *draft, _ string, n *jsondoc.Node) bool {
	v := textOf(n)
	if v == "" {
		return false
	}
	if header, ok := strings.CutPrefix(n.Key, "request_"); ok {
		d.headers.add(header, v)
		return true
	}
	if header, ok := strings.CutPrefix(n.Key, "downstream_"); ok {
		d.headers.addResponse(header, v)
		return true
	}
	return false
}
