package detect

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/fingerprint"
)

const (
	// deadGrace covers clock skew and the caches of gateways after a revocation.
	deadGrace = 5 * time.Minute
	// maxDead bounds the dead tokens remembered. It is a map, not a filter: a false positive would be a false
	// accusation.
	maxDead = 1 << 17
)

// graveyard is the exact map of tokens known to be revoked or expired.
type graveyard struct {
	mu    sync.RWMutex
	dead  map[fingerprint.ID]death
	size  atomic.Int64
	evict func(Eviction)
}

// death is when and why a token ended.
type death struct {
	At      int64 // Unix nanoseconds
	Expired bool
}

func newGraveyard(evict func(Eviction)) *graveyard {
	return &graveyard{dead: map[fingerprint.ID]death{}, evict: evict}
}

func (g *graveyard) get(id fingerprint.ID) (death, bool) {
	if g.size.Load() == 0 {
		return death{}, false
	}
	g.mu.RLock()
	defer g.mu.RUnlock()
	d, ok := g.dead[id]
	return d, ok
}

// bury remembers a death. A directory's date replaces what was only inferred.
func (g *graveyard) bury(id fingerprint.ID, d death, dated bool) death {
	g.mu.Lock()
	defer g.mu.Unlock()
	old, ok := g.dead[id]
	if ok && !dated {
		return old
	}
	if !ok && len(g.dead) >= maxDead {
		g.forgetOldest()
	}
	g.dead[id] = d
	g.size.Store(int64(len(g.dead)))
	return d
}

func (g *graveyard) forgetOldest() {
	const sample = 8
	var victim fingerprint.ID
	oldest, n := int64(1<<63-1), 0
	for id, d := range g.dead {
		if d.At <= oldest {
			victim, oldest = id, d.At
		}
		if n++; n == sample {
			break
		}
	}
	delete(g.dead, victim)
	g.evict(EvictDead)
}

func (g *graveyard) revive(id fingerprint.ID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.dead, id)
	g.size.Store(int64(len(g.dead)))
}

// judgeDead looks at the primary credential. strange says that the network is new to the token.
func (e *Engine) judgeDead(q *request, p *profile, strange bool, arrival int64) {
	// Nearly every request of a living token ends here.
	suspect := q.state == event.StateRevoked || q.state == event.StateExpired || q.deny == event.DenyTokenRevoked
	if q.fingerprint == "" || !suspect && e.dead.size.Load() == 0 {
		return
	}
	id, err := fingerprint.ParseID(q.fingerprint)
	if err != nil {
		return
	}
	d, dead := e.deathOf(q, id, arrival)
	if dead {
		e.raiseDead(q, id, q.fingerprint, d, p != nil && !strange && q.network != 0, p == nil)
	}
}

// deathOf says whether the primary token was dead at the time of the request, and remembers it. Only the directory
// and the gateway are believed: the expiry a JWT claims is read by everybody who renews one, and says nothing.
func (e *Engine) deathOf(q *request, id fingerprint.ID, arrival int64) (death, bool) {
	switch {
	case q.state == event.StateRevoked || q.state == event.StateExpired:
		d := death{Expired: q.state == event.StateExpired}
		date := q.revokedAt
		if d.Expired {
			date = q.expiresAt
		}
		at, err := time.Parse(time.RFC3339, date)
		if err != nil {
			d.At = arrival // the directory gives no date: what it says holds from when it was first heard
		} else {
			d.At = at.UnixNano()
		}
		return e.dead.bury(id, d, err == nil), true
	case q.deny == event.DenyTokenRevoked:
		return e.dead.bury(id, death{At: q.rec.Time}, false), true
	case q.state == event.StateActive && q.revokedAt == "":
		if _, ok := e.dead.get(id); ok && q.accepted() {
			e.dead.revive(id) // the directory took it back
		}
		return death{}, false
	}
	return e.dead.get(id)
}

// judgeOthers looks at the other credentials of a request: a dead one beside a good one is still in use.
func (e *Engine) judgeOthers(q *request, arrival int64) {
	if len(q.others) == 0 || e.dead.size.Load() == 0 {
		return
	}
	for _, other := range q.others {
		text, _, _ := strings.Cut(other, " ")
		id, err := fingerprint.ParseID(text)
		if err != nil {
			continue
		}
		if d, ok := e.dead.get(id); ok {
			known, unknown := e.usedFrom(id, q)
			e.raiseDead(q, id, text, d, known, unknown)
		}
	}
}

func (e *Engine) usedFrom(id fingerprint.ID, q *request) (known, unknown bool) {
	sh := e.shards[shardOf(id)]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	p := sh.get(id)
	return p != nil && !p.strange(q) && q.network != 0, p == nil
}

// raiseDead alerts on the first use and keeps an hourly count after it. No learning, no budget, no gate: this is a
// fact, not a guess.
func (e *Engine) raiseDead(q *request, id fingerprint.ID, fp string, d death, known, unknown bool) {
	e.deadJudged.Add(1)
	if q.rec.Time < d.At+int64(deadGrace) {
		return
	}
	what, verb := "revoked", "was revoked"
	if d.Expired {
		what, verb = "expired", "expired"
	}
	c := candidate{
		detector: DeadToken, key: id, q: q, fingerprint: fp, severity: High, strange: !known, count: 1, observed: 1, since: q.minute,
		reasons: []string{what},
	}
	outcome := "and was refused"
	if q.accepted() {
		outcome = "and the API still accepted it"
		c.reasons = append(c.reasons, "accepted")
	}
	place := q.where() + ", a network new to it"
	switch {
	case known:
		c.severity = Low
		place = q.where() + ", a network it is used to: a stale client"
		c.reasons = append(c.reasons, "known_network")
		if q.accepted() {
			c.severity = Medium
		}
	case unknown:
		place = q.where()
		c.reasons = append(c.reasons, "no_history")
	default:
		c.reasons = append(c.reasons, "new_network")
	}
	c.sentence = func(who string) string {
		return fmt.Sprintf("%s %s at %s and was used again %s later %s, from %s",
			who, verb, time.Unix(0, d.At).UTC().Format("2006-01-02 15:04 UTC"), lapse(time.Duration(q.rec.Time-d.At)), outcome, place)
	}
	e.book.raise(c)
}

// lapse renders a duration as people say it.
func lapse(d time.Duration) string {
	switch {
	case d < 2*time.Hour:
		return plural(int(d/time.Minute), "minute")
	case d < 48*time.Hour:
		return plural(int(d/time.Hour), "hour")
	}
	return plural(int(d/(24*time.Hour)), "day")
}
