package gateway

import (
	"strings"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/gateway/jsondoc"
)

// pubsubCarrier is a push of Google Pub/Sub, one message a body. A push without the wrapping is the message itself,
// which needs no carrier.
//
//	{"message":{"data":"<base64>","attributes":{…},"messageId":"…","publishTime":"…"},"subscription":"projects/…"}
var pubsubCarrier = &carrier{name: "pubsub", hint: []byte(`"subscription"`), open: openPubSub}

func openPubSub(o *opener, doc *jsondoc.Doc) bool {
	m, ok := doc.Get(0, "message")
	if !ok || doc.Node(m).Kind != jsondoc.Object {
		return false
	}
	text := func(i int, names ...string) string {
		for _, name := range names {
			if at, ok := doc.Get(i, name); ok {
				return textOf(doc.Node(at))
			}
		}
		return ""
	}
	subscription, id := text(0, "subscription"), text(m, "messageId", "message_id")
	if subscription == "" || id == "" {
		return false
	}
	c := &Carried{ID: id, Time: parseTime(text(m, "publishTime", "publish_time"))}
	c.Resource.Add("cloud.provider", event.String("gcp"))
	if project, _, ok := strings.Cut(strings.TrimPrefix(subscription, "projects/"), "/"); ok {
		c.Resource.Add("cloud.account.id", event.String(project))
	}
	c.Resource.Add("messaging.destination.subscription.name", event.String(subscription))
	if len(o.around) == 0 {
		o.bundle.DeliveryID = id
	}
	pubsubAttributes(doc, m, c)
	data := text(m, "data")
	if b, ok := o.unpack(data); ok {
		o.content(b, c)
	} else if o.failed == nil {
		o.undecodable(c)
	}
	return true
}

// maxPubSubAttributes bounds the attributes of a message that are kept; a sink of Cloud Logging sets one, Pub/Sub
// itself allows a hundred.
const maxPubSubAttributes = 16

func pubsubAttributes(doc *jsondoc.Doc, message int, c *Carried) {
	i, ok := doc.Get(message, "attributes")
	if !ok || doc.Node(i).Kind != jsondoc.Object {
		return
	}
	for _, n := range doc.Children(i) {
		if v := textOf(n); v != "" && len(n.Key) <= maxRestKey && len(c.Attrs) < maxPubSubAttributes {
			c.Attrs.Set("pubsub."+n.Key, event.String(v))
		}
	}
}
