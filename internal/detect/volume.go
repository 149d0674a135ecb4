package detect

import (
	"math"
)

const (
	scaleMinute = iota // the fast path: a burst shows within seconds
	scaleTen
	scaleHour
	scaleCount
)

const (
	minutesPerDay = 24 * 60
	// levelWindows is the memory of the level, in windows.
	levelWindows = 300
	// cellMemory is the memory of a time cell: 24 windows a day, a half-life of seven days of five.
	cellMemory = 170
	// cellTrust is how many windows the level is worth beside a time cell.
	cellTrust = 8
	// maxReplayedZeros bounds the empty windows walked one by one when a token comes back: a week of ten minutes.
	maxReplayedZeros = 7 * 144
	// peakHalfLife is how slowly the largest window ever is forgotten, in minutes.
	peakHalfLife = 14 * minutesPerDay

	// The least effect worth an alert, however small its probability.
	minRatio  = 3
	minExcess = 20
	overPeak  = 1.5
	// atOnce is the ratio that needs no second window to confirm it.
	atOnce = 10
	// rearm is the ratio below which a spike is over.
	rearm = 1.5

	// Evidence before a token is judged.
	minActiveDays = 3
	minFilled     = 16

	// windowsPerDay are the tests one token undergoes: what the alert budget is divided by.
	windowsPerDay = 24*60 + 24*6 + 24
)

var scaleMinutes = [scaleCount]uint32{1, 10, 60}

// cellOf is the time cell of a window of ten minutes: a block of four hours, of a weekday or of the weekend.
func cellOf(window uint32) int {
	day := window / 144
	cell := int(window%144) / 24
	if weekday := (day + 4) % 7; weekday == 0 || weekday == 6 { // 1970-01-01 was a Thursday
		cell += timeCells / 2
	}
	return cell
}

// expected is the predicted count of a window. At ten minutes, of the level and the time cell whichever has erred
// less; at the other lengths no less than what that implies.
func (p *profile) expected(i int, window uint32) float64 {
	size := scaleMinutes[i]
	cell := cellOf(window * size / scaleMinutes[scaleTen])
	level := float64(p.scales[scaleTen].mean)
	n := float64(p.cellN[cell])
	mu := (n*float64(p.cells[cell]) + cellTrust*level) / (n + cellTrust)
	if p.levelErr < p.cellErr {
		mu = level
	}
	if i == scaleTen {
		return mu
	}
	return max(float64(p.scales[i].mean), mu*float64(size)/float64(scaleMinutes[scaleTen]))
}

func (s *scale) variance(mu float64) float64 {
	return max(float64(s.sq)-float64(s.mean)*float64(s.mean), mu)
}

// score is the first-stage surprisal: the smaller of what the model and the token's own past say. In hours when the
// token is quiet the model takes its overall mean: what it does by day is no spike by night.
func (s *scale) score(x, mu float64) float64 {
	if x <= mu {
		return 0
	}
	mean := max(mu, float64(s.mean))
	return min(negativeBinomial(x, mean, s.variance(mean)), s.surprisal(x))
}

// gate is the count below which a window is not even scored.
func (s *scale) gate(mu float64) float64 {
	return max(minRatio*mu, mu+minExcess, overPeak*float64(s.peak))
}

// roll brings scale i up to a window, closing what lies before. It returns false where the window is older than
// both open ones: such a request is late and no longer counted here.
func (e *Engine) roll(p *profile, i int, window uint32) bool {
	s := &p.scales[i]
	switch {
	case s.at == 0:
		s.at = window
		s.check = e.nextCheck(p, i)
	case window > s.at:
		e.closeWindow(p, i, s.at-1, s.prev)
		if window == s.at+1 {
			s.prev = s.cur
		} else {
			e.closeWindow(p, i, s.at, s.cur)
			size := scaleMinutes[i]
			empty := (window - s.at - 2) - min(e.gaps.within((s.at+1)*size, (window-1)*size)/size, window-s.at-2)
			p.closeEmpty(i, window-1-empty, empty)
			s.prev = 0
		}
		s.at, s.cur = window, 0
		s.check = e.nextCheck(p, i)
	}
	return window+1 >= s.at
}

func (e *Engine) nextCheck(p *profile, i int) uint32 {
	s := &p.scales[i]
	return uint32(min(math.Ceil(s.gate(p.expected(i, s.at))), 1<<31))
}

