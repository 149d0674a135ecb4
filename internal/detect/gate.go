package detect

import (
	"github.com/keytrail/keytrail/internal/fingerprint"
)

const (
	// incidentShare of the tokens with a baseline, tripping one detector within ten minutes, is an outage, a
	// deployment or a clock, not so many thieves.
	incidentShare = 0.2
	// incidentOwners is the least number of owners that make an incident, in a fleet of any size.
	incidentOwners = 5
	maxIncident    = 4096
	// budgetSlack is how far over the budget a day may go before low alerts are held back: the budget is an
	// average.
	budgetSlack = 3
)

// incident counts the owners that trip one detector in one window of ten minutes. Only owners seen for a week and
// answered with a yes count, so that nobody can make up enough of them to silence a detector.
type incident struct {
	window uint32
	owners map[uint32]struct{}
}

// trip notes a candidate and reports whether the fleet as a whole is tripping.
func (i *incident) trip(c *candidate, ready int64) bool {
	if w := c.q.minute / scaleMinutes[scaleTen]; w != i.window || i.owners == nil {
		i.window, i.owners = w, map[uint32]struct{}{}
	}
	if c.p.old(c.q.minute) && c.q.accepted() && len(i.owners) < maxIncident {
		i.owners[c.p.owner] = struct{}{}
	}
	n := len(i.owners)
	return n >= incidentOwners && float64(n) > incidentShare*float64(max(ready, 1))
}

// spent is what one detector has used of the day's alert budget.
type spent struct {
	day    uint32
	alerts float64
}

func (s *spent) over(minute uint32, budget float64) bool {
	if day := minute / minutesPerDay; day != s.day {
		s.day, s.alerts = day, 0
	}
	s.alerts++
	return s.alerts > budgetSlack*max(budget, 1)
}

// fleet raises one alert for what concerns no token in particular, or keeps the open one alive.
func (b *book) fleet(c *candidate, reason, sentence string) {
	k := alertKey{c.detector, fingerprint.ID{}}
	if o := b.open[k]; o != nil {
		o.Count++
		o.Last = max(o.Last, c.q.minute)
		b.update(o, false)
		return
	}
	start := timeOf(c.q.minute)
	o := openAlert{Began: c.q.minute, Last: c.q.minute, Told: c.q.minute}
	o.Alert = Alert{
		ID: hashText("alert", c.detector.String(), reason, start.Format("20060102T150405")), Detector: c.detector, Severity: Medium,
		Reasons: []string{reason}, Count: 1, Explanation: c.detector.String() + ": " + sentence, Start: start,
		Subject: Subject{Scope: c.q.rec.Scope}, Next: "keytrail alerts --active",
	}
	b.start(k, o)
}
