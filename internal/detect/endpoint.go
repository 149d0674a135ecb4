package detect

import (
	"fmt"
	"math"
	"strings"
)

const (
	// maxRoutesKnown is how many routes a token may use before a new one says nothing.
	maxRoutesKnown = 60
	// A token is settled after two weeks, or after one when it was busy.
	settledAge     = 14 * minutesPerDay
	settledBusyAge = 7 * minutesPerDay
	settledBusy    = 200
	// maxNovelRate is the rate at which the chance that a day brings nothing new falls below nine in ten.
	maxNovelRate = 0.105
	// cohortDays is how many days of its own a token needs to outweigh its cohort.
	cohortDays = 5
	// networkPrior is how often a day brings a new network, before anything is known.
	networkPrior = 0.02
	// moreRoutes is what each further new route within the hour adds: routes come in groups.
	moreRoutes = 0.7
	// triedRoutes is how many never-touched endpoints must refuse the token within ten minutes to be probing.
	triedRoutes = 3
	// networkYoung is how long a network stays new to a token: an attack must not vouch for itself.
	networkYoung = minutesPerDay
)

// settled reports whether enough is known of the token to call an endpoint new to it.
func (p *profile) settled(minute uint32) bool {
	age := p.age(minute)
	return p.days >= minActiveDays && p.routeCount <= maxRoutesKnown &&
		(age >= settledAge || age >= settledBusyAge && p.requests >= settledBusy)
}

// strange reports whether the request comes from a network the token is not used to. A token whose networks are
// not known yet has no strange ones.
func (p *profile) strange(q *request) bool {
	if q.network == 0 || p.days < minActiveDays {
		return false
	}
	i := find(p.networks.hash[:], q.network)
	if i < 0 {
		return true
	}
	return q.minute-min(p.networks.born[i], q.minute) < networkYoung && p.age(q.minute) > minActiveDays*minutesPerDay
}

func (p *profile) learnNetwork(q *request) {
	if q.network == 0 {
		return
	}
	if find(p.networks.hash[:], q.network) < 0 {
		if p.flags&(flagSpike|flagEndpoint) != 0 {
			return // an open alert teaches nothing
		}
		p.mark(&p.novelty.networks, markNetwork)
	}
	p.networks.keep(q.network, q.minute)
}

const (
	markRoute = 1 << iota
	markNetwork
	markTry
)

// mark counts a kind of novelty at most once a day, and not in the days in which everything is new.
func (p *profile) mark(count *float32, bit uint8) (first bool) {
	if p.novelty.marked&bit != 0 || p.days <= minActiveDays {
		return false
	}
	p.novelty.marked |= bit
	*count++
	return true
}

// judgeEndpoint compares the route of a request with those the token is used to.
func (e *Engine) judgeEndpoint(sh *shard, p *profile, q *request, strange bool) {
	if !q.accepted() && q.status != 403 {
		return
	}
	full := q.endpoint(e.hash)
	hash := short(full)
	e.endpointsJudged.Add(1)
	known := p.knows(sh, hash)
	if p.flags&flagEndpoint != 0 && !e.book.follow(NewEndpoint, p.id, q, false, 0) {
		p.flags &^= flagEndpoint
	}
	switch {
	case q.status == 403 && !known:
		e.judgeTried(p, q, hash, strange)
	case q.accepted() && known:
		if p.routes.has(hash) {
			p.routes.keep(hash, q.day())
		}
		if p.flags&flagEndpoint != 0 {
			e.book.followRoute(p.id, hash, q)
		}
	case q.accepted() && e.proven(q):
		e.judgeNew(sh, p, q, full, strange)
	}
}

func (p *profile) knows(sh *shard, hash uint32) bool {
	if p.routes.has(hash) {
		return true
	}
	if p.flags&flagWide == 0 {
		return false
	}
	b := sh.blooms[p.id]
	return b != nil && b.has(hash)
}

// learnRoute adds a route; the one it pushes out of the exact set stays known to the filter.
func (p *profile) learnRoute(sh *shard, hash, minute uint32) {
	if p.routeCount < 255 {
		p.routeCount++
	}
	if p.routeCount > maxProfileRoutes {
		b := sh.blooms[p.id]
		if b == nil {
			b = &bloom{}
			sh.blooms[p.id] = b
			p.flags |= flagWide
			for _, h := range p.routes.hash {
				b.add(h)
			}
		}
		b.add(hash)
	}
	p.routes.keep(hash, uint16(minute/minutesPerDay))
}

