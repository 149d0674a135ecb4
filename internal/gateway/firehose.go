package gateway

import (
	"strconv"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/gateway/jsondoc"
)

// firehoseCarrier is the request of Amazon Data Firehose to an HTTP endpoint:
//
//	{"requestId":"…","timestamp":1795442400000,"records":[{"data":"<base64>"},…]}
//
// The data is lines, or gzip around a message of CloudWatch Logs.
var firehoseCarrier = &carrier{name: "firehose", hint: []byte(`"requestId"`), open: openFirehose}

// cloudAWS is what the semantic conventions call the provider.
var cloudAWS = event.Attr{Key: "cloud.provider", Value: event.String("aws")}

func openFirehose(o *opener, doc *jsondoc.Doc) bool {
	id, ok := doc.Get(0, "requestId")
	list, found := doc.Get(0, "records")
	if !ok || !found || doc.Node(id).Kind != jsondoc.String || doc.Node(list).Kind != jsondoc.Array {
		return false
	}
	delivery := doc.Node(id).Text
	i := 0
	for c := range doc.Children(list) {
		if _, ok := doc.Get(c, "data"); i == 0 && !ok {
			return false // the list of another envelope
		}
		o.firehoseRecord(doc, c, delivery, i)
		if i++; o.failed != nil {
			break
		}
	}
	if o.bundle.DeliveryID == "" {
		o.bundle.DeliveryID = delivery
	}
	return true
}

// firehoseRecord takes one record. The envelope's timestamp is that of the attempt, so it is nobody's time: a record
// sent again must be the same record. Its place in the request is, together with the request's id.
func (o *opener) firehoseRecord(doc *jsondoc.Doc, i int, delivery string, index int) {
	c := &Carried{Resource: event.Attrs{cloudAWS}}
	if delivery != "" {
		c.ID = delivery + "/" + strconv.Itoa(index)
	}
	at, ok := doc.Get(i, "data")
	if !ok || doc.Node(at).Kind != jsondoc.String {
		o.undecodable(c)
		return
	}
	data, ok := o.unpack(doc.Node(at).Text)
	switch {
	case o.failed != nil:
	case !ok:
		o.undecodable(c)
	default:
		o.content(data, c)
	}
}
