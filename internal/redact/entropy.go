package redact

import "math"

// entropy is Shannon's, in bits a byte.
func entropy(s string) float64 {
	var counts [256]int
	for i := 0; i < len(s); i++ {
		counts[s[i]]++
	}
	sum, whole := 0.0, float64(len(s))
	for _, n := range counts {
		if n > 0 {
			part := float64(n) / whole
			sum -= part * math.Log2(part)
		}
	}
	return sum
}
