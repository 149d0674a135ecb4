package detect

import (
	"github.com/keytrail/keytrail/internal/fingerprint"
)

const (
	maxProfileRoutes   = 24 // exact; beyond, a bloom filter of the shard
	maxProfileNetworks = 8
	maxTried           = 4
	timeCells          = 12 // blocks of four hours, of weekdays and of weekends
)

// profile is what is normal for one token: a record of fixed size without pointers, so that a million of them cost
// the garbage collector nothing. Times are minutes since 1970, days are days since 1970.
type profile struct {
	id            fingerprint.ID
	owner         uint32
	born, seen    uint32
	requests      uint32
	days, lastDay uint16 // active days, and the last of them
	flags         uint8
	routeCount    uint8 // distinct routes ever, saturating
	recentNew     uint8 // routes first touched in the hour that began at recentFrom
	alertSeverity [2]Severity
	cooldown      [2]uint32 // UsageSpike, NewEndpoint: no new alert before this minute
	frozen        uint32    // minute since which an open alert keeps the volume baseline still

	scales   [scaleCount]scale
	cells    [timeCells]float32
	cellN    [timeCells]uint8
	cellErr  float32
	levelErr float32
	busyMean float32 // of non-empty windows of ten minutes
	busySq   float32
	activity float32 // share of windows of ten minutes that are not empty

	novelty    novelty
	recentFrom uint32
	triedFrom  uint32
	tried      [maxTried]uint32
	routes     routeSet
	networks   networkSet
}

// Flags of a profile.
const (
	flagUsed     = 1 << iota
	flagWide     // more routes than the exact set holds
	flagSpike    // a usage_spike alert is open, or was at the last look
	flagEndpoint // the same of new_endpoint
)

// scale is the volume at one window length: the two youngest windows still open, and what the closed ones taught.
type scale struct {
	at        uint32 // index of the young window
	cur, prev uint32 // requests in the young window and the one before it
	check     uint32 // the young window is scored again when it reaches this
	n         uint16 // windows closed, empty ones included, saturating at levelWindows
	filled    uint16 // windows closed that were not empty, saturating
	hot       uint8  // one bit per closed window, youngest first: it was surprising
	base      uint8  // half octaves that the histogram leaves out at the low end
	mean, sq  float32
	peak      float32
	hist      histogram
}

// routeSet is the routes the token is used to; arrays side by side, because a record of three fields would be padded.
type routeSet struct {
	hash [maxProfileRoutes]uint32
	last [maxProfileRoutes]uint16 // day
	days [maxProfileRoutes]uint8  // distinct days, saturating
}

// networkSet is the networks the token is used to.
type networkSet struct {
	hash [maxProfileNetworks]uint32
	born [maxProfileNetworks]uint32 // minute
	last [maxProfileNetworks]uint16 // day
}

// novelty measures how often new things are normal for the token, in discounted days.
type novelty struct {
	routes, networks, tries float32 // days with something new
	days                    float32 // active days
	marked                  uint8   // what of the three the last active day already counted
}

// noveltyDecay discounts a day of yesterday: the memory is about twenty days.
const noveltyDecay = 0.95

func (p *profile) reset(id fingerprint.ID, owner, minute uint32) {
	*p = profile{id: id, owner: owner, born: minute, seen: minute, flags: flagUsed}
}

// touch notes a request and reports whether it is the first of its day.
func (p *profile) touch(q *request) (newDay bool) {
	p.seen = max(p.seen, q.minute)
	p.born = min(p.born, q.minute)
	if p.requests < 1<<32-1 {
		p.requests++
	}
	if q.ownerID != "" {
		p.owner = q.owner
	}
	day := q.day()
	if day <= p.lastDay {
		return false
	}
	decay := float32(1)
	for gap := min(day-p.lastDay, 100); gap > 0 && p.lastDay > 0; gap-- {
		decay *= noveltyDecay
	}
	n := &p.novelty
	n.routes, n.networks, n.tries, n.days = n.routes*decay, n.networks*decay, n.tries*decay, n.days*decay+1
	n.marked = 0
	p.lastDay = day
	if p.days < 1<<16-1 {
		p.days++
	}
	return true
}

func (p *profile) age(minute uint32) uint32 { return minute - min(p.born, minute) }

func (p *profile) old(minute uint32) bool { return p.age(minute) >= oldOwner }

// find is the place of a hash in a set, -1 where it is not in it.
func find(set []uint32, hash uint32) int {
	for i, h := range set {
		if h == hash {
			return i
		}
	}
	return -1
}

// place is where a new hash goes: an empty place, or that of the one unused for longest.
func place(set []uint32, last []uint16) int {
	victim := 0
	for i, h := range set {
		if h == 0 {
			return i
		}
		if last[i] < last[victim] {
			victim = i
		}
	}
	return victim
}

func (r *routeSet) has(hash uint32) bool { return find(r.hash[:], hash) >= 0 }

// keep renews a route, or learns it in the place of the one unused for longest.
func (r *routeSet) keep(hash uint32, day uint16) {
	i := find(r.hash[:], hash)
	if i < 0 {
		i = place(r.hash[:], r.last[:])
		r.hash[i], r.last[i], r.days[i] = hash, day, 1
		return
	}
	if day > r.last[i] {
		r.last[i] = day
		if r.days[i] < 255 {
			r.days[i]++
		}
	}
}

// onceOnly counts the routes used on a single day: by Good and Turing, their share is the chance that the next day
// brings one never seen.
func (r *routeSet) onceOnly() (n int) {
	for i, h := range r.hash {
		if h != 0 && r.days[i] == 1 {
			n++
		}
	}
	return n
}

func (s *networkSet) keep(hash, minute uint32) {
	day := uint16(minute / minutesPerDay)
	i := find(s.hash[:], hash)
	if i < 0 {
		i = place(s.hash[:], s.last[:])
		s.hash[i], s.born[i], s.last[i] = hash, minute, day
		return
	}
	s.born[i] = min(s.born[i], minute)
	s.last[i] = max(s.last[i], day)
}

// archetype is the cohort a token's surprises are pooled with.
type archetype uint8

const (
	steady archetype = iota
	bursty
	cron
	human
	archetypes
)

func (p *profile) archetype() archetype {
	dispersion := float32(1)
	if p.busyMean > 0 {
		dispersion = max(p.busySq-p.busyMean*p.busyMean, 0) / (p.busyMean * p.busyMean)
	}
	switch {
	case p.activity >= 0.5 && dispersion < 0.5:
		return steady
	case p.activity >= 0.5:
		return bursty
	case dispersion < 0.25:
		return cron
	}
	return human
}
