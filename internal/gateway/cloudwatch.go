package gateway

import (
	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/gateway/jsondoc"
)

// cloudwatchCarrier is what a subscription of CloudWatch Logs delivers, through Firehose or by itself:
//
//	{"messageType":"DATA_MESSAGE","owner":"…","logGroup":"…","logStream":"…","subscriptionFilters":[…],
//	 "logEvents":[{"id":"…","timestamp":1795442400000,"message":"…"},…]}
var cloudwatchCarrier = &carrier{name: "cloudwatch", hint: []byte(`"messageType"`), open: openCloudWatch}

func openCloudWatch(o *opener, doc *jsondoc.Doc) bool {
	kind, ok := doc.Get(0, "messageType")
	list, found := doc.Get(0, "logEvents")
	if !ok || !found || doc.Node(list).Kind != jsondoc.Array {
		return false
	}
	switch doc.Node(kind).Text {
	case "DATA_MESSAGE":
	case "CONTROL_MESSAGE": // CloudWatch tests whether the destination can be reached: nobody's request
		return true
	default:
		return false
	}
	o.around = append(o.around, &Carried{Resource: logGroup(doc)})
	base := o.carried()
	o.around = o.around[:len(o.around)-1]
	for c := range doc.Children(list) {
		o.logEvent(doc, c, base)
		if o.failed != nil {
			break
		}
	}
	return true
}

// logEvent takes one event. Its message is one record whatever is in it: a line break in a message is no boundary.
func (o *opener) logEvent(doc *jsondoc.Doc, i int, base *Carried) {
	c := *base
	if at, ok := doc.Get(i, "id"); ok && textOf(doc.Node(at)) != "" {
		c.ID = textOf(doc.Node(at))
	}
	if at, ok := doc.Get(i, "timestamp"); ok {
		c.Time = parseMillis(textOf(doc.Node(at)))
	}
	at, ok := doc.Get(i, "message")
	if !ok || doc.Node(at).Kind != jsondoc.String {
		o.undecodable(&c)
		return
	}
	o.add(Record{Raw: []byte(doc.Node(at).Text), Carried: &c})
}

// logGroup says where the messages were written.
func logGroup(doc *jsondoc.Doc) event.Attrs {
	a := event.Attrs{cloudAWS}
	text := func(member string) string {
		if at, ok := doc.Get(0, member); ok {
			return textOf(doc.Node(at))
		}
		return ""
	}
	if v := text("owner"); v != "" {
		a.Add("cloud.account.id", event.String(v))
	}
	if v := text("logGroup"); v != "" {
		a.Add("aws.log.group.names", event.Strings([]string{v}))
	}
	if v := text("logStream"); v != "" {
		a.Add("aws.log.stream.names", event.Strings([]string{v}))
	}
	return a
}
