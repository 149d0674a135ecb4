package jwks

import (
	"sync"
	"time"
)

// budget is a bucket of signature checks that fills at rate and holds one second's worth.
type budget struct {
	mu     sync.Mutex
	rate   float64
	tokens float64
	last   time.Time
}

func newBudget(rate int) *budget {
	return &budget{rate: float64(rate), tokens: float64(rate), last: time.Now()}
}

// take reports whether cost is left, and spends it.
func (b *budget) take(cost int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	b.tokens = min(b.rate, b.tokens+b.rate*now.Sub(b.last).Seconds())
	b.last = now
	// A bucket smaller than one check of this cost must let it pass when full, or it would never.
	if want := min(float64(cost), b.rate); b.tokens < want {
		return false
	}
	b.tokens -= float64(cost)
	return true
}
