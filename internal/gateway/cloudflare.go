package gateway

import (
	"strings"
	"time"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/gateway/jsondoc"
)

// cloudflareFormat is the dataset http_requests of Cloudflare Logpush: flat objects with the fields that the job
// names, and three objects of chosen headers and cookies.
var cloudflareFormat = &format{
	name:   FormatCloudflare,
	object: fillCloudflare,
	marks: []string{
		"RayID", "EdgeStartTimestamp", "EdgeEndTimestamp", "EdgeResponseStatus", "ClientRequestURI",
		"ClientRequestHost", "ClientRequestMethod", "ClientRequestPath", "EdgeColoCode", "RayName",
	},
	remedies: []Remedy{{
		Blind:  event.VisibilityNone,
		Advice: "RequestHeaders and Cookies are empty until the zone names them as custom fields and the job asks for them.",
		Setting: `curl -X PUT "https://api.cloudflare.com/client/v4/zones/$ZONE_ID/rulesets/phases/http_log_custom_fields/entrypoint" \
  -H "Authorization: Bearer $CLOUDFLARE_API_TOKEN" -H "Content-Type: application/json" --data '{
  "rules": [{"action": "log_custom_field", "expression": "true", "description": "Keytrail",
    "action_parameters": {
      "request_fields": [{"name": "authorization"}, {"name": "x-api-key"}, {"name": "traceparent"}],
      "cookie_fields": [{"name": "session"}]}}]}'
# and in the job's output_options.field_names: "RequestHeaders", "Cookies"
`,
	}},
}

func fillCloudflare(d *draft) error {
	if isSubrequest(&d.doc) {
		return reject(ReasonNotARequest)
	}
	cloudflareDialect.fill(d, 0, "", 1)
	d.cloudflareTimes()
	d.cloudflareAnswer()
	return nil
}

// isSubrequest reports whether a record stands beside one of the caller's own request: what a Worker fetched for it,
// or, in the dataset firewall_events, what a rule did to it.
func isSubrequest(doc *jsondoc.Doc) bool {
	if i, ok := doc.Get(0, "WorkerSubrequest"); ok {
		if n := doc.Node(i); n.Kind == jsondoc.True || n.Text == "true" {
			return true
		}
	}
	_, event := doc.Get(0, "RayName")
	_, request := doc.Get(0, "RayID")
	return event && !request
}

var cloudflareDialect = dialect{FormatCloudflare, cloudflareNames, nil}

var cloudflareNames = names{
	"rayid":              setID,
	"edgestarttimestamp": instant(startField), "edgeendtimestamp": instant(endField),
	"clientip": setClient, "clientsrcport": setClientPort, "clientasn": setASN, "clientcountry": setCountry,
	"clientrequesthost": setHost, "clientrequestmethod": setMethod, "clientrequesturi": setTarget,
	"clientrequestpath": setPath, "clientrequestscheme": setScheme, "clientrequestprotocol": setProto,
	"clientrequestbytes": bytesOf(requestSizeField), "clientrequestreferer": requestHeader("referer"),
	"clientrequestuseragent": requestHeader("user-agent"), "clientxrequestedwith": requestHeader("x-requested-with"),
	"edgeresponsestatus": setStatus, "edgeresponsebytes": bytesOf(responseSizeField),
	"edgeresponsebodybytes":   bytesOf(responseBodyField),
	"edgeresponsecontenttype": text(func(d *draft, v string) { d.headers.addResponse("content-type", v) }),

	"originresponsestatus": setCloudflareOrigin, "originresponsedurationms": duration(upstreamDurationField, 1e3),
	"requestheaders": setCloudflareHeaders, "responseheaders": setHeaders(true),
	"responsefields": setHeaders(true), "cookies": setCookies,
	"zonename": keepAs(func(d *draft) *string { return &d.weakService }),

	"clientmtlsauthcertfingerprint": keepAs(func(d *draft) *string { return &d.cloudflare.certificate }),
	"clientmtlsauthstatus":          keepAs(func(d *draft) *string { return &d.cloudflare.verified }),
	"securityaction":                keepAs(func(d *draft) *string { return &d.cloudflare.action }),
	"securityactions":               keepNode(func(d *draft) *int { return &d.cloudflare.actions }),
	"securitysources":               keepNode(func(d *draft) *int { return &d.cloudflare.sources }),
}

// cloudflareAnswer is what Cloudflare says of who answered.
type cloudflareAnswer struct {
	certificate, verified string
	action                string
	actions, sources      int  // nodes of the lists, 0 where they are not logged
	origin, headers       bool // both are logged
}

