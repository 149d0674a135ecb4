package detect

import (
	"fmt"
	"math"
)

// judgeVolume counts a request at every window length and scores a window once its count passes the gate.
func (e *Engine) judgeVolume(p *profile, q *request, strange bool) {
	for i := range scaleMinutes {
		window := q.minute / scaleMinutes[i]
		if !e.roll(p, i, window) {
			continue
		}
		s := &p.scales[i]
		if window != s.at {
			s.prev++
			continue
		}
		s.cur++
		if s.cur >= s.check {
			e.scoreOpen(p, q, i, strange)
		}
	}
	if p.flags&flagSpike != 0 {
		e.followSpike(p, q)
	}
}

// strangeNetwork is the surprisal of a network that is new to its token: about 26 tokens in a thousand meet one on a
// day, which is why it is no alert by itself. Volume and network are independent signals, so their surprisals add:
// the token of a busy month has too few windows to prove by volume alone what is plain from both.
const strangeNetwork = 1.6

// scoreOpen scores a window that is still open: an attack of ten seconds is over before its window is.
func (e *Engine) scoreOpen(p *profile, q *request, i int, strange bool) {
	s := &p.scales[i]
	mu, x := p.expected(i, s.at), float64(s.cur)
	s.check = s.cur + s.cur/8 + 1 // the next look, when an eighth more has come
	if p.flags&flagSpike != 0 {
		return
	}
	if !s.known(p) {
		e.book.suppress(UsageSpike, ByWarmup)
		return
	}
	score := e.pools[p.archetype()].calibrate(s.score(x, mu))
	if strange {
		score += strangeNetwork
	}
	if score < e.bars.spike.load() || x < minRatio*mu {
		return
	}
	if x < atOnce*mu && s.hot&3 == 0 { // two of three windows, this one included
		return
	}
	e.raiseSpike(p, q, i, mu, strange)
}

func (e *Engine) raiseSpike(p *profile, q *request, i int, mu float64, strange bool) {
	s := &p.scales[i]
	c := candidate{
		detector: UsageSpike, key: p.id, p: p, q: q, strange: strange, severity: Low,
		observed: float64(s.cur), baseline: mu, count: int64(s.cur), since: s.at * scaleMinutes[i],
		reasons: []string{[scaleCount]string{"burst", "rate", "volume"}[i]},
	}
	if float64(s.cur) >= atOnce*mu {
		c.severity = Medium
	}
	if strange {
		c.reasons = append(c.reasons, "new_network")
	}
	if strange || p.flags&flagEndpoint != 0 { // a second, independent signal
		c.severity = High
	}
	peak := ""
	if s.peak >= 1 {
		peak = fmt.Sprintf(", and at most about %.0f in the weeks before", s.peak)
	}
	c.sentence = func(who string) string {
		return fmt.Sprintf("%s made %d requests within %s from %s, where %s usual%s",
			who, s.cur, lengthOf(i), q.from(strange), about(mu), peak)
	}
	if e.book.raise(c) {
		p.flags |= flagSpike
		p.frozen = s.at * scaleMinutes[i]
	}
}

func lengthOf(i int) string { return [scaleCount]string{"a minute", "10 minutes", "an hour"}[i] }

func about(mu float64) string {
	switch {
	case mu < 0.5:
		return "none is"
	case mu < 1.5:
		return "one is"
	}
	return fmt.Sprintf("about %.0f are", math.Round(mu))
}

// followSpike keeps an open alert alive while the volume stays above the level at which it re-arms.
func (e *Engine) followSpike(p *profile, q *request) {
	busy := false
	most := 0.0
	for i := range p.scales[:scaleHour] {
		s := &p.scales[i]
		if x, mu := float64(s.cur), p.expected(i, s.at); x >= rearm*mu && x-mu >= minExcess/2 && x >= float64(s.peak) {
			busy, most = true, max(most, x)
		}
	}
	if !e.book.follow(UsageSpike, p.id, q, busy, most) {
		p.flags &^= flagSpike
		p.frozen = 0
	}
}
