package gateway

import (
	"bytes"
	"time"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/gateway/jsondoc"
)

// Record is one record of a body.
type Record struct {
	Raw []byte
	// Carried is what the carrier says of it; nil where the gateway sent it itself.
	Carried *Carried
	// Reject is why a carrier's record could not be taken out; empty for a whole one.
	Reject Reason
}

// Carried is what a carrier says of one record.
type Carried struct {
	// ID names the record and is the same at every delivery; empty where the carrier gives none.
	ID string
	// Time is when the record was written, as the carrier knows it: it counts where the record names none.
	Time time.Time
	// Resource says where the record came from: a log group, a project, a subscription.
	Resource event.Attrs
	// Attrs are further fields of the carrier, under its own name.
	Attrs event.Attrs
}

// Bundle is what one body holds.
type Bundle struct {
	Records []Record
	// Carrier is the name of the outermost carrier, empty without one.
	Carrier string
	// DeliveryID is the carrier's id of the body, the same when it sends the body again; empty without one.
	DeliveryID string
}

// OpenLimits bound what Open makes of a body.
type OpenLimits struct {
	// Records a body may hold, those in carriers included; MaxRecords if it is not positive. Beyond: a *SplitError
	// with ReasonTooManyRecords.
	Records int
	// Bytes that a carrier's contents may decode to in all, MaxOpenedBytes if it is not positive. Beyond: a
	// *SplitError with ReasonTooLarge.
	Bytes int
	// Reserve is asked for room before so many bytes more are kept, for a caller that bounds all bodies together; nil
	// where there is none. False refuses the body with ReasonInflight.
	Reserve func(bytes int) bool
}

const (
	// MaxOpenedBytes is what the carriers of one body may decode to: three times what Firehose may send (64 MiB
	// before encoding is its maximum; 20 MiB is the default limit of a body here).
	MaxOpenedBytes = 64 << 20
	// maxCarriers is how deep carriers stand in each other: Firehose around CloudWatch around lines is two.
	maxCarriers = 3
)

// carrier is an envelope of many records, or of one in an encoding: what a cloud's delivery service puts around a
// gateway's log. A shipper's envelope of one record, with the record as a text in it, is undone by the parser.
type carrier struct {
	name string
	// hint is a name that every envelope of the carrier has before or behind what it carries; it keeps the search for
	// carriers off other bodies.
	hint []byte
	// open adds the contents of the envelope in doc to o; false means that it is no envelope of this carrier.
	open func(o *opener, doc *jsondoc.Doc) bool
	// list is, for an envelope that is no more than a list of records, the name of the array that is its first member.
	// Such an envelope is cut like any array: it may hold more records than a document may hold values.
	list string
}

// carriers are tried in order. They are set by init because a carrier may hold another: the list and its elements
// name each other.
var carriers []*carrier

func init() {
	carriers = []*carrier{firehoseCarrier, cloudwatchCarrier, cloudtrailCarrier, pubsubCarrier, azureCarrier}
}

// Open cuts a body into records, like Split, and takes the records out of carriers.
func Open(body []byte, l OpenLimits) (Bundle, error) {
	if l.Records <= 0 {
		l.Records = MaxRecords
	}
	if l.Bytes <= 0 {
		l.Bytes = MaxOpenedBytes
	}
	o := opener{limits: l}
	if isTestUpload(bytes.TrimSpace(body)) {
		return o.bundle, nil
	}
	if err := o.body(body); err != nil {
		return Bundle{}, err
	}
	return o.bundle, nil
}

// opener collects the records of one body.
type opener struct {
	limits OpenLimits
	bundle Bundle
	opened int // bytes decoded so far
	docs   [maxCarriers]jsondoc.Doc
	around []*Carried // the carriers around what is being read, outermost first
	failed *SplitError
}

// body adds the records of a body, or of a carrier's content.
func (o *opener) body(body []byte) *SplitError {
	body = bytes.TrimSpace(body)
	if o.envelope(body) {
		return o.failed
	}
	records, err := split(body, o.limits.Records-len(o.bundle.Records), o.carried())
	if err != nil {
		if err.Limit != 0 {
			err.Limit = o.limits.Records
		}
		return err
	}
	// A body is of one kind: where the first record is no envelope, the others are not looked at.
	if len(records) < 2 || !o.envelope(records[0].Raw) {
		o.addAll(records)
		return o.failed
	}
	for i := 1; i < len(records) && o.failed == nil; i++ {
		if !o.envelope(records[i].Raw) {
			o.add(records[i])
		}
	}
	return o.failed
}

