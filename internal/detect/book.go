package detect

import (
	"slices"
	"sync"

	"github.com/keytrail/keytrail/internal/fingerprint"
)

const (
	// cooldownFor is how long a token stays silent after an alert of a statistical detector began.
	cooldownFor = 6 * 60
	// updateEvery and quietFor pace an alert that is open: at most one update in ten minutes, the end after two
	// clean windows. A dead token is summed up by the hour.
	updateEvery     = 10
	updateEveryDead = 60
	quietFor        = 20
	quietForDead    = 120
	// holdFor is how long a new route from a known network waits for others to use it too.
	holdFor = 60
	// shiftAfter is when a level that stays becomes the new normal.
	shiftAfter = minutesPerDay

	maxOpen    = 10_000
	maxPending = 20_000 // events not yet taken; the oldest go first
	maxHeld    = 1024
	// maxFollowed is how many new routes keep one alert alive.
	maxFollowed = 16
)

// book holds the alerts that are open, and decides what becomes one.
type book struct {
	e        *Engine
	mu       sync.Mutex
	open     map[alertKey]*openAlert
	pending  []Alert
	held     []heldAlert
	incident [DetectorCount]incident
	spent    [DetectorCount]spent

	raised     [DetectorCount][SeverityCount]uint64
	last       [DetectorCount]int64 // event time, seconds
	suppressed [DetectorCount][SuppressionCount]uint64
	exemplars  [DetectorCount][SeverityCount]Exemplar
}

type alertKey struct {
	Detector Detector
	ID       fingerprint.ID // zero for an alert about the fleet
}

// openAlert is an alert between its start and its end. Times are minutes of event time.
type openAlert struct {
	Alert
	Began, Last, Told uint32
	Routes            []uint32 // of new_endpoint: hashes whose use keeps it alive
	shifted           bool
}

// candidate is what a detector noticed.
type candidate struct {
	detector           Detector
	key                fingerprint.ID
	p                  *profile // nil for a deterministic detector
	q                  *request
	fingerprint        string // the credential, where it is not the primary one
	strange            bool
	severity           Severity
	reasons            []string
	observed, baseline float64
	count              int64
	since              uint32 // minute the anomaly began
	sentence           func(who string) string
	route              uint64 // of new_endpoint
	standing           standing
}

// heldAlert waits to see whether a route new to everybody is a deployment.
type heldAlert struct {
	due   uint32
	route uint64
	key   alertKey
	alert openAlert
}

func newBook(e *Engine) *book {
	return &book{e: e, open: map[alertKey]*openAlert{}}
}

func (b *book) suppress(d Detector, why Suppression) {
	b.mu.Lock()
	b.suppressed[d][why]++
	b.mu.Unlock()
}

// raise opens an alert, adds to the one that is open, or says in a counter why not. It reports whether an alert of
// the token is open after it.
func (b *book) raise(c candidate) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	k := alertKey{c.detector, c.key}
	if o := b.open[k]; o != nil {
		if c.q.minute < o.Last+quiet(c.detector) {
			b.grow(o, c)
			return true
		}
		b.end(k, o)
	}
	if c.p != nil {
		if why, no := b.refuse(&c); no {
			b.suppressed[c.detector][why]++
			return false
		}
	}
	if len(b.open) >= maxOpen {
		b.suppressed[c.detector][ByCapacity]++
		return false
	}
	if c.held() {
		return b.hold(k, c)
	}
	b.start(k, b.draw(c))
	b.cool(c)
	return true
}

func quiet(d Detector) uint32 {
	if d == DeadToken {
		return quietForDead
	}
	return quietFor
}

// protected candidates pass every gate: nothing an attacker can bring about may silence them.
func (c *candidate) protected() bool { return c.severity == High || c.strange }

func (c *candidate) held() bool {
	return c.route != 0 && c.standing.young && !c.protected()
}

// refuse says why a statistical alert is not raised.
func (b *book) refuse(c *candidate) (Suppression, bool) {
	d := c.detector
	if !b.e.learned() {
		return ByWarmup, true
	}
	if c.q.minute < c.p.cooldown[d] && c.severity <= c.p.alertSeverity[d] {
		return ByCooldown, true
	}
	incident := b.incident[d].trip(c, b.e.ready.Load())
	if c.protected() {
		return 0, false
	}
	switch {
	case incident:
		b.fleet(c, "global_incident", "many tokens show the same at once: one alert stands for all of them")
		return ByIncident, true
	case c.route != 0 && (c.standing.owners >= deployFleet || c.standing.young && c.standing.owners >= deployOwners):
		return ByDeploy, true
	}
	if b.spent[d].over(c.q.minute, b.e.cfg.AlertBudget) {
		b.fleet(c, "budget", "more alerts than the day's budget allows: those of low severity are only counted")
		if c.severity == Low {
			return ByBudget, true
		}
		c.severity = Low
	}
	return 0, false
}

func (b *book) cool(c candidate) {
	if c.p != nil {
		c.p.cooldown[c.detector] = c.q.minute + cooldownFor
		c.p.alertSeverity[c.detector] = c.severity
	}
}

// draw makes the alert a candidate stands for.
func (b *book) draw(c candidate) openAlert {
	fp := c.fingerprint
	if fp == "" {
		fp = c.q.fingerprint
	}
	if fp == "" {
		fp = c.q.principal
	}
	start := timeOf(min(c.since, c.q.minute))
	who := c.q.who(fp)
	if c.fingerprint != "" && c.fingerprint != c.q.fingerprint {
		who = "token " + brief(fp) // the names in the event are those of the primary one
	}
	o := openAlert{Began: c.q.minute, Last: c.q.minute, Told: c.q.minute}
	o.Alert = Alert{
		ID:       hashText("alert", c.detector.String(), c.key.String(), start.Format("20060102T150405")),
		Detector: c.detector, Severity: c.severity, Reasons: c.reasons, Observed: c.observed, Baseline: c.baseline, Count: c.count,
		Explanation: c.sentence(who), Next: nextCommand(fp, start), Start: start, Subject: c.q.subject(fp),
	}
	if c.route != 0 {
		o.Routes = append(o.Routes, short(c.route))
	}
	return o
}