// keepNode notes where a value stands and leaves it with the rest as well.
func keepNode(field func(d *draft) *int) setter {
	return func(d *draft, i int, _ *jsondoc.Node) bool {
		*field(d) = i
		return false
	}
}

// setCloudflareOrigin: 0 means that no origin was asked.
func setCloudflareOrigin(d *draft, _ int, n *jsondoc.Node) bool {
	d.cloudflare.origin = true
	d.upstreamStatus = statusOf(textOf(n))
	return d.upstreamStatus != 0 || textOf(n) == "0" || textOf(n) == ""
}

func setCloudflareHeaders(d *draft, i int, n *jsondoc.Node) bool {
	d.cloudflare.headers = n.Kind == jsondoc.Object && d.doc.Len(i) > 0
	return setHeaders(false)(d, i, n)
}

// setCookies takes an object of single cookies.
func setCookies(d *draft, i int, n *jsondoc.Node) bool {
	if n.Kind != jsondoc.Object {
		return false
	}
	for _, c := range d.doc.Children(i) {
		if v := headerText(c); v != "" {
			d.headers.add("cookie", c.Key+"="+v)
		}
	}
	return true
}

func setASN(d *draft, _ int, n *jsondoc.Node) bool {
	v, ok := intOf(n)
	if !ok || v <= 0 || v >= 1<<32 {
		return false
	}
	d.r.Attrs.Set(event.KeyClientAS, event.Int(v))
	return true
}

// setCountry takes a country of two letters; Cloudflare's T1 (Tor) and XX (unknown) are none.
func setCountry(d *draft, _ int, n *jsondoc.Node) bool {
	v := strings.ToUpper(textOf(n))
	if len(v) != 2 || v == "XX" || v[0] < 'A' || v[0] > 'Z' || v[1] < 'A' || v[1] > 'Z' {
		return false
	}
	d.r.Attrs.Set(event.KeyClientCountry, event.String(v))
	return true
}

// cloudflareTimes: the duration is what lies between the two times, unless the job writes whole seconds.
func (d *draft) cloudflareTimes() {
	if d.upstreamStatus == 0 {
		d.upstreamDuration = seconds{} // Cloudflare writes 0 where no origin was asked
	}
	if d.start.IsZero() || d.end.Before(d.start) || d.start.Nanosecond() == 0 && d.end.Nanosecond() == 0 {
		return
	}
	if took := d.end.Sub(d.start); took < maxBelievedDuration*time.Second {
		d.duration = seconds{took.Seconds(), true}
	}
}

func (d *draft) cloudflareAnswer() {
	c := &d.cloudflare
	if c.verified == "ok" {
		d.r.Auth.MTLSFingerprint, d.r.Auth.MTLSVerified = c.certificate, true
	}
	action, source := c.refusing(d)
	switch {
	case action != "":
		d.answeredBy, d.deny = event.AnsweredByGateway, cloudflareReason(source)
	case d.upstreamStatus != 0:
		d.answeredBy = event.AnsweredByUpstream
	case c.origin && d.status != 0:
		d.answeredBy = event.AnsweredByGateway
	}
	if !c.headers {
		d.unseen()
	}
}

// cloudflareRefusals are the actions that end a request at the edge. Those of a challenge that was solved are others.
var cloudflareRefusals = map[string]bool{
	"block": true, "challenge": true, "jschallenge": true, "managedChallenge": true, "connectionClose": true,
	"forceConnectionClose": true, "drop": true,
}

// refusing returns the action that ended the request, and whose it was. Of several rules that matched, the last that
// refuses is the one that ended it.
func (c *cloudflareAnswer) refusing(d *draft) (action, source string) {
	if c.actions != 0 {
		var sources []string
		if c.sources != 0 {
			for _, n := range d.doc.Children(c.sources) {
				sources = append(sources, n.Text)
			}
		}
		i := 0
		for _, n := range d.doc.Children(c.actions) {
			if cloudflareRefusals[n.Text] {
				action, source = n.Text, ""
				if i < len(sources) {
					source = sources[i]
				}
			}
			i++
		}
	}
	if action == "" && cloudflareRefusals[c.action] {
		action = c.action
	}
	return action, source
}

func cloudflareReason(source string) string {
	switch source {
	case "rateLimit":
		return event.DenyRateLimited
	case "apiShieldTokenValidation":
		return event.DenyTokenInvalid
	}
	return event.DenyWAF
}