// envelope opens raw if it is one.
func (o *opener) envelope(raw []byte) bool {
	depth := len(o.around)
	if depth == maxCarriers || len(raw) == 0 || raw[0] != '{' {
		return false
	}
	doc := &o.docs[depth]
	parsed := false
	for _, c := range carriers {
		if c.list != "" {
			if o.elements(raw, c.list) {
				o.openedBy(c)
				return true
			}
			continue
		}
		if !hinted(raw, c.hint) {
			continue
		}
		if !parsed {
			if doc.Parse(string(raw), jsondoc.Limits{Depth: MaxDepth, Nodes: maxCarrierNodes}) != nil {
				return false
			}
			parsed = true
		}
		if doc.Node(0).Kind == jsondoc.Object && c.open(o, doc) {
			o.openedBy(c)
			return true
		}
	}
	return false
}

// hintBytes is how far from its beginning or its end an envelope has its own names: what stands between is what it
// carries, which may be megabytes.
const hintBytes = 4 << 10

func hinted(raw, hint []byte) bool {
	if len(raw) <= 2*hintBytes {
		return bytes.Contains(raw, hint)
	}
	return bytes.Contains(raw[:hintBytes], hint) || bytes.Contains(raw[len(raw)-hintBytes:], hint)
}

// openedBy notes the outermost carrier.
func (o *opener) openedBy(c *carrier) {
	if len(o.around) == 0 && o.bundle.Carrier == "" {
		o.bundle.Carrier = c.name
	}
}

// isTestUpload reports whether a body is what Cloudflare Logpush sends to see whether the destination answers.
func isTestUpload(body []byte) bool {
	return string(body) == "test" || string(body) == `{"content":"tests"}`
}

// maxCarrierNodes is room for MaxRecords messages of CloudWatch, of three fields each, and their envelope.
const maxCarrierNodes = 4*MaxRecords + 64

// content adds what a carrier holds under c: one record or many, or another carrier. Content that cannot be cut into
// records is one record, rejected by itself.
func (o *opener) content(data []byte, c *Carried) {
	if o.failed != nil {
		return
	}
	o.around = append(o.around, c)
	err := o.body(data)
	switch {
	case err == nil:
	case err.Reason == ReasonTooManyRecords || err.Reason == ReasonTooLarge || err.Reason == ReasonInflight:
		o.failed = err
	default:
		o.add(Record{Carried: o.carried(), Reject: err.Reason})
	}
	o.around = o.around[:len(o.around)-1]
}

// undecodable adds a record of a carrier that could not be taken out of its encoding.
func (o *opener) undecodable(c *Carried) {
	o.add(Record{Carried: c, Reject: ReasonUndecodable})
}

// addAll adds records that the limit was kept for already.
func (o *opener) addAll(records []Record) {
	if o.bundle.Records == nil {
		o.bundle.Records = records
		return
	}
	o.bundle.Records = append(o.bundle.Records, records...)
}

func (o *opener) add(r Record) {
	if len(o.bundle.Records) >= o.limits.Records {
		o.failed = &SplitError{Reason: ReasonTooManyRecords, Limit: o.limits.Records}
		return
	}
	o.bundle.Records = append(o.bundle.Records, r)
}

// take reserves n decoded bytes.
func (o *opener) take(n int) bool {
	o.opened += n
	switch {
	case o.failed != nil:
	case o.opened > o.limits.Bytes:
		o.failed = &SplitError{Reason: ReasonTooLarge}
	case o.limits.Reserve != nil && !o.limits.Reserve(n):
		o.failed = &SplitError{Reason: ReasonInflight}
	}
	return o.failed == nil
}

// carried is what all carriers around the records say of them together: the innermost's word where two say the same.
func (o *opener) carried() *Carried {
	switch len(o.around) {
	case 0:
		return nil
	case 1:
		return o.around[0]
	}
	all := *o.around[len(o.around)-1]
	for _, c := range o.around[:len(o.around)-1] {
		if all.ID == "" {
			all.ID = c.ID
		}
		if all.Time.IsZero() {
			all.Time = c.Time
		}
		all.Resource = under(c.Resource, all.Resource)
		all.Attrs = under(c.Attrs, all.Attrs)
	}
	return &all
}

// under returns outer with what inner says set over it.
func under(outer, inner event.Attrs) event.Attrs {
	all := outer.Clone()
	for _, a := range inner {
		all.Set(a.Key, a.Value)
	}
	return all
}