func (b *book) start(k alertKey, o openAlert) {
	o.State, o.At = Start, timeOf(o.Began)
	b.open[k] = &o
	b.count(&o)
	b.emit(&o)
}

func (b *book) count(o *openAlert) {
	b.raised[o.Detector][o.Severity]++
	b.last[o.Detector] = max(b.last[o.Detector], o.At.Unix())
	b.exemplars[o.Detector][o.Severity] = Exemplar{
		TraceID: o.Subject.TraceID, SpanID: o.Subject.SpanID, At: o.At, AlertID: o.ID, Fingerprint: brief(o.Subject.Fingerprint),
	}
}

func (b *book) emit(o *openAlert) {
	if len(b.pending) >= maxPending {
		b.pending = slices.Delete(b.pending, 0, 1)
		b.e.evicted(EvictAlert)
	}
	a := o.Alert
	a.Reasons = slices.Clone(o.Reasons)
	b.pending = append(b.pending, a)
}

// grow adds what a detector noticed again to its open alert. A rise in severity is told at once.
func (b *book) grow(o *openAlert, c candidate) {
	o.Last = max(o.Last, c.q.minute)
	o.Count += c.count
	o.Observed = max(o.Observed, c.observed)
	risen := c.severity > o.Severity
	for _, r := range c.reasons {
		if !slices.Contains(o.Reasons, r) {
			o.Reasons = append(o.Reasons, r)
			o.Explanation = c.sentence(c.q.who(o.Subject.Fingerprint)) // the newest kind of finding says most
		}
	}
	if c.route != 0 && len(o.Routes) < maxFollowed {
		o.Routes = append(o.Routes, short(c.route))
	}
	if risen {
		o.Severity = c.severity
		o.Explanation = c.sentence(c.q.who(o.Subject.Fingerprint))
		if c.p != nil {
			c.p.alertSeverity[c.detector] = c.severity
		}
	}
	b.update(o, risen)
}

func (b *book) update(o *openAlert, risen bool) {
	every := uint32(updateEvery)
	if o.Detector == DeadToken {
		every = updateEveryDead
	}
	if !risen && o.Last < o.Told+every {
		return
	}
	o.Told = o.Last
	o.State, o.At = Update, timeOf(o.Last)
	o.Sequence++
	if risen {
		b.count(o)
	}
	b.emit(o)
}

// follow adds a request to an open alert; where alive, it also keeps the alert open. It reports whether the alert
// is open.
func (b *book) follow(d Detector, id fingerprint.ID, q *request, alive bool, observed float64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	k := alertKey{d, id}
	o := b.open[k]
	if o == nil {
		return b.isHeld(k)
	}
	if q.minute >= o.Last+quiet(d) {
		b.end(k, o)
		return false
	}
	if alive {
		o.Count++
		o.Last = max(o.Last, q.minute)
		o.Observed = max(o.Observed, observed)
		if !o.shifted && o.Last-min(o.Began, o.Last) >= shiftAfter {
			o.shifted = true
			o.Reasons = append(o.Reasons, "baseline_shift")
		}
		b.update(o, false)
	}
	return true
}

// followRoute keeps a new_endpoint alert open while the routes it is about are used.
func (b *book) followRoute(id fingerprint.ID, route uint32, q *request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	o := b.open[alertKey{NewEndpoint, id}]
	if o == nil || !slices.Contains(o.Routes, route) {
		return
	}
	o.Count++
	o.Last = max(o.Last, q.minute)
	b.update(o, false)
}

func (b *book) end(k alertKey, o *openAlert) {
	delete(b.open, k)
	o.State, o.At, o.End = End, timeOf(o.Last), timeOf(o.Last)
	o.Sequence++
	b.emit(o)
}

// hold keeps a candidate back until it is known whether others use the new route too.
func (b *book) hold(k alertKey, c candidate) bool {
	if b.isHeld(k) || len(b.held) >= maxHeld {
		return true
	}
	b.held = append(b.held, heldAlert{due: c.q.minute + holdFor, route: c.route, key: k, alert: b.draw(c)})
	b.cool(c)
	return true
}

func (b *book) isHeld(k alertKey) bool {
	return slices.ContainsFunc(b.held, func(h heldAlert) bool { return h.key == k })
}

// advance ends what has been quiet and decides what was held back, as of the watermark.
func (b *book) advance(mark uint32) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for k, o := range b.open {
		if mark >= o.Last+quiet(k.Detector) {
			b.end(k, o)
		}
	}
	b.held = slices.DeleteFunc(b.held, func(h heldAlert) bool {
		if mark < h.due {
			return false
		}
		if b.e.routes.ownersNew(h.route) >= deployOwners {
			b.suppressed[h.key.Detector][ByDeploy]++
		} else if b.open[h.key] == nil {
			b.start(h.key, h.alert)
		}
		return true
	})
}

// rekey follows a token into the next key epoch.
func (b *book) rekey(old, now fingerprint.ID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for d := range DetectorCount {
		if o := b.open[alertKey{d, old}]; o != nil {
			delete(b.open, alertKey{d, old})
			b.open[alertKey{d, now}] = o
		}
	}
}

// take hands over the alert events not yet taken.
func (b *book) take() []Alert {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := b.pending
	b.pending = nil
	return out
}
