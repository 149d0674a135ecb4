package apilogreceiver

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/event/plogevent"
	"github.com/keytrail/keytrail/internal/fingerprint"
	"github.com/keytrail/keytrail/internal/gateway"
	"github.com/keytrail/keytrail/internal/secret"
)

// reasonInternal is the rejection of a record that a parser failed on: our fault, seen and counted.
const reasonInternal = "internal"

// intake turns one body into sealed events. It is taken from a pool: records, maps and buffers are used again.
type intake struct {
	src       *source
	format    string
	parser    gateway.Parser
	ring      *fingerprint.Ring
	templates *templates
	limits    *Limits
	arrival   time.Time
	live      bool // captured requests: there is no body to tell records apart by

	body     []byte
	budget   *budget          // of all bodies; nil where there is none to take
	room     *room            // for events of all bodies
	opened   int64            // bytes taken from it for what carriers hold
	common   event.Attrs      // what the request says of all its records
	delivery string           // the carrier's id of the body
	carried  *gateway.Carried // what the carrier says of the record at hand
	digest   string           // of the body, once a record needs it
	seen     map[string]int   // content id → how many of it this body held so far
	rec      event.Record
	untimed  bool // the record at hand names no time
	said     said
	groups   grouping
	writer   plogevent.Writer
	tally    tally
}

var intakes = sync.Pool{New: func() any { return &intake{seen: make(map[string]int)} }}

// keepEntries is how large a map or list may have grown to be used again: above it one odd body would hold memory
// for good.
const keepEntries = 4096

func (in *intake) free() {
	if in.budget != nil {
		in.budget.give(in.opened)
	}
	if len(in.seen) > keepEntries || len(in.groups.byKey) > keepEntries || cap(in.rec.Attrs) > keepEntries {
		return
	}
	clear(in.seen)
	in.rec.Reset()
	clear(in.rec.Attrs[:cap(in.rec.Attrs)]) // see next
	in.groups.reset()
	in.tally.reset()
	*in = intake{seen: in.seen, rec: in.rec, groups: in.groups, writer: in.writer, tally: in.tally}
	intakes.Put(in)
}

// next empties the record for another of the same body. Its attributes are written over, not wiped: the body that they
// came from is still held, and free wipes what is left of all.
func (in *intake) next() {
	r := &in.rec
	attrs := r.Attrs[:0]
	r.Attrs = nil
	r.Reset()
	r.Attrs = attrs
}

// run takes every record of the body and hands the events on, a part of the body at a time. The error is gateway's
// *SplitError or hand's; anything wrong with one record is in the tally.
func (in *intake) run(ctx context.Context, body []byte, hand func(plog.Logs) error) error {
	in.body = body
	bundle, err := gateway.Open(body, gateway.OpenLimits{
		Records: in.limits.MaxRecords,
		// What could not fit beside its own body would be refused again and again.
		Bytes:   int(min(gateway.MaxOpenedBytes, in.limits.InflightBytes/2)),
		Reserve: in.reserve,
	})
	if err != nil {
		return err
	}
	in.delivery = bundle.DeliveryID
	for from := 0; from < len(bundle.Records); {
		to, text := part(bundle.Records, from)
		if err := in.part(ctx, bundle.Records[from:to], from, text, hand); err != nil {
			return err
		}
		from = to
	}
	return nil
}

// partBytes is how much text is made into events at a time: a body of megabytes would else be held as events, which
// are many times its size, all at once. What gateways send in one body is mostly below it.
const partBytes = 128 << 10

// part returns the end of the part that begins at from, and the bytes of its text.
func part(records []gateway.Record, from int) (to, text int) {
	for to = from; to < len(records); to++ {
		if text > 0 && text+len(records[to].Raw) > partBytes {
			break
		}
		text += len(records[to].Raw)
	}
	return to, text
}