// judgeNew scores a route the token never used before, then learns it.
func (e *Engine) judgeNew(sh *shard, p *profile, q *request, full uint64, strange bool) {
	hash := short(full)
	standing := e.routes.learn(full, q.minute, q.owner, p.old(q.minute))
	settled := p.settled(q.minute)
	rate := e.newRouteRate(p)
	if q.minute-min(p.recentFrom, q.minute) >= 60 {
		p.recentFrom, p.recentNew = q.minute, 0
	}
	p.recentNew = min(p.recentNew+1, 100)
	if settled && p.mark(&p.novelty.routes, markRoute) {
		e.pools[p.archetype()].novel()
	}
	p.learnRoute(sh, hash, q.minute)
	if !settled || rate > maxNovelRate {
		return
	}
	share := float64(standing.users+1) / float64(max(e.tracked.Load(), 1)+1)
	score := surprise(rate) + moreRoutes*float64(p.recentNew-1) + min(max(-math.Log10(share), 0), 2)/2
	if strange {
		score += surprise(p.newNetworkRate())
	}
	if score < e.bars.endpoint.load() {
		return
	}
	e.raiseEndpoint(p, q, full, standing, strange)
}

// surprise is -log10 of the chance that a day brings at least one event of this rate.
func surprise(rate float64) float64 { return -math.Log10(1 - math.Exp(-rate)) }

// newRouteRate is how many new routes a day of this token brings: its own history, leaning on its cohort's, and no
// less than what the routes it used on one day only foretell.
func (e *Engine) newRouteRate(p *profile) float64 {
	n := &p.novelty
	own := (float64(n.routes) + cohortDays*e.pools[p.archetype()].noveltyRate()) / (float64(n.days) + cohortDays)
	unsettled := p.routes.onceOnly()
	if p.flags&flagEndpoint != 0 || p.recentNew > 0 {
		unsettled -= min(unsettled, int(p.recentNew)) // what is new now must not excuse itself
	}
	return max(own, float64(unsettled)/float64(p.days+1))
}

func (p *profile) newNetworkRate() float64 {
	return (float64(p.novelty.networks) + cohortDays*networkPrior) / (float64(p.novelty.days) + cohortDays)
}

func (e *Engine) raiseEndpoint(p *profile, q *request, full uint64, st standing, strange bool) {
	c := candidate{
		detector: NewEndpoint, key: p.id, p: p, q: q, strange: strange, severity: Low, count: 1,
		observed: float64(p.recentNew), baseline: float64(p.novelty.routes / max(p.novelty.days, 1)), since: q.minute,
		reasons: []string{"new_endpoint"}, route: full, standing: st,
	}
	signals := 0
	if strange {
		c.reasons = append(c.reasons, "new_network")
		signals++
	}
	if p.recentNew >= 3 {
		c.reasons = append(c.reasons, "several_endpoints")
		signals++
	}
	if sensitive(q) {
		c.reasons = append(c.reasons, "sensitive_endpoint")
		c.severity = Medium
	}
	if p.flags&flagSpike != 0 {
		signals++
	}
	c.severity = min(c.severity+Severity(signals), High)
	known, days := p.routeCount-1, q.day()-uint16(p.born/minutesPerDay)
	c.sentence = func(who string) string {
		return fmt.Sprintf("%s used %s for the first time in %d days, from %s; it is used to %s",
			who, quoteRoute(q), days, q.from(strange), plural(int(known), "endpoint"))
	}
	if e.book.raise(c) {
		p.flags |= flagEndpoint
	}
}

// judgeTried notes an endpoint the token never used and was refused at. One is a mistake; several within minutes
// are somebody finding out what the token can do.
func (e *Engine) judgeTried(p *profile, q *request, hash uint32, strange bool) {
	if !p.settled(q.minute) {
		return
	}
	if q.minute-min(p.triedFrom, q.minute) >= 10 {
		p.triedFrom, p.tried = q.minute, [maxTried]uint32{}
	}
	addOnce(p.tried[:], hash)
	n := count(p.tried[:])
	if n < triedRoutes {
		return
	}
	usual := float64(p.novelty.tries) / float64(p.novelty.days+cohortDays)
	p.mark(&p.novelty.tries, markTry)
	if usual > maxNovelRate {
		return
	}
	c := candidate{
		detector: NewEndpoint, key: p.id, p: p, q: q, strange: strange, severity: Medium, count: 1,
		observed: float64(n), baseline: usual, since: p.triedFrom, reasons: []string{"refused_endpoints"},
	}
	if strange {
		c.reasons = append(c.reasons, "new_network")
		c.severity = High
	}
	c.sentence = func(who string) string {
		return fmt.Sprintf("%s was refused at %s it never used before within 10 minutes, the last %s, from %s; it is used to %s",
			who, plural(n, "endpoint"), quoteRoute(q), q.from(strange), plural(int(p.routeCount), "endpoint"))
	}
	if e.book.raise(c) {
		p.flags |= flagEndpoint
	}
}

// sensitive endpoints are those that hand out power or data in bulk, and those that delete.
func sensitive(q *request) bool {
	if q.method == "DELETE" {
		return true
	}
	path := strings.ToLower(q.routeText())
	for _, word := range []string{"admin", "export", "secret", "token", "key", "credential", "backup", "role", "audit"} {
		if strings.Contains(path, word) {
			return true
		}
	}
	return false
}
