package event

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"sync"
	"time"
)

// Where an event id comes from depends on what the sender gives; each way has its own domain so that ids of two
// ways never meet. An id is 32 hexadecimal digits.
const (
	idSpan    = "span"
	idContent = "content"
	idLine    = "line"
	idBody    = "body"
)

// SpanID returns the id of the event a span becomes.
func SpanID(trace [16]byte, span [8]byte) string {
	return hashID(idSpan, string(trace[:]), string(span[:]))
}

// ContentID returns the id of a sealed record that carries a gateway request id: a hash of everything the record
// says. oldest are the fingerprints of its credentials under the oldest live epoch, so that a key rotation
// between a send and its retry does not change the id; ordinal tells identical records of one body apart.
func ContentID(source string, r *Record, oldest []string, ordinal int) string {
	scratch := scratchPool.Get().(*[]byte)
	b := appendStr((*scratch)[:0], idContent)
	b = appendStr(b, source)
	b = appendList(b, oldest)
	if _, replaced := r.Attrs.Get(KeyTimeClaimed); !replaced { // then Time is the arrival, which a re-send changes
		b = binary.BigEndian.AppendUint64(b, uint64(r.Time))
	}
	b = binary.AppendUvarint(b, uint64(ordinal))
	b = append(b, r.TraceID[:]...)
	b = append(b, r.SpanID[:]...)
	for i := range r.Attrs {
		if a := &r.Attrs[i]; !volatile(a.Key) {
			b = appendStr(b, a.Key)
			b = a.Value.append(b)
		}
	}
	id := shortSum(b)
	*scratch = b
	scratchPool.Put(scratch)
	return id
}

// scratchPool holds buffers for what is hashed: an event is a kilobyte or two, and every request needs one.
var scratchPool = sync.Pool{New: func() any { return new([]byte) }}

func shortSum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16])
}

// LineID returns the id of a record read from a file: its place and its scrubbed line.
func LineID(source, path string, offset int64, line string) string {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(offset))
	return hashID(idLine, source, path, string(b[:]), line)
}

// BodyID returns the id of record index of a body that names no request ids; digest is the keyed digest of the
// whole body, so that a re-sent body repeats its ids and equal lines of one body stay apart.
func BodyID(source, digest string, index int) string {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(index))
	return hashID(idBody, source, digest, string(b[:]))
}

// volatile keys depend on the key epoch or on the owner directory, not on the request.
func volatile(key string) bool {
	return strings.HasPrefix(key, PrefixToken) || key == KeyEventID
}

func hashID(parts ...string) string {
	var room [256]byte
	b := room[:0]
	for _, p := range parts {
		b = appendStr(b, p)
	}
	return shortSum(b)
}

// RequestKey returns what joins the events that log, span, mirror and several hops give of one request: the trace
// id and the fingerprint, else the gateway's request id and the source, else nothing.
func RequestKey(trace [16]byte, fingerprint, requestID, source string) string {
	switch {
	case trace != [16]byte{}:
		return hashID("trace", string(trace[:]), fingerprint)
	case requestID != "":
		return hashID("request", requestID, source)
	}
	return ""
}

// Window is how far a claimed time may lie from the arrival before the arrival replaces it.
type Window struct{ Back, Ahead time.Duration }

// DefaultWindow bounds the claimed time: a month covers every shipper's backlog, ten minutes every clock we want
// to believe.
var DefaultWindow = Window{Back: 30 * 24 * time.Hour, Ahead: 10 * time.Minute}

// BoundTime sets r.Time from the claimed time: inside the window it is kept; outside, the arrival becomes the time
// and the claim is kept as an attribute. It reports whether the claim was out of bounds.
func (r *Record) BoundTime(claimed time.Time, arrival time.Time, w Window) bool {
	r.Observed = arrival.UnixNano()
	if claimed.IsZero() {
		r.Time = r.Observed
		return false
	}
	if claimed.Before(arrival.Add(-w.Back)) || claimed.After(arrival.Add(w.Ahead)) {
		r.Time = r.Observed
		r.Attrs.Set(KeyTimeClaimed, String(claimed.UTC().Format(time.RFC3339Nano)))
		return true
	}
	r.Time = claimed.UnixNano()
	return false
}

// SeverityOf gives the OpenTelemetry severity number of an HTTP status: INFO below 400, WARN below 500, else ERROR.
func SeverityOf(status int64) int32 {
	switch {
	case status >= 500:
		return 17
	case status >= 400:
		return 13
	}
	return 9
}
