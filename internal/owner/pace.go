package owner

import (
	"runtime"
	"time"
)

// slice is how long work beside the pipeline runs before others may: the thread of a processor that builds an index
// of a million rows would otherwise keep a record waiting for as long as the scheduler allows, some 10 ms.
const slice = time.Millisecond / 2

// paceSteps is how many steps go by between two looks at the clock.
const paceSteps = 256

// pace parts long work into slices. The zero value is ready.
type pace struct {
	steps int
	began time.Time
}

// step is called for each piece of the work.
func (p *pace) step() {
	if p.steps++; p.steps%paceSteps != 0 {
		return
	}
	now := time.Now()
	if now.Sub(p.began) >= slice {
		runtime.Gosched()
		p.began = time.Now()
	}
}
