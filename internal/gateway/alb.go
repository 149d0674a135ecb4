package gateway

import (
	"strings"

	"github.com/keytrail/keytrail/internal/event"
)

// albFormat is a line of the access log of an Application Load Balancer. It has no headers: a credential is seen only
// in the query.
var albFormat = &format{
	name:   FormatALB,
	line:   fillALB,
	isLine: isALB,
	remedies: []Remedy{{
		Blind:  event.VisibilityNone,
		Advice: "The balancer logs no headers: a token is seen only in the query; log behind it, with the client's address taken over from it.",
		Setting: `# nginx behind the balancer
set_real_ip_from 10.0.0.0/8;
real_ip_header X-Forwarded-For;
real_ip_recursive on;
access_log /var/log/nginx/keytrail.log keytrail;
`,
	}},
}

// albNames are the fields in their order. An empty name is a field that fillALB reads. AWS adds fields at the end;
// those that are not here yet are kept by number.
var albNames = [...]string{
	"type", "", "elb", "", "target", "request_processing_time", "", "response_processing_time",
	"", "", "", "", "", "", "ssl_cipher", "ssl_protocol", "", "trace_id", "", "chosen_cert_arn",
	"matched_rule_priority", "", "actions_executed", "redirect_url", "error_reason", "target_port_list",
	"target_status_code_list", "classification", "classification_reason", "conn_trace_id", "transformed_host",
	"transformed_uri", "request_transform_status", "alb_ip",
}

// Places of the fields that an event has keys for.
const (
	albType = iota
	albTime
	albELB
	albClient
	albTarget
	albRequestTime
	albTargetTime
	albResponseTime
	albStatus
	albTargetStatus
	albReceived
	albSent
	albRequest
	albAgent
	albCipher
	albTLS
	albGroup
	albTrace
	albDomain
	albCertificate
	albPriority
	albCreated
	albActions
	albRedirect
	albError

	albLeast = albAgent + 1 // an old line has no more
	albMost  = 64           // fields beyond are one text
)

// albTypes are the values of the first field.
var albTypes = map[string]string{
	"http": "http", "https": "https", "h2": "https", "grpcs": "https", "ws": "ws", "wss": "wss",
}

func isALB(s string) bool {
	kind, rest, _ := strings.Cut(s, " ")
	if albTypes[kind] == "" {
		return false
	}
	stamp, rest, _ := strings.Cut(rest, " ")
	return strings.HasPrefix(rest, "app/") && !parseTime(stamp).IsZero()
}

func fillALB(d *draft) error {
	var fields [albMost]string
	n := albFields(d.text, &fields)
	if n < albLeast || albTypes[fields[albType]] == "" {
		return reject(ReasonUnknownFormat)
	}
	d.end, d.start = parseTime(fields[albTime]), parseTime(fields[albCreated])
	if request := fields[albRequest]; strings.HasPrefix(request, "- ") { // nothing that could be read came
		d.rest.string("request", request)
	} else {
		d.setRequestLine(request, "request")
	}
	if d.scheme == "" || d.scheme == "http" && fields[albType] == "ws" {
		d.scheme = albTypes[fields[albType]]
	}
	d.client = fields[albClient]
	d.weakHost = dashed(fields[albDomain])
	if agent := dashed(fields[albAgent]); agent != "" {
		d.headers.add("user-agent", agent)
	}
	d.status, d.upstreamStatus = statusOf(fields[albStatus]), statusOf(fields[albTargetStatus])
	d.requestSize, d.responseSize = size(fields[albReceived]), size(fields[albSent])
	d.albTimes(&fields)
	d.albGroup(fields[albGroup])
	d.albTrace(fields[albTrace])
	d.albAnswer(fields[albActions], fields[albError])
	d.albRest(fields[:n])
	return nil
}

// albFields cuts a line and returns how many fields it has.
func albFields(s string, fields *[albMost]string) (n int) {
	for s = strings.TrimLeft(s, " "); s != ""; n++ {
		v, rest, ok := field(s)
		if !ok || n == albMost-1 {
			v, rest = s, ""
		}
		fields[n], s = v, rest
		if n == albMost-1 {
			return albMost
		}
	}
	return n
}

func (d *draft) albRest(fields []string) {
	for i, v := range fields {
		switch {
		case i >= len(albNames):
			d.rest.string("field"+twoDigits(i), v)
		case albNames[i] != "":
			d.rest.string(albNames[i], v)
		}
	}
}

func twoDigits(i int) string { return string([]byte{byte('0' + i/10), byte('0' + i%10)}) }

// albTimes: the request came when it was created and the answer was whole at the time of the line; an old line has
// only the three parts, of which -1 means that there was none.
func (d *draft) albTimes(fields *[albMost]string) {
	if f, ok := parseFloat(fields[albTargetTime]); ok && f >= 0 {
		d.upstreamDuration = seconds{f, true}
	}
	if !d.start.IsZero() && !d.end.Before(d.start) {
		d.duration = seconds{d.end.Sub(d.start).Seconds(), true}
		return
	}
	total := 0.0
	for _, v := range fields[albRequestTime : albResponseTime+1] {
		f, ok := parseFloat(v)
		if !ok || f < 0 {
			return
		}
		total += f
	}
	d.duration = seconds{total, true}
}

// albGroup takes the service from the target group's name, and account and region from its ARN:
// arn:aws:elasticloadbalancing:<region>:<account>:targetgroup/<name>/<id>.
func (d *draft) albGroup(arn string) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" {
		d.rest.string("target_group_arn", arn)
		return
	}
	d.r.Resource.Set(cloudAWS.Key, cloudAWS.Value)
	d.r.Resource.Set("cloud.region", event.String(parts[3]))
	d.r.Resource.Set("cloud.account.id", event.String(parts[4]))
	if name, ok := strings.CutPrefix(parts[5], "targetgroup/"); ok {
		d.service, _, _ = strings.Cut(name, "/")
	}
	d.rest.string("target_group_arn", arn)
}

// albTrace takes X-Amzn-Trace-Id as the balancer passed it on. Root may be the caller's; then Self is the balancer's
// own id of the request.
func (d *draft) albTrace(v string) {
	for part := range strings.SplitSeq(v, ";") {
		name, id, _ := strings.Cut(part, "=")
		switch name {
		case "Self":
			d.requestID = id
		case "Root":
			d.xray(id)
			if d.requestID == "" {
				d.requestID = id
			}
		}
	}
}

func (d *draft) albAnswer(actions, reason string) {
	switch {
	case d.upstreamStatus != 0:
		d.answeredBy = event.AnsweredByUpstream
	case d.status != 0:
		d.answeredBy = event.AnsweredByGateway
		d.deny = albReason(d.status, actions, reason)
	}
	d.unseen()
}

// albReason reads the reason code, and the actions, of which waf without a forward behind it ended the request.
func albReason(status int64, actions, code string) string {
	switch {
	case strings.HasPrefix(code, "AuthMissing"):
		return event.DenyTokenMissing
	case strings.HasPrefix(code, "AuthInvalid"):
		return event.DenyTokenInvalid
	case strings.HasPrefix(code, "JWT") && strings.Contains(code, "NotPresent"):
		return event.DenyTokenMissing
	case strings.HasPrefix(code, "JWT"):
		return event.DenyTokenInvalid
	case status >= 400 && status < 500 && strings.HasSuffix(actions, "waf"):
		return event.DenyWAF
	}
	return ""
}
