package lookup

import (
	"context"
	"sync"
	"time"
)

const (
	// tolerated is how many failures in a row may be the keys' fault; after more, the source is left alone for a while.
	tolerated = 3
	// firstPause is the first such while; each further failure doubles it.
	firstPause = time.Second
	// longestPause bounds how long a source that is up again goes unasked.
	longestPause = time.Minute
	// longestRetryAfter bounds what a source may ask for, by the same reason.
	longestRetryAfter = 5 * time.Minute
)

// outage keeps the workers off a source that fails.
type outage struct {
	telling  sync.Mutex // so that what is told comes in the order of what happened
	mu       sync.Mutex
	failures int // in a row
	text     string
	until    time.Time
}

// note takes the outcome of a call and tells it where it differs from the one before.
func (o *outage) note(err error, tell func(error)) {
	o.telling.Lock()
	defer o.telling.Unlock()
	if o.take(err) && tell != nil {
		tell(err)
	}
}

func (o *outage) take(err error) (changed bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err == nil {
		changed = o.failures > 0
		o.failures, o.text, o.until = 0, "", time.Time{}
		return changed
	}
	o.failures++
	pause := min(retryAfterOf(err), longestRetryAfter)
	if over := o.failures - tolerated; over > 0 {
		pause = max(pause, min(firstPause<<min(over-1, 10), longestPause))
	}
	if until := time.Now().Add(shortened(pause)); until.After(o.until) {
		o.until = until
	}
	changed = err.Error() != o.text
	o.text = err.Error()
	return changed
}

// wait returns when the source may be asked.
func (o *outage) wait(ctx context.Context) error {
	for {
		o.mu.Lock()
		d := time.Until(o.until)
		o.mu.Unlock()
		if d <= 0 {
			return ctx.Err()
		}
		timer := time.NewTimer(d)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}
