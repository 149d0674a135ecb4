package detect

import (
	"time"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/fingerprint"
)

// Rotated takes the news that a directory shows a new token in the place of an older one: the new one inherits what is
// known of the older, so that a renewed secret is no stranger on every endpoint that its owner has always called. Both
// may be in use for a while, so the older one keeps its baseline too. An old token that is judged to be dead stays so.
func (e *Engine) Rotated(r *event.Record) {
	old, err := fingerprint.ParseID(r.Attrs.Str(event.KeyTokenRotatedFrom))
	if err != nil {
		return
	}
	now, err := fingerprint.ParseID(r.Attrs.Str(event.KeyFingerprint))
	if err != nil || now == old {
		return
	}
	if id := r.Attrs.Str(event.KeyEventID); id != "" && e.seen.again(id, e.cfg.Now().UnixNano()) {
		return // another collector told of it
	}
	e.inherit(old, now, minuteOf(min(r.Time, e.cfg.Now().Add(time.Minute).UnixNano())))
}

// inherit copies a baseline. What the new token has learned by itself stays.
func (e *Engine) inherit(old, now fingerprint.ID, minute uint32) {
	from := e.shards[shardOf(old)]
	from.mu.Lock()
	p := from.get(old)
	if p == nil {
		from.mu.Unlock()
		return
	}
	copied := *p
	var wide *bloom
	if b := from.blooms[old]; b != nil {
		clone := *b
		wide = &clone
	}
	from.mu.Unlock()
	copied.id, copied.seen = now, max(copied.seen, minute)
	copied.flags &^= flagSpike | flagEndpoint // the open alerts are the older one's

	to := e.shards[shardOf(now)]
	to.mu.Lock()
	defer to.mu.Unlock()
	if to.get(now) != nil {
		return
	}
	slot, evicted := to.add(now)
	if evicted {
		e.evicted(EvictToken)
	} else {
		e.tracked.Add(1)
	}
	if copied.days >= minActiveDays {
		e.ready.Add(1)
	}
	*slot = copied
	if wide != nil {
		to.blooms[now] = wide
	}
	to.dirty = true
}