// closeWindow ends a window with x requests: it is scored against what was known before, then learned from.
func (e *Engine) closeWindow(p *profile, i int, window, x uint32) {
	s := &p.scales[i]
	if s.n == 0 && x == 0 { // the window before the first one is no observation
		return
	}
	mu := p.expected(i, window)
	count := float64(x)
	still := p.still(window * scaleMinutes[i])
	s.hot <<= 1
	if x > 0 || mu >= 1 {
		e.tested.Add(1)
		score := s.score(count, mu)
		hot := count >= s.gate(mu) && s.known(p) && e.pools[p.archetype()].calibrate(score) >= e.bars.spike.load()
		switch {
		case hot:
			// What was surprising teaches no more than the level at which it began to be: a burst nobody was told of
			// must not excuse the next one, and a level that stays is still reached in a few steps.
			s.hot |= 1
			count = s.gate(mu)
		case !still:
			if s.known(p) {
				e.pools[p.archetype()].add(score)
			}
			s.remember(count)
		}
	}
	if !still {
		p.learn(i, window, count)
	}
}

func (s *scale) known(p *profile) bool { return p.days >= minActiveDays && s.filled >= minFilled }

// still reports whether the volume baseline is frozen because an alert is open. After a day the new level is
// accepted as normal.
func (p *profile) still(minute uint32) bool {
	return p.frozen != 0 && minute >= p.frozen && minute-p.frozen < minutesPerDay
}

func (p *profile) learn(i int, window uint32, x float64) {
	s := &p.scales[i]
	if i == scaleTen {
		p.learnCell(window, x)
		a := p.rate()
		p.activity += (b2f(x > 0) - p.activity) * a
		if x > 0 {
			b := 1 / float32(min(s.filled+1, levelWindows))
			p.busyMean += (float32(x) - p.busyMean) * b
			p.busySq += (float32(x*x) - p.busySq) * b
		}
	}
	s.n = min(s.n+1, levelWindows)
	a := 1 / float32(s.n)
	s.mean += (float32(x) - s.mean) * a
	s.sq += (float32(x*x) - s.sq) * a
	s.peak = max(float32(x), s.peak*peakDecay(i, 1))
	if x > 0 && s.filled < 1<<16-1 {
		s.filled++
	}
}

// rate is the weight of the next window of ten minutes.
func (p *profile) rate() float32 { return 1 / float32(min(p.scales[scaleTen].n+1, levelWindows)) }

func (p *profile) learnCell(window uint32, x float64) {
	c := cellOf(window)
	a := p.rate()
	p.cellErr += (float32(math.Abs(x-float64(p.cells[c]))) - p.cellErr) * a
	p.levelErr += (float32(math.Abs(x-float64(p.scales[scaleTen].mean))) - p.levelErr) * a
	if p.cellN[c] < cellMemory {
		p.cellN[c]++
	}
	p.cells[c] += (float32(x) - p.cells[c]) / float32(p.cellN[c])
}

// closeEmpty closes k empty windows from first on: the level in closed form, the time cells one by one.
func (p *profile) closeEmpty(i int, first, k uint32) {
	if k == 0 {
		return
	}
	s := &p.scales[i]
	if s.n == 0 || p.still(first*scaleMinutes[i]) {
		return
	}
	if i == scaleTen {
		walk := min(k, maxReplayedZeros)
		for w := first + k - walk; w < first+k; w++ {
			p.learnCell(w, 0)
		}
	}
	ramp := min(k, uint32(levelWindows-s.n)) // while the mean is a plain average
	keep := float64(s.n) / float64(uint32(s.n)+ramp) * math.Pow(1-1.0/levelWindows, float64(k-ramp))
	s.n += uint16(ramp)
	s.mean *= float32(keep)
	s.sq *= float32(keep)
	s.peak *= peakDecay(i, k)
	s.hot = uint8(uint64(s.hot) << min(k, 8))
	if i == scaleTen {
		p.activity *= float32(keep)
	}
}

func peakDecay(i int, windows uint32) float32 {
	return float32(math.Exp2(-float64(windows*scaleMinutes[i]) / peakHalfLife))
}

func b2f(b bool) float32 {
	if b {
		return 1
	}
	return 0
}