// part waits its turn for the memory that the events will take, and hands them on.
func (in *intake) part(ctx context.Context, records []gateway.Record, from, text int, hand func(plog.Logs) error) error {
	done, err := in.room.take(ctx, text)
	if err != nil {
		return err
	}
	defer done()
	in.groups.reset()
	in.groups.into = plog.NewLogs()
	before := in.tally.report.Accepted
	for i := range records {
		switch reason := in.take(from+i, &records[i]); reason {
		case "":
		case string(gateway.ReasonNotARequest):
			in.tally.skipped++
		default:
			in.tally.reject(from+i, reason)
		}
	}
	if in.tally.report.Accepted == before {
		return nil
	}
	return hand(in.groups.into)
}

// reserve takes room for what a carrier of the body holds. It is given back with the intake.
func (in *intake) reserve(bytes int) bool {
	if in.budget == nil {
		return true
	}
	if !in.budget.take(int64(bytes)) {
		return false
	}
	in.opened += int64(bytes)
	return true
}

// take is the way of one record; it returns the reason for which it goes no further.
func (in *intake) take(index int, record *gateway.Record) (reason string) {
	in.next()
	in.carried = record.Carried
	switch {
	case record.Reject != "":
		return string(record.Reject)
	case len(record.Raw) > in.limits.MaxRecordBytes:
		in.tally.oversized++
		return string(gateway.ReasonTooLarge)
	}
	claimed, reason := in.parse(record.Raw)
	if reason != "" {
		return reason
	}
	if in.carried != nil {
		claimed = in.carry(claimed)
	}
	in.pass(index, claimed, event.CaptureLog)
	return ""
}

// carry adds what the carrier says to what the gateway said, whose word stands where both speak.
func (in *intake) carry(claimed time.Time) time.Time {
	r, c := &in.rec, in.carried
	addMissing(&r.Resource, c.Resource)
	addMissing(&r.Resource, in.common)
	addMissing(&r.Attrs, c.Attrs)
	if claimed.IsZero() {
		return c.Time
	}
	return claimed
}

func addMissing(to *event.Attrs, from event.Attrs) {
	for _, a := range from {
		if _, have := to.Get(a.Key); !have {
			to.Add(a.Key, a.Value)
		}
	}
}

// pass is the way of every record, read from a log or captured live: bound the time, seal, identify, hand on.
func (in *intake) pass(index int, claimed time.Time, capture string) {
	r := &in.rec
	in.untimed = claimed.IsZero()
	if r.BoundTime(claimed, in.arrival, in.src.window) {
		in.tally.outOfBounds++
	}
	r.Name = event.NameRequest
	if r.Resource.Str(event.KeyServiceName) == "" {
		r.Resource.Set(event.KeyServiceName, event.String(in.src.service))
	}
	r.Attrs.Set(event.KeyCapture, event.String(capture))
	r.Attrs.Add(event.KeySource, event.String(in.src.name))

	out := in.seal()
	in.said.read(r.Attrs)
	r.Severity = event.SeverityOf(in.said.status)
	in.identify(index, out)
	in.tally.accept(r, out, &in.said)
	in.writer.Write(r, in.groups.of(r).AppendEmpty())
}

// parse is a boundary for panics: hostile input that trips a parser costs its own record only.
func (in *intake) parse(raw []byte) (claimed time.Time, reason string) {
	defer func() {
		if recover() != nil {
			reason = reasonInternal
		}
	}()
	claimed, err := in.parser.Parse(raw, &in.rec)
	if err != nil {
		var rejected *gateway.RejectError
		if errors.As(err, &rejected) {
			return claimed, string(rejected.Reason)
		}
		return claimed, reasonInternal
	}
	return claimed, ""
}

// seal replaces the credentials. A record that trips the sealer goes on as what cannot hold a credential: a request
// is never absent because its content was hostile.
func (in *intake) seal() (out secret.Outcome) {
	defer func() {
		if recover() != nil {
			bare(&in.rec, in.src)
			out = secret.Outcome{Failed: true}
		}
	}()
	return in.src.sealer.Record(&in.rec)
}
