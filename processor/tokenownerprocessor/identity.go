package tokenownerprocessor

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/event/plogevent"
	"github.com/keytrail/keytrail/internal/secret"
)

// Where the file_log receiver says a line stood (its include_file_path and include_file_record_offset).
const (
	keyFilePath   = "log.file.path"
	keyFileOffset = "log.file.record_offset"
)

// filePlace is where a line stood in a file.
type filePlace struct {
	path   string
	offset int64
}

func (f filePlace) known() bool { return f.path != "" }

// placeOf reads the place before redaction, which might change the path.
func placeOf(lr plog.LogRecord) filePlace {
	path := strOf(lr.Attributes(), keyFilePath)
	offset, ok := intOf(lr.Attributes(), keyFileOffset)
	if !ok || path == "" {
		return filePlace{}
	}
	return filePlace{path: path, offset: offset}
}

// intOf reads an integer, which some producers send as text or as a double.
func intOf(a pcommon.Map, key string) (int64, bool) {
	v, ok := a.Get(key)
	if !ok {
		return 0, false
	}
	switch v.Type() {
	case pcommon.ValueTypeInt:
		return v.Int(), true
	case pcommon.ValueTypeDouble:
		return int64(v.Double()), true
	case pcommon.ValueTypeStr:
		n, err := strconv.ParseInt(v.Str(), 10, 64)
		return n, err == nil
	}
	return 0, false
}

// bodyID gives ids to records that bring none, from the batch they came in.
type bodyID struct {
	digest  string
	index   int
	repeats map[string]int // content id -> how often it was met in this batch
}

// openLogs digests the batch as it came, if any record will need it. The digest costs a pass over all bytes, so
// batches of file lines do without.
func (b *bodyID) openLogs(c *call, ld plog.Logs) {
	for e := range plogevent.Logs(ld) {
		if c.sealed(e.Record.Attributes()) || placeOf(e.Record).known() {
			continue
		}
		raw, err := (&plog.ProtoMarshaler{}).MarshalLogs(ld)
		b.set(c, raw, err)
		return
	}
}

// openTraces is openLogs for spans, which nearly always have ids.
func (b *bodyID) openTraces(c *call, td ptrace.Traces) {
	for e := range plogevent.Spans(td) {
		if e.Span.TraceID().IsEmpty() || e.Span.SpanID().IsEmpty() {
			raw, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
			b.set(c, raw, err)
			return
		}
	}
}

func (b *bodyID) set(c *call, raw []byte, err error) {
	if err == nil {
		b.digest = c.ring.BodyDigest(sha256.Sum256(raw))
	}
}

// next returns the index of the next record.
func (b *bodyID) next() int {
	b.index++
	return b.index - 1
}

// id returns the id of record index of the batch. Without a digest it is random: twice is better than never.
func (b *bodyID) id(source string, index int) string {
	if b.digest == "" {
		return b.random()
	}
	return event.BodyID(source, b.digest, index)
}

func (b *bodyID) random() string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	return hex.EncodeToString(id[:])
}

// ordinal counts the records of the batch that say exactly the same.
func (b *bodyID) ordinal(id string) int {
	if b.repeats == nil {
		b.repeats = make(map[string]int)
	}
	n := b.repeats[id]
	b.repeats[id] = n + 1
	return n
}

// logID identifies a record that is not from a file: by all it says where a gateway gave it a request id, which
// survives another batching, else by its place in the batch.
func (c *call) logID(lr plog.LogRecord, p *secret.Pass, index int, said bool) string {
	if strOf(lr.Attributes(), event.KeyRequestID) == "" {
		return c.body.id(c.cfg.Source, index)
	}
	r := event.Record{TraceID: lr.TraceID(), SpanID: lr.SpanID()}
	if said { // an arrival would differ in a re-send
		r.Time = int64(lr.Timestamp())
	}
	r.Attrs = plogevent.ReadAttrs(lr.Attributes(), nil)
	oldest := p.Oldest()
	id := event.ContentID(c.cfg.Source, &r, oldest, 0)
	if n := c.body.ordinal(id); n > 0 {
		id = event.ContentID(c.cfg.Source, &r, oldest, n)
	}
	return id
}

// moment is the time of a record: what it says, else its arrival.
func moment(lr plog.LogRecord) time.Time {
	if lr.Timestamp() != 0 {
		return lr.Timestamp().AsTime()
	}
	return lr.ObservedTimestamp().AsTime()
}

// boundLog holds the claimed time to the window around the arrival, and reports whether the producer said one. A
// record that is no request keeps its times where they are believable; an event gets the arrival as its observed
// time.
func (c *call) boundLog(lr plog.LogRecord, claimed time.Time, request bool) (said bool) {
	said = !claimed.IsZero() || lr.Timestamp() != 0
	if claimed.IsZero() && (lr.Timestamp() != 0 || lr.ObservedTimestamp() != 0) {
		claimed = moment(lr)
	}
	var r event.Record
	outside := r.BoundTime(claimed, c.now, c.cfg.window())
	if outside {
		c.retimed++
		lr.Attributes().PutStr(event.KeyTimeClaimed, r.Attrs.Str(event.KeyTimeClaimed))
	}
	if request || outside {
		lr.SetTimestamp(pcommon.Timestamp(r.Time))
	}
	if request || outside || lr.ObservedTimestamp() == 0 {
		lr.SetObservedTimestamp(pcommon.Timestamp(r.Observed))
	}
	return said
}

// boundSpan does the same for a span that is an event: whoever stores it files it under its start.
func (c *call) boundSpan(sp ptrace.Span) {
	var r event.Record
	var claimed time.Time
	if sp.StartTimestamp() != 0 {
		claimed = sp.StartTimestamp().AsTime()
	}
	if !r.BoundTime(claimed, c.now, c.cfg.window()) && sp.StartTimestamp() != 0 {
		return
	}
	if said := r.Attrs.Str(event.KeyTimeClaimed); said != "" {
		c.retimed++
		sp.Attributes().PutStr(event.KeyTimeClaimed, said)
	}
	var length pcommon.Timestamp
	if sp.EndTimestamp() > sp.StartTimestamp() && sp.StartTimestamp() != 0 {
		length = min(sp.EndTimestamp()-sp.StartTimestamp(), pcommon.Timestamp(event.DefaultWindow.Back))
	}
	sp.SetStartTimestamp(pcommon.Timestamp(r.Time))
	sp.SetEndTimestamp(pcommon.Timestamp(r.Time) + length)
}
