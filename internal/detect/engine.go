package detect

import (
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/fingerprint"
)

// Engine holds everything learned and the alerts that are open. It is safe for concurrent use.
type Engine struct {
	cfg    Config
	hash   hasher
	seen   *seen
	clock  *clock
	routes *routes
	dead   *graveyard
	joins  *joins
	book   *book
	gaps   gaps
	shards [shardCount]*shard
	pools  [archetypes]*pool
	bars   struct{ spike, endpoint bar }

	tested, endpointsJudged, deadJudged atomic.Uint64
	late, duplicates, ignored           atomic.Uint64
	tracked, ready                      atomic.Int64
	evictions                           [EvictionCount]atomic.Uint64
	swept                               atomic.Uint32 // watermark of the last sweep
}

// bar is the surprisal an alert needs.
type bar struct{ bits atomic.Uint64 }

func (b *bar) load() float64   { return math.Float64frombits(b.bits.Load()) }
func (b *bar) store(x float64) { b.bits.Store(math.Float64bits(x)) }

// New returns an Engine that knows nothing yet.
func New(cfg Config) *Engine {
	e := &Engine{cfg: cfg.withDefaults(), hash: hasher{rand.Uint64()}}
	e.seen = newSeen(e.cfg.MaxSeen, e.evicted)
	e.clock = newClock(e.cfg.Now, e.evicted)
	e.routes = newRoutes(e.evicted)
	e.dead = newGraveyard(e.evicted)
	e.joins = &joins{}
	e.book = newBook(e)
	for i := range e.shards {
		e.shards[i] = newShard(max(e.cfg.MaxTokens/shardCount, 1))
	}
	for i := range e.pools {
		e.pools[i] = &pool{}
	}
	e.setBars()
	return e
}

func (e *Engine) evicted(what Eviction) { e.evictions[what].Add(1) }

// leastFleet is the size a small fleet is taken for: below it a budget of ten a day would let every twitch through.
const leastFleet = 1000

// setBars spreads the alert budget over the tests of a day.
func (e *Engine) setBars() {
	tokens := float64(max(e.tracked.Load(), leastFleet))
	e.bars.spike.store(math.Log10(tokens * windowsPerDay / e.cfg.AlertBudget))
	e.bars.endpoint.store(math.Log10(tokens / e.cfg.AlertBudget))
}

// Observe takes one event in. It keeps no reference to r.
func (e *Engine) Observe(r *event.Record) {
	if r.Name == event.NameAnomaly {
		return
	}
	q := requests.Get().(*request)
	q.read(r)
	e.observe(q)
	*q = request{} // it points into memory of the caller
	requests.Put(q)
}

// requests are reused: what a detector may say of one outlives the stack.
var requests = sync.Pool{New: func() any { return new(request) }}

func (e *Engine) observe(q *request) {
	r := q.rec
	arrival := e.cfg.Now().UnixNano()
	if e.seen.again(q.eventID, arrival) {
		e.duplicates.Add(1)
		return
	}
	if e.clock.see(q.source, r.Time, arrival) {
		e.late.Add(1)
	}
	e.gaps.resume(q.minute)
	if q.fingerprint == "" && q.principal == "" {
		if q.refusal() {
			e.routes.refused(q.area(e.hash), nobody)
		}
		return
	}
	q.findNetwork(e.hash)
	if !e.identify(q) {
		e.ignored.Add(1)
		return
	}
	counted := e.seen.first(q.requestKey, q.capture, q.source, q.service, arrival)
	e.judge(q, counted, arrival)
	if mark := e.clock.watermark(); mark/scaleMinutes[scaleTen] != e.swept.Load()/scaleMinutes[scaleTen] {
		e.sweep(mark)
	}
}

// nobody stands for a caller without a credential among those an area refused.
const nobody = 1

// refusal reports an answer that shows the API checks its callers: a limiter or a firewall says no to anybody.
func (q *request) refusal() bool {
	return (q.status == 401 || q.status == 403) && q.deny != event.DenyRateLimited && q.deny != event.DenyWAF
}

// identify finds whose baseline the event belongs to.
func (e *Engine) identify(q *request) bool {
	text := q.principal
	if text == "" {
		text = q.fingerprint
	}
	key, err := fingerprint.ParseID(text)
	if err != nil {
		return false
	}
	q.key = key
	if q.claimed != "" && q.basis == event.BasisCredential {
		e.join(q)
	}
	owner := q.ownerID
	if owner == "" {
		q.owner = short(e.hash.text(string(q.key.Sum[:])))
	} else {
		q.owner = short(e.hash.text(owner))
	}
	return true
}

// judge runs every detector on an identified request.
func (e *Engine) judge(q *request, counted bool, arrival int64) {
	if q.refusal() {
		e.routes.refused(q.area(e.hash), q.caller())
	}
	sh := e.shards[shardOf(q.key)]
	if q.principalPrevious != "" || q.previous != "" {
		e.adopt(sh, q)
	}
	sh.mu.Lock()
	p := sh.get(q.key)
	strange := p != nil && p.strange(q)
	e.judgeDead(q, p, strange, arrival)
	if q.baselined() {
		if p == nil {
			p = e.admit(sh, q)
		}
		if p != nil {
			sh.dirty = true
			e.profile(sh, p, q, counted, strange)
		}
	}
	sh.mu.Unlock()
	e.judgeOthers(q, arrival)
}

