package tokenownerprocessor

import (
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/event/plogevent"
	"github.com/keytrail/keytrail/internal/owner"
	"github.com/keytrail/keytrail/internal/secret"
)

// link writes who owns the token, and what the token was at that time. p is the pass that sealed the record, nil
// for one that came sealed.
func (c *call) link(a pcommon.Map, at time.Time, p *secret.Pass) {
	if c.index == nil {
		return
	}
	t := tokenOf(a)
	if t.none() {
		return
	}
	row, ok := c.find(t, p)
	if !ok {
		c.misses++
		if t.state == "" {
			a.PutStr(event.KeyTokenState, event.StateUnknown)
		}
		return
	}
	c.hits++
	if p == nil { // an upstream may have named another owner, and half of each would be neither
		a.RemoveIf(func(k string, _ pcommon.Value) bool { return ownerKey(k) })
	}
	for _, attr := range row.Attrs() {
		plogevent.SetValue(a.PutEmpty(attr.Key), attr.Value)
	}
	a.PutStr(event.KeyTokenState, row.State(at))
}

// token is what an event says of its credentials.
type token struct {
	fingerprint, previous, credentialID, state string
	others                                     pcommon.Slice
	hasOthers                                  bool
}

func (t *token) none() bool { return t.fingerprint == "" && t.credentialID == "" }

func tokenOf(a pcommon.Map) (t token) {
	for k, v := range a.All() {
		if !strings.HasPrefix(k, event.PrefixToken) {
			continue
		}
		switch k {
		case event.KeyFingerprint:
			t.fingerprint = v.Str()
		case event.KeyFingerprintPrev:
			t.previous = v.Str()
		case event.KeyCredentialID:
			t.credentialID = v.Str()
		case event.KeyTokenState:
			t.state = v.Str()
		case event.KeyOthers:
			if v.Type() == pcommon.ValueTypeSlice {
				t.others, t.hasOthers = v.Slice(), true
			}
		}
	}
	return t
}

// find looks for the primary credential first, then for the others in their order.
func (c *call) find(t token, p *secret.Pass) (*owner.Row, bool) {
	if row, ok := c.index.ByText(t.fingerprint); ok {
		return row, true
	}
	if t.previous != "" {
		if row, ok := c.index.ByText(t.previous); ok {
			return row, true
		}
	}
	if t.credentialID != "" {
		if row, ok := c.index.ByCredentialID(t.credentialID); ok {
			return row, true
		}
	}
	if p != nil && (c.index.Pinned() || c.index.Ring() != c.ring) {
		return c.findByDigest(p)
	}
	if t.hasOthers {
		for _, v := range t.others.All() {
			fp, _, _ := strings.Cut(v.Str(), " ")
			if row, ok := c.index.ByText(fp); ok {
				return row, true
			}
		}
	}
	return nil, false
}

// findByDigest tries every live epoch: a row keyed by a fingerprint holds for one epoch only, and right after a
// rotation the index is still that of the ring before.
func (c *call) findByDigest(p *secret.Pass) (*owner.Row, bool) {
	ids, digests := p.Fingerprints(), p.Digests()
	for i := range ids {
		if row, ok := c.index.ByDigest(c.ring, ids[i].Kind, digests[i]); ok {
			return row, true
		}
	}
	return nil, false
}

// ownerKey reports whether a row writes key.
func ownerKey(key string) bool {
	switch key {
	case event.KeyOwnerID, event.KeyOwnerType, event.KeyOwnerName, event.KeyOwnerTeam, event.KeyOwnerContact,
		event.KeyOwnerSource, event.KeyOwnerAsOf, event.KeyTokenID, event.KeyTokenName, event.KeyTokenScopes,
		event.KeyTokenCreatedAt, event.KeyTokenExpiresAt, event.KeyTokenRevokedAt:
		return true
	}
	return false
}
