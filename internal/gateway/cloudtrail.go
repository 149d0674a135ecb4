package gateway

import (
	"strings"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/gateway/jsondoc"
)

// cloudtrailFormat is a record of AWS CloudTrail, by itself or in the detail of an EventBridge event. It names the
// access key that signed the call, so it says of a credential what the API's own log would.
var cloudtrailFormat = &format{
	name:    FormatCloudTrail,
	object:  fillCloudTrail,
	marks:   []string{"eventSource", "eventName", "userIdentity", "sourceIPAddress", "awsRegion", "eventVersion", "detail-type"},
	certain: isCloudTrail,
	remedies: []Remedy{{
		Blind:  event.VisibilityID,
		Advice: "The id of an access key is all there is to see of it; one issuer for all sources that see AWS keys gives one fingerprint.",
		Setting: `receivers:
  api_log:
    sources:
      - {name: cloudtrail, path: /ingest/aws, format: cloudtrail, issuer: aws}
      - {name: edge, path: /ingest/edge, format: nginx, issuer: aws} # sees the same keys in Authorization: AWS4-HMAC-SHA256
`,
	}},
}

// cloudtrailCarrier is a file as CloudTrail writes it to a bucket.
var cloudtrailCarrier = &carrier{name: "cloudtrail", list: "Records"}

// kindAccessKey is the kind of an AWS access key id, as internal/secret has it for a signed request: both give one
// fingerprint where the sources have one issuer.
const kindAccessKey = "sigv4"

// awsDomain stands in the name of every service that CloudTrail logs.
const awsDomain = ".amazonaws.com"

// cloudtrailRecord returns where the record begins: at the top, or in detail.
func cloudtrailRecord(doc *jsondoc.Doc) int {
	if i, ok := doc.Get(0, "detail"); ok && doc.Node(i).Kind == jsondoc.Object {
		return i
	}
	return 0
}

// isCloudTrail tells the record from S3's notifications, which have the same names at the top.
func isCloudTrail(doc *jsondoc.Doc) bool {
	i := cloudtrailRecord(doc)
	source, ok := doc.Get(i, "eventSource")
	_, named := doc.Get(i, "eventName")
	return ok && named && strings.Contains(doc.Node(source).Text, awsDomain)
}

func fillCloudTrail(d *draft) error {
	t := cloudtrail{d: d}
	top := cloudtrailRecord(&d.doc)
	for i, n := range d.doc.Children(top) {
		if !t.field(i, n) {
			d.rest.node(&d.doc, i)
		}
	}
	switch t.kind {
	case "AwsServiceEvent", "AwsCloudTrailInsight", "AwsVpceEvents": // no call of an API by its caller
		return reject(ReasonNotARequest)
	}
	switch {
	case t.source == "" || t.name == "":
		return reject(ReasonMissingFields)
	case !strings.Contains(t.source, awsDomain):
		return reject(ReasonUnknownFormat)
	}
	if top != 0 {
		t.envelope()
	}
	t.finish()
	return nil
}

// cloudtrail is what the parts of one record say together.
type cloudtrail struct {
	d                                       *draft
	source, name, kind                      string
	requestID, eventID, code                string
	key, principal, arn, user, role, issuer string
	login                                   string // Success or Failure, of a person at the console
}

// field takes one field of the record; false leaves it with the rest.
func (t *cloudtrail) field(i int, n *jsondoc.Node) bool {
	d := t.d
	switch n.Key {
	case "eventTime":
		d.end = parseTime(textOf(n)) // when the call was done
		return !d.end.IsZero()
	case "eventSource":
		t.source = textOf(n)
		return false
	case "eventName":
		t.name = textOf(n)
		return false
	case "eventType":
		t.kind = textOf(n)
		return false
	case "requestID":
		t.requestID = textOf(n)
	case "eventID":
		t.eventID = textOf(n)
		return false
	case "errorCode":
		t.code = textOf(n)
		return false
	case "sourceIPAddress":
		d.client = textOf(n)
	case "userAgent":
		d.userAgent = strings.TrimSuffix(strings.TrimPrefix(textOf(n), "["), "]")
	case "awsRegion":
		d.resource("cloud.region", textOf(n))
	case "recipientAccountId":
		d.resource("cloud.account.id", textOf(n))
	case "responseElements": // an answer's body: it may hold a session's token
		if n.Kind == jsondoc.Object {
			d.r.Unkept = append(d.r.Unkept, n.Text)
			t.login = t.member(i, "ConsoleLogin")
		}
	case "userIdentity":
		t.each(i, n, t.userIdentity)
	case "tlsDetails":
		t.each(i, n, t.tls)
	case "additionalEventData":
		t.each(i, n, t.additional)
	default:
		return false
	}
	return true
}

// each walks the members of an object; what take leaves is kept with the rest.
func (t *cloudtrail) each(i int, n *jsondoc.Node, take func(int, *jsondoc.Node) bool) {
	d := t.d
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

func (t *cloudtrail) userIdentity(i int, n *jsondoc.Node) bool {
	switch n.Key {
	case "accessKeyId":
		t.key = textOf(n)
		return true
	case "principalId":
		t.principal = textOf(n)
	case "arn":
		t.arn = textOf(n)
	case "userName":
		t.user = textOf(n)
	case "sessionContext":
		if at, ok := t.d.doc.Get(i, "sessionIssuer"); ok {
			t.issuer = t.member(at, "arn")
			t.role = t.member(at, "userName")
		}
	}
	return false
}

func (t *cloudtrail) member(i int, name string) string {
	if at, ok := t.d.doc.Get(i, name); ok {
		return textOf(t.d.doc.Node(at))
	}
	return ""
}

func (t *cloudtrail) tls(_ int, n *jsondoc.Node) bool {
	if n.Key != "clientProvidedHostHeader" {
		return false
	}
	t.d.host = textOf(n)
	return true
}

func (t *cloudtrail) additional(_ int, n *jsondoc.Node) bool {
	switch n.Key {
	case "bytesTransferredIn":
		t.d.requestBody = sizeOf(n)
		return t.d.requestBody.ok
	case "bytesTransferredOut":
		t.d.responseBody = sizeOf(n)
		return t.d.responseBody.ok
	}
	return false
}

// envelope keeps what EventBridge wrote around the record, but for what the record says itself.
func (t *cloudtrail) envelope() {
	d := t.d
	mark := d.rest.enter("eventbridge")
	for i, n := range d.doc.Children(0) {
		switch n.Key {
		case "detail", "account", "region", "time":
		default:
			d.rest.node(&d.doc, i)
		}
	}
	d.rest.leave(mark)
}

// resource sets a resource attribute that says something.
func (d *draft) resource(key, v string) {
	if v != "" {
		d.r.Resource.Set(key, event.String(v))
	}
}
