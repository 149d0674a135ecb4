package detect

import (
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/fingerprint"
)

// request is what the detectors read of one event, gathered in one pass over its attributes.
type request struct {
	rec    *event.Record
	minute uint32 // of the event time, since 1970
	key    fingerprint.ID
	owner  uint32 // hash of the owner, or of the key where no owner is known

	fingerprint, previous, principal, principalPrevious, claimed string
	basis, tokenFormat, state, revokedAt, expiresAt, deny        string
	others                                                       []string
	ownerID, ownerName, tokenName, ownerSource                   string
	method, route, template, path, service                       string
	capture, source, eventID, requestKey, redaction              string
	status                                                       int

	network uint32 // 0 where the client is unknown
	client  string
	asn     int64
}

const nanosPerMinute = int64(time.Minute)

func (q *request) read(r *event.Record) {
	*q = request{rec: r, minute: minuteOf(r.Time)}
	for i := range r.Attrs {
		a := &r.Attrs[i]
		switch a.Key {
		case event.KeyStatus:
			q.status = int(a.Value.Int())
		case event.KeyClientAS:
			q.asn = a.Value.Int()
		case event.KeyOthers:
			q.others = a.Value.Strings()
		default:
			if p := q.text(a.Key); p != nil {
				*p = a.Value.Str()
			}
		}
	}
	q.service = r.Resource.Str(event.KeyServiceName)
}

// text is where the value of a text key goes, nil for a key nobody reads here.
func (q *request) text(key string) *string {
	switch key {
	case event.KeyFingerprint:
		return &q.fingerprint
	case event.KeyFingerprintPrev:
		return &q.previous
	case event.KeyPrincipal:
		return &q.principal
	case event.KeyPrincipalPrev:
		return &q.principalPrevious
	case event.KeyPrincipalClaimed:
		return &q.claimed
	case event.KeyPrincipalBasis:
		return &q.basis
	case event.KeyTokenFormat:
		return &q.tokenFormat
	case event.KeyTokenState:
		return &q.state
	case event.KeyTokenRevokedAt:
		return &q.revokedAt
	case event.KeyTokenExpiresAt:
		return &q.expiresAt
	case event.KeyDenyReason:
		return &q.deny
	case event.KeyOwnerID:
		return &q.ownerID
	case event.KeyOwnerName:
		return &q.ownerName
	case event.KeyOwnerSource:
		return &q.ownerSource
	case event.KeyTokenName:
		return &q.tokenName
	}
	return q.requestText(key)
}

func (q *request) requestText(key string) *string {
	switch key {
	case event.KeyMethod:
		return &q.method
	case event.KeyRoute:
		return &q.route
	case event.KeyTemplate:
		return &q.template
	case event.KeyPath:
		return &q.path
	case event.KeyClientAddress:
		return &q.client
	case event.KeyCapture:
		return &q.capture
	case event.KeySource:
		return &q.source
	case event.KeyEventID:
		return &q.eventID
	case event.KeyRequestKey:
		return &q.requestKey
	case event.KeyRedaction:
		return &q.redaction
	}
	return nil
}

func minuteOf(nanos int64) uint32 {
	if nanos < 0 {
		return 0
	}
	return uint32(nanos / nanosPerMinute)
}

func timeOf(minute uint32) time.Time { return time.Unix(int64(minute)*60, 0).UTC() }

func (q *request) day() uint16 { return uint16(q.minute / minutesPerDay) }

// accepted reports an answer that says yes.
func (q *request) accepted() bool { return q.status >= 200 && q.status < 400 }

// quotable reports whether the event's own text may stand in an alert: only what went through redaction.
func (q *request) quotable() bool { return q.redaction == event.RedactionDone }

// baselined reports whether the event may teach. A mirror shows what was tried, not what was answered; an auth
// sub-request has no answer of its own.
func (q *request) baselined() bool {
	return q.capture != event.CaptureMirror && q.capture != event.CaptureAuth
}

// hasher mixes a seed that is kept with the state into every hash, so that nobody can search for a path or an
// address that falls on one that a token already knows.
type hasher struct{ seed uint64 }

func (h hasher) text(parts ...string) uint64 {
	x := h.seed
	for _, p := range parts {
		x = mix(x ^ xxhash.Sum64String(p))
	}
	return x
}

// mix is the finaliser of splitmix64.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// short folds a hash to 32 bits; 0 stands for "none" in the tables.
func short(x uint64) uint32 { return max(uint32(x>>32), 1) }

// findNetwork sets the network the client belongs to: its AS where known, else its /24 or /48, which survives
// dynamic addresses and IPv6 privacy extensions.
func (q *request) findNetwork(h hasher) {
	if q.asn > 0 {
		q.network = short(mix(h.seed ^ uint64(q.asn)))
		return
	}
	p, ok := prefixOf(q.client)
	if !ok {
		return
	}
	b := p.Addr().As16()
	q.network = short(mix(h.seed ^ mix(binary.BigEndian.Uint64(b[:8])) ^ binary.BigEndian.Uint64(b[8:])))
}

func prefixOf(client string) (netip.Prefix, bool) {
	addr, err := netip.ParseAddr(client)
	if err != nil {
		return netip.Prefix{}, false
	}
	addr = addr.Unmap().WithZone("")
	bits := 24
	if addr.Is6() {
		bits = 48
	}
	p, err := addr.Prefix(bits)
	return p, err == nil
}

// where names the network in a sentence.
func (q *request) where() string {
	if p, ok := prefixOf(q.client); ok {
		return p.String()
	}
	return "an unknown network"
}
