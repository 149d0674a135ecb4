package gateway

import (
	"strings"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/gateway/jsondoc"
)

// tykFormat is an AnalyticsRecord of Tyk, as the pumps send it on. With detailed recording it holds the request and
// the answer as they were on the wire, in base64.
var tykFormat = &format{
	name:   FormatTyk,
	object: fillTyk,
	marks:  []string{"api_id", "org_id", "raw_request", "raw_response", "track_path", "expireAt", "oauth_id", "api_name"},
	certain: func(doc *jsondoc.Doc) bool {
		_, id := doc.Get(0, "api_id")
		_, code := doc.Get(0, "response_code")
		return id && code
	},
	remedies: []Remedy{{
		Blind:   event.VisibilityID,
		Advice:  "Tyk gives its own hash of the key; recorded in detail, the request shows the token.",
		Setting: tykDetailed,
	}, {
		Blind:   event.VisibilityNone,
		Advice:  "An API that Tyk does not authenticate has the key 00000000; record its requests in detail.",
		Setting: tykDetailed,
	}},
}

const tykDetailed = `"analytics_config": {"enable_detailed_recording": true}`

func fillTyk(d *draft) error {
	t := tyk{d: d}
	if i, ok := d.doc.Get(0, "raw_request"); ok {
		t.wireRequest(textOf(d.doc.Node(i)))
	}
	if i, ok := d.doc.Get(0, "raw_response"); ok {
		t.wireResponse(textOf(d.doc.Node(i)))
	}
	for i, n := range d.doc.Children(0) {
		if !t.field(i, n) {
			d.rest.node(&d.doc, i)
		}
	}
	t.answer()
	return nil
}

// tyk is what the parts of one record say together.
type tyk struct {
	d       *draft
	raw     string // the path as it came
	key     string
	message string // of the answer's body, where Tyk gave it
	latency bool   // whether the record says how long the upstream took
}

func (t *tyk) field(i int, n *jsondoc.Node) bool {
	d, v := t.d, textOf(n)
	switch n.Key {
	case "raw_request", "raw_response":
	case "day", "month", "year", "hour", "minute": // of timestamp
	case "timestamp":
		d.end = parseTime(v)
		return !d.end.IsZero()
	case "method":
		d.setMethod(v, n.Key)
	case "path":
		return setPath(d, i, n)
	case "raw_path":
		t.raw = v
	case "host":
		if v != "" {
			d.host = v
		}
	case "response_code":
		d.status = statusOf(v)
		return d.status != 0
	case "content_length":
		d.requestBody = sizeOf(n)
	case "user_agent":
		d.userAgent = v
	case "ip_address":
		d.client = v
	case "api_key":
		t.key = v
	case "api_name":
		d.service = v
	case "request_time":
		d.duration = durationOf(n, 1e3)
	case "latency":
		d.each(i, n, t.latencyField)
	case "geo":
		d.each(i, n, t.geo)
	default:
		return false
	}
	return true
}

func (t *tyk) latencyField(_ int, n *jsondoc.Node) bool {
	switch n.Key {
	case "total":
		t.d.duration = durationOf(n, 1e3)
	case "upstream":
		v := durationOf(n, 1e3)
		t.latency = v.ok
		if v.s > 0 {
			t.d.upstreamDuration = v
		}
	default:
		return false
	}
	return true
}

// geo takes the country; a record without a place is full of empty fields.
func (t *tyk) geo(i int, n *jsondoc.Node) bool {
	if n.Key != "country" {
		return n.Kind == jsondoc.Object || n.Text == "" || n.Text == "0"
	}
	if at, ok := t.d.doc.Get(i, "iso_code"); ok {
		setCountry(t.d, at, t.d.doc.Node(at))
	}
	return true
}

// answer decides who answered, and what the key tells.
func (t *tyk) answer() {
	d := t.d
	if t.raw != "" {
		d.path = t.raw // what stands on the wire may already be rewritten for the upstream
	}
	switch {
	case d.upstreamDuration.ok:
		d.answeredBy = event.AnsweredByUpstream
	case d.status == 0:
	case t.latency || tykReason(t.message) != "":
		d.answeredBy = event.AnsweredByGateway
	}
	if d.answeredBy == event.AnsweredByGateway {
		d.deny = tykReason(t.message)
	}
	t.credential()
}

// tykOpen is the key of a request that Tyk did not authenticate.
const tykOpen = "00000000"

// credential takes the key: a hash of it, or, where hashing is off, the key itself.
func (t *tyk) credential() {
	d, auth := t.d, &t.d.r.Auth
	switch {
	case t.key == "" || t.key == tykOpen:
		return
	case len(t.key) == 64 && isHex(t.key):
		auth.TokenSHA256 = t.key
	case (len(t.key) == 8 || len(t.key) == 16 || len(t.key) == 32) && isHex(t.key): // murmur
		auth.CredentialID, auth.Kind = t.key, FormatTyk
	default:
		d.rest.string("api_key", t.key) // the key itself; internal/secret knows the name
	}
	auth.Authenticated = d.answeredBy != event.AnsweredByGateway || !refused(d.status)
}

func isHex(s string) bool {
	for i := range len(s) {
		if hexDigit(s[i]) > 15 {
			return false
		}
	}
	return s != ""
}

// tykMessages are the beginnings of Tyk's own answers that say why a caller was refused.
var tykMessages = []struct{ part, reason string }{
	{"Authorization field missing", event.DenyTokenMissing},
	{"Auth field missing", event.DenyTokenMissing},
	{"Authorization Field Missing", event.DenyTokenMissing},
	{"Key has expired", event.DenyTokenExpired},
	{"Key not authorised", event.DenyTokenInvalid},
	{"Key not authorized", event.DenyTokenInvalid},
	{"Access to this API has been disallowed", event.DenyTokenInvalid},
	{"Access to this resource has been disallowed", event.DenyScope},
	{"Access to this API has been disallowed for this key", event.DenyScope},
	{"API Rate Limit Exceeded", event.DenyRateLimited},
	{"Rate limit exceeded", event.DenyRateLimited},
	{"Quota exceeded", event.DenyRateLimited},
}

func tykReason(message string) string {
	for _, m := range tykMessages {
		if message != "" && strings.Contains(message, m.part) {
			return m.reason
		}
	}
	return ""
}
