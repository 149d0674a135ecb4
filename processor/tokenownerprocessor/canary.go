package tokenownerprocessor

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"go.uber.org/zap"
)

// canaryResult is what became of a canary; its name is a label.
type canaryResult string

const (
	canarySent    canaryResult = "sent"
	canaryRefused canaryResult = "refused" // by what stands behind
	canaryFailed  canaryResult = "failed"  // our own redaction cut it
)

var errCanaryCut = errors.New("canary was cut to its skeleton: the redaction fails on what it should remove")

// inputCanary is the canary among what the component's health depends on.
const inputCanary = "canary"

// fly sends canaries until the outlet closes. The first comes soon: whoever changed the pipeline should not wait an
// hour to learn that it leaks.
func (p *tokenOwner) fly() {
	every := p.cfg.Canary.Get().Interval
	timer := time.NewTimer(rand.N(every/10 + 1))
	defer timer.Stop()
	for {
		select {
		case <-p.outlet.ctx.Done():
			return
		case <-timer.C:
			p.sendCanary()
			timer.Reset(every - rand.N(every/10+1)) // uneven: a fleet started together does not send together
		}
	}
}

func (p *tokenOwner) sendCanary() {
	ld := newCanary()
	result := canaryFailed
	err := errCanaryCut
	if p.sealCanary(ld) {
		if err = p.outlet.send(ld); errors.Is(err, errClosed) {
			return
		}
		result = canarySent
		if err != nil {
			result = canaryRefused
			p.logger.Warn("canary was refused by the pipeline", zap.Error(err))
		}
	}
	p.told.canary(context.Background(), result)
	if result == canaryFailed {
		p.files.health(inputCanary, err)
	} else {
		p.files.recovered(inputCanary)
	}
}

// recovered ends a failure of an input, if there was one.
func (f *files) recovered(input string) {
	f.mu.Lock()
	_, failed := f.failures[input]
	f.mu.Unlock()
	if failed {
		f.health(input, nil)
	}
}
