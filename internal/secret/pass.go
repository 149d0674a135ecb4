package secret

import (
	"slices"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/fingerprint"
)

// Pass is the work on one request. It is not safe for concurrent use and must not be used after End.
type Pass struct {
	sealer *Sealer
	ring   *fingerprint.Ring
	rules  *rules
	issuer string

	found    []credential // at most maxCandidates
	ordered  bool
	overflow int
	hidden   concealed
	// principal is the gateway's id of a caller it let in.
	principal string
	proofKey  string // the thumbprint of the key of a DPoP proof
	certs     int    // client certificates read
	values    []raw  // exact values to remove
	ranks     []rank // where each of them stood
	encoded   needles

	memories  []memory
	recalled  int
	classes   []keyClass  // of keys that are not common; pointers into an outgrown array stay good
	order     []*keyClass // of the last record's keys
	turn      int
	lastKey   string
	lastClass *keyClass

	finder    finder
	failures  int
	sanitized bool
}

func newPass(s *Sealer) *Pass {
	p := &Pass{sealer: s}
	if s != nil {
		p.rules = s.rules
		p.finder.rules = s.rules
	}
	return p
}

func (p *Pass) begin(ring *fingerprint.Ring, issuer string) {
	p.ring, p.issuer = ring, issuer
}

// End forgets every credential and returns p to its pool.
func (p *Pass) End() {
	clear(p.found)
	clear(p.values)
	clear(p.memories)
	clear(p.classes)
	s := p.sealer
	fd := p.finder
	fd.reset()
	enc := p.encoded
	enc.reset()
	enc.short = 0
	*p = Pass{
		sealer: s, rules: s.rules, found: p.found[:0], values: p.values[:0], ranks: p.ranks[:0],
		memories: p.memories[:0], classes: p.classes[:0], order: p.order,
		finder: fd, encoded: enc,
	}
	s.passes.Put(p)
}

// Failed reports whether some string could not be redacted by the rules: the record must be cut to its skeleton.
func (p *Pass) Failed() bool { return p.failures > 0 }

// Sanitized reports whether a string was cut, or had control characters or invalid bytes made visible.
func (p *Pass) Sanitized() bool { return p.sanitized }

// Dropped is how many credentials of the request got no fingerprint because eight others came first.
func (p *Pass) Dropped() int { return p.overflow + max(0, len(p.found)-maxCredentials) }

// Auth takes what a gateway itself says of the caller.
func (p *Pass) Auth(a event.Auth) {
	p.addSum(a)
	if a.CredentialID != "" {
		c := credential{
			kind: kindID, digest: idDigest(a.Kind, p.issuer, a.CredentialID), id: a.CredentialID,
			scheme: schemeGateway, place: place{rank: rankClaimed, kind: placeGateway},
		}
		if a.Authenticated {
			c.place.rank = rankGateway
		}
		p.add(c)
	}
	if a.Authenticated {
		p.principal = a.Principal
	}
	p.addCertificate(a.MTLSSubject, a.MTLSFingerprint, place{rank: rankMTLS, kind: placeMTLS})
}

// add keeps one credential; the same one found twice keeps its better place.
func (p *Pass) add(c credential) {
	p.ordered = false
	for i := range p.found {
		if f := &p.found[i]; f.kind == c.kind && f.digest == c.digest {
			if c.place.rank < f.place.rank || c.place.rank == f.place.rank && f.place.name == "" {
				*f = c
			}
			return
		}
	}
	if len(p.found) < maxCandidates {
		p.found = append(p.found, c)
		return
	}
	p.overflow++
	worst := 0
	for i := range p.found {
		if !before(&p.found[i], &p.found[worst]) {
			worst = i
		}
	}
	if before(&c, &p.found[worst]) {
		p.found[worst] = c
	}
}

// before orders credentials by place. Within one place a known format goes first, so that a flood of junk does not
// push a real token out.
func before(a, b *credential) bool {
	if a.place.rank != b.place.rank {
		return a.place.rank < b.place.rank
	}
	return known(a) && !known(b)
}

func known(c *credential) bool { return c.format != "" && c.format != formatOpaque }

// credentials returns the best eight, primary first.
func (p *Pass) credentials() []credential {
	if !p.ordered {
		slices.SortStableFunc(p.found, func(a, b credential) int {
			switch {
			case before(&a, &b):
				return -1
			case before(&b, &a):
				return 1
			}
			return 0
		})
		p.ordered = true
	}
	return p.found[:min(len(p.found), maxCredentials)]
}

// Fingerprints returns the fingerprints of the request's credentials, primary first.
func (p *Pass) Fingerprints() []fingerprint.ID {
	creds := p.credentials()
	ids := make([]fingerprint.ID, len(creds))
	for i := range creds {
		ids[i] = p.ring.Stamp(creds[i].kind, creds[i].digest)
	}
	return ids
}

// Digests returns the inner digests in the same order, for looking up an owner by the hash a directory stores.
func (p *Pass) Digests() []fingerprint.Digest {
	creds := p.credentials()
	ds := make([]fingerprint.Digest, len(creds))
	for i := range creds {
		ds[i] = creds[i].digest
	}
	return ds
}

// Oldest returns the fingerprints under the oldest live epoch in the same order: they do not change at a rotation.
func (p *Pass) Oldest() []string {
	creds := p.credentials()
	if len(creds) == 0 {
		return nil
	}
	ids := make([]string, len(creds))
	for i := range creds {
		ids[i] = p.ring.Oldest(creds[i].kind, creds[i].digest).String()
	}
	return ids
}

// addValue remembers a text to be removed from everywhere. Where there are too many, the ones from the better places
// stay: a flood of junk must not push out the credential that the server reads.
func (p *Pass) addValue(v string, r rank) {
	if len(v) < shortestValue || p.hasValue(v) {
		return
	}
	if len(p.values) < maxValues {
		p.values, p.ranks = append(p.values, hide(v)), append(p.ranks, r)
	} else {
		worst := 0
		for i := range p.ranks {
			if p.ranks[i] >= p.ranks[worst] {
				worst = i
			}
		}
		if p.ranks[worst] <= r {
			return
		}
		p.values[worst], p.ranks[worst] = hide(v), r
		p.encoded.reset()
	}
	p.encoded.short = shortestEncoded(len(v), p.encoded.short)
}

func (p *Pass) hasValue(v string) bool {
	for _, have := range p.values {
		if have.reveal() == v {
			return true
		}
	}
	return false
}
