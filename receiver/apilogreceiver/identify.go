package apilogreceiver

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/secret"
)

// said is what the receiver itself reads of a sealed record, found in one walk over its dozens of attributes.
type said struct {
	requestID, fingerprint, path, eventID string
	format, scheme, claimed               string
	status                                int64
	duration                              float64
	routed                                bool // the gateway names the route
}

func (s *said) read(attrs event.Attrs) {
	*s = said{}
	for i := range attrs {
		v := &attrs[i].Value
		switch attrs[i].Key {
		case event.KeyRequestID:
			s.requestID = v.Str()
		case event.KeyFingerprint:
			s.fingerprint = v.Str()
		case event.KeyPath:
			s.path = v.Str()
		case event.KeyRoute:
			s.routed = true
		case event.KeyStatus:
			s.status = v.Int()
		case event.KeyFormat:
			s.format = v.Str()
		case event.KeyTokenScheme:
			s.scheme = v.Str()
		case event.KeyTimeClaimed:
			s.claimed = v.Str()
		case event.KeyDuration:
			s.duration = v.Double()
		}
	}
}

// identify gives the sealed record its ids and its template. The template comes after the id: what was learned of a
// service may change between a send and its retry, the id may not.
func (in *intake) identify(index int, out secret.Outcome) {
	r, said := &in.rec, &in.said
	switch {
	case said.requestID != "" && !out.Failed:
		said.eventID = in.contentID(in.src.name, out.Oldest)
	case in.carried != nil && in.carried.ID != "" && !out.Failed:
		said.eventID = in.contentID(in.src.name+"\x00"+in.carried.ID, out.Oldest)
	case in.live:
		said.eventID = randomID()
	default:
		said.eventID = event.BodyID(in.src.name, in.bodyDigest(), index)
	}
	r.Attrs.Add(event.KeyEventID, event.String(said.eventID))
	if key := event.RequestKey(r.TraceID, said.fingerprint, said.requestID, in.src.name); key != "" {
		r.Attrs.Add(event.KeyRequestKey, event.String(key))
	}
	if said.routed {
		return
	}
	service := r.Resource.Str(event.KeyServiceName)
	if t := in.templates.of(service, said.path, said.status); t != "" {
		r.Attrs.Add(event.KeyTemplate, event.String(t))
	}
}

// contentID gives records of one body that say the same their ordinals, so that equal lines stay as many as they
// were and a re-sent body repeats each.
func (in *intake) contentID(source string, oldest []string) string {
	if in.untimed { // its time is the arrival, which a re-send changes
		arrival := in.rec.Time
		in.rec.Time = 0
		defer func() { in.rec.Time = arrival }()
	}
	id := event.ContentID(source, &in.rec, oldest, 0)
	n := in.seen[id]
	in.seen[id] = n + 1
	if n == 0 {
		return id
	}
	return event.ContentID(source, &in.rec, oldest, n)
}

// bodyDigest is keyed: a body is guessable where a line of it is.
func (in *intake) bodyDigest() string {
	if in.digest == "" {
		in.digest = in.ring.BodyDigest(sha256.Sum256(in.body))
	}
	return in.digest
}

// randomID is the id of a captured request that carries no request id: it is handed over once and never sent again.
func randomID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the process instead
	return hex.EncodeToString(b[:])
}