func (q *request) caller() uint32 {
	return max(short(mix(uint64(q.owner)))+uint32(q.key.Sum[0]), nobody+1)
}

// admit makes a profile where the answer proves that the token is one: an enumeration of made-up tokens must not
// flush the baselines of real ones.
func (e *Engine) admit(sh *shard, q *request) *profile {
	if !q.accepted() || !e.proven(q) {
		return nil
	}
	p, evicted := sh.add(q.key)
	if evicted {
		e.evicted(EvictToken)
	} else {
		e.tracked.Add(1)
	}
	p.reset(q.key, q.owner, q.minute)
	return p
}

// proven reports whether an accepted request shows that the API knows the token: somebody vouches for its
// principal; or the owner directory lists exactly this credential (a JWT's fingerprint leaves out its signature, so
// a listing proves nothing of it); or the area has refused another caller, so it does check.
func (e *Engine) proven(q *request) bool {
	guarded := e.routes.guarded(q.area(e.hash), q.caller(), q.minute)
	vouched := q.basis == event.BasisVerified || q.basis == event.BasisGateway
	listed := q.ownerSource != "" && q.tokenFormat != "jwt"
	return guarded || vouched || listed
}

// profile lets an admitted token's request be judged and learned from.
func (e *Engine) profile(sh *shard, p *profile, q *request, counted, strange bool) {
	if p.touch(q) {
		if p.days == minActiveDays {
			e.ready.Add(1)
		}
		if p.settled(q.minute) {
			e.pools[p.archetype()].day()
		}
	}
	e.judgeEndpoint(sh, p, q, strange)
	if counted && q.status != 401 { // whoever was not let in did not use the token
		e.judgeVolume(p, q, strange)
	}
	if q.accepted() {
		p.learnNetwork(q)
	}
}

// adopt moves the baseline of the previous key epoch to the present one, so that a rotation of keys is no new
// token.
func (e *Engine) adopt(sh *shard, q *request) {
	text := q.principalPrevious
	if text == "" {
		text = q.previous
	}
	old, err := fingerprint.ParseID(text)
	if err != nil || old == q.key {
		return
	}
	sh.mu.Lock()
	known := sh.get(q.key) != nil
	sh.mu.Unlock()
	if known {
		return
	}
	e.rekey(old, q.key)
}

func (e *Engine) rekey(old, now fingerprint.ID) {
	from := e.shards[shardOf(old)]
	from.mu.Lock()
	p := from.get(old)
	if p == nil {
		from.mu.Unlock()
		return
	}
	moved, wide := *p, from.blooms[old]
	from.remove(old)
	from.dirty = true
	from.mu.Unlock()
	moved.id = now

	to := e.shards[shardOf(now)]
	to.mu.Lock()
	defer to.mu.Unlock()
	if to.get(now) != nil { // another request came first: what it learned is a moment's worth
		to.remove(now)
		e.tracked.Add(-1)
	}
	slot, evicted := to.add(now)
	if evicted {
		e.evicted(EvictToken)
		e.tracked.Add(-1)
	}
	*slot = moved
	if wide != nil {
		to.blooms[now] = wide
	}
	to.dirty = true
	e.book.rekey(old, now)
}

// Tick lets time pass: alerts that went quiet end, and what was held back is decided.
func (e *Engine) Tick(now time.Time) {
	e.clock.advance(now.UnixNano())
	e.setBars()
	e.sweep(e.clock.watermark())
}

func (e *Engine) sweep(mark uint32) {
	e.swept.Store(mark)
	e.book.advance(mark)
}

// learned reports whether the fleet has shown enough for detectors that need history.
func (e *Engine) learned() bool { return e.clock.span() >= e.cfg.Learning }

// gaps are the stretches of event time nobody watched: a silence there is no silence.
type gaps struct {
	mu   sync.RWMutex
	list [][2]uint32   // minutes, from and to
	open atomic.Uint32 // the last minute watched before the present run; 0 once its first event came
}

// maxGaps bounds the restarts remembered; older ones no longer matter to a baseline.
const maxGaps = 16

func (g *gaps) within(from, to uint32) (minutes uint32) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	for _, gap := range g.list {
		if a, b := max(from, gap[0]), min(to, gap[1]); a < b {
			minutes += b - a
		}
	}
	return minutes
}

// resume closes the gap of a restart at its first event.
func (g *gaps) resume(minute uint32) {
	if from := g.open.Load(); from != 0 && g.open.CompareAndSwap(from, 0) {
		g.add(from, minute)
	}
}

func (g *gaps) add(from, to uint32) {
	if from == 0 || to <= from {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.list = append(g.list, [2]uint32{from, to})
	if len(g.list) > maxGaps {
		g.list = g.list[len(g.list)-maxGaps:]
	}
}
