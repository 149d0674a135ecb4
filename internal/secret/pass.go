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
	sorted   bool
	prints   []prints // of the found, as far as they were asked for; empty again when one is found
	overflow int
	hidden   concealed
	// principal is the gateway's id of a caller it let in, or of his credential, of which principalKind is the kind.
	principal, principalKind string
	// peer is what the client certificate is known by that the gateway checked.
	peer     string
	proofKey string // the thumbprint of the key of a DPoP proof
	certs    int    // client certificates read
	values   []exactValue
	shortest int // none is shorter
	encoded  needles

	notes     []note // of the record's attributes, then of its resource's
	memories  []memory
	recalled  int
	classes   []keyClass  // of keys that are not common; pointers into an outgrown array stay good
	orders    [2]keyOrder // of a record's attributes and its resource's
	single    keyOrder    // of keys that come one by one
	turn      int
	lastKey   string
	lastClass *keyClass

	finder    finder
	searcher  Searcher // nil without rule sets
	matches   []Match  // of one text
	findings  []Finding
	failures  int
	sanitized bool
}

func newPass(s *Sealer) *Pass {
	p := &Pass{sealer: s}
	if s != nil {
		p.rules = s.rules
		p.finder.rules = s.rules
		p.searcher = s.search
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
	clear(p.notes)
	clear(p.memories)
	clear(p.classes)
	s := p.sealer
	fd := p.finder
	fd.reset()
	enc := p.encoded
	enc.reset()
	enc.short, enc.signs = 0, false
	clear(p.matches[:cap(p.matches)])
	*p = Pass{
		sealer: s, rules: s.rules, found: p.found[:0], prints: p.prints[:0], values: p.values[:0],
		notes: p.notes[:0], memories: p.memories[:0], classes: p.classes[:0], orders: p.orders, single: p.single,
		finder: fd, encoded: enc, searcher: s.search, matches: p.matches[:0], findings: p.findings[:0],
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
	if a.CredentialID != "" && a.CredentialID != openRequest {
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
		if a.Principal == "" && a.CredentialID != openRequest {
			p.principal, p.principalKind = a.CredentialID, a.Kind
		}
	}
	if a.MTLSVerified {
		p.addPeer(a.MTLSSubject, a.MTLSFingerprint)
	} else {
		p.addCertificate(a.MTLSSubject, a.MTLSFingerprint, place{rank: rankMTLS, kind: placeMTLS})
	}
}

// add keeps one credential; the same one found twice keeps its better place.
func (p *Pass) add(c credential) {
	p.sorted = false
	p.prints = p.prints[:0]
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
	if !p.sorted {
		slices.SortStableFunc(p.found, func(a, b credential) int {
			switch {
			case before(&a, &b):
				return -1
			case before(&b, &a):
				return 1
			}
			return 0
		})
		p.sorted = true
	}
	return p.found[:min(len(p.found), maxCredentials)]
}
