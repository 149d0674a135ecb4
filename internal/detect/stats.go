package detect

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

const (
	// histBuckets are half octaves of a window's count. They cover the largest window ever down to a 256th of it;
	// the first takes everything below.
	histBuckets = 16
	// histFull halves the counts: the histogram forgets with a half-life of about 65,000 windows.
	histFull = 1<<16 - 1
	// tailPoints is how many of the largest windows the slope of the tail is read from.
	tailPoints = 10
	// minSlope is the decades of probability one octave beyond everything seen is worth at least; a Pareto tail
	// of index 1.66.
	minSlope = 0.5
	// maxSlope bounds what a thin tail may promise.
	maxSlope = 2
	// slopeTrust is how much of the slope inside the data is believed outside of it.
	slopeTrust = 0.75
)

// histogram is a token's own past at one window length: how many closed windows had a count in each half octave,
// from a base up that rises with the largest. Counts, not residuals: a residual of the first days, when little was
// known, would stand there for years as the largest surprise ever.
type histogram [histBuckets]uint16

// halfOctave is the place of a count on the endless scale that the base cuts.
func halfOctave(x float64) int {
	if x < 1 {
		return 0
	}
	return int(2 * math.Log2(x))
}

func (s *scale) remember(x float64) {
	b := halfOctave(x) - int(s.base)
	for ; b >= histBuckets; b-- { // the first two become one, and the scale moves up
		s.hist[1] += min(s.hist[0], histFull-s.hist[1])
		copy(s.hist[:], s.hist[1:])
		s.hist[histBuckets-1] = 0
		s.base++
	}
	b = max(b, 0)
	if s.hist[b] == histFull {
		for i := range s.hist {
			s.hist[i] /= 2
		}
	}
	s.hist[b]++
}

// surprisal is -log10 of the chance that a window of this token holds x requests or more: counted where the token
// has been there before, continued along the slope of its own tail where it has not.
func (s *scale) surprisal(x float64) float64 {
	b := max(halfOctave(x)-int(s.base), 0)
	var total, above, top int
	for i, n := range s.hist {
		total += int(n)
		if i >= b {
			above += int(n)
		}
		if n > 0 {
			top = i
		}
	}
	if above > 0 || total == 0 {
		return -math.Log10((float64(above) + 0.5) / float64(total+1))
	}
	octaves := math.Log2(x) - float64(int(s.base)+top+1)/2
	return -math.Log10(0.5/float64(total+1)) + s.hist.slope(top)*octaves
}

func (h *histogram) slope(top int) float64 {
	points, b := 0, top
	for ; b > 0; b-- {
		if points += int(h[b]); points >= tailPoints {
			break
		}
	}
	octaves := float64(top-b+1) / 2
	// From the lower edge of bucket b, which `points` windows reach, to the upper edge of the top one, which none did.
	slope := slopeTrust * math.Log10(2*float64(max(points, 1))) / octaves
	return min(max(slope, minSlope), maxSlope)
}

// negativeBinomial is -log10 of the upper tail P(X >= x) of counts with this mean and variance; Poisson where the
// variance does not exceed the mean.
func negativeBinomial(x, mean, variance float64) float64 {
	if x <= mean || x < 1 {
		return 0
	}
	mean = max(mean, 1e-6)
	var tail float64
	if excess := variance - mean; excess < 1e-6*mean {
		tail = mathext.GammaIncReg(x, mean)
	} else {
		r := mean * mean / excess
		tail = mathext.RegIncBeta(x, r, mean/(mean+r))
	}
	// Below the smallest double the exact figure no longer matters: the other test binds.
	return -math.Log10(max(tail, 1e-300))
}
