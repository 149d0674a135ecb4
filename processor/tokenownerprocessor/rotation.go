package tokenownerprocessor

import (
	"context"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.uber.org/zap"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/fingerprint"
	"github.com/keytrail/keytrail/internal/owner"
)

const (
	// maxAnnouncements bounds the rotations that wait while the pipeline refuses them; a load brings no more either.
	maxAnnouncements = owner.MaxRotations
	// announceAgain is the pause after a refusal.
	announceAgain = 5 * time.Second
)

// rotationResult is what became of a rotation; its name is a label.
type rotationResult string

const (
	rotationSent    rotationResult = "sent"
	rotationDropped rotationResult = "dropped" // too many at once, refused for good, or no logs pipeline to tell
)

// announcer tells the pipeline of the tokens that a directory shows in the place of older ones.
type announcer struct {
	*tokenOwner

	mu      sync.Mutex
	waiting []announcement
	wake    chan struct{}
}

type announcement struct {
	source kind
	owner.Rotation
}

func newAnnouncer(p *tokenOwner) *announcer {
	return &announcer{tokenOwner: p, wake: make(chan struct{}, 1)}
}

// add queues rotations; what has no room is counted.
func (a *announcer) add(of kind, found []owner.Rotation) {
	a.mu.Lock()
	room := max(0, maxAnnouncements-len(a.waiting))
	for _, r := range found[:min(room, len(found))] {
		a.waiting = append(a.waiting, announcement{of, r})
	}
	a.mu.Unlock()
	a.told.rotations(context.Background(), rotationDropped, len(found)-room)
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// run sends what waits until the outlet closes.
func (a *announcer) run() {
	again := time.NewTimer(0)
	defer again.Stop()
	for {
		select {
		case <-a.outlet.ctx.Done():
			return
		case <-a.wake:
		case <-again.C:
		}
		if !a.sendAll() {
			again.Reset(announceAgain)
		}
	}
}

// sendAll reports false where the rotations must be offered again.
func (a *announcer) sendAll() bool {
	a.mu.Lock()
	list := a.waiting
	a.mu.Unlock()
	if len(list) == 0 {
		return true
	}
	c := a.newCall(context.Background())
	ld := rotationLogs(list, c.ring)
	c.protectLogs(ld)
	err := a.outlet.send(ld)
	result := rotationSent
	switch {
	case err != nil && !consumererror.IsPermanent(err):
		a.logger.Warn("rotations were refused by the pipeline, they are offered again", zap.Int("rotations", len(list)), zap.Error(err))
		return false
	case err != nil:
		a.logger.Error("rotations were refused by the pipeline for good", zap.Int("rotations", len(list)), zap.Error(err))
		result = rotationDropped
	}
	a.told.rotations(context.Background(), result, len(list))
	a.mu.Lock()
	a.waiting = a.waiting[len(list):]
	a.mu.Unlock()
	return true
}

// rotationLogs makes one record of each rotation. Its id is that of the pair, so that all collectors that follow one
// directory tell of it once.
func rotationLogs(list []announcement, ring *fingerprint.Ring) plog.Logs {
	ld := plog.NewLogs()
	sl := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty()
	sl.Scope().SetName(event.ScopeName)
	stampScope(sl.Scope(), ring)
	for i := range list {
		writeRotation(&list[i], ring, sl.LogRecords().AppendEmpty())
	}
	return ld
}

func writeRotation(r *announcement, ring *fingerprint.Ring, lr plog.LogRecord) {
	fresh, printed := r.New.Text(ring)
	old, oldPrinted := r.Old.Text(ring)
	seen := pcommon.NewTimestampFromTime(r.Seen)
	lr.SetTimestamp(seen)
	lr.SetObservedTimestamp(seen)
	lr.SetEventName(event.NameRotated)
	lr.SetSeverityNumber(plog.SeverityNumberInfo)
	a := lr.Attributes()
	a.PutStr(event.KeyEventID, event.BodyID("rotation", fresh+" "+old, 0))
	a.PutStr(event.KeyRedaction, event.RedactionDone)
	a.PutStr(event.KeySource, kindNames[r.source])
	if printed {
		a.PutStr(event.KeyFingerprint, fresh)
	}
	if id := r.New.CredentialID(); id != "" {
		a.PutStr(event.KeyCredentialID, id)
	}
	a.PutStr(event.KeyTokenRotatedFrom, old)
	if oldPrinted { // whoever searches for the old token finds where it went
		a.PutEmptySlice(event.KeyOthers).AppendEmpty().SetStr(old + " directory none")
	}
	putFacts(a, &r.Facts)
	a.PutStr(event.KeyOwnerSource, kindNames[r.source])
	a.PutStr(event.KeyOwnerAsOf, r.Seen.UTC().Format(time.RFC3339))
	a.PutStr(event.KeyTokenState, r.Facts.State(r.Seen))
}

// rotated is told of what a load of a directory replaced. One pipeline of the component tells of it.
func (f *files) rotated(of kind, found []owner.Rotation, more int) {
	f.told.rotations(context.Background(), rotationDropped, more)
	f.mu.Lock()
	var to *announcer
	if len(f.speakers) > 0 {
		to = f.speakers[0].announcer
	}
	f.mu.Unlock()
	if to == nil {
		f.told.rotations(context.Background(), rotationDropped, len(found))
		return
	}
	to.add(of, found)
}

// listen makes p one of those who can tell of rotations.
func (f *files) listen(p *tokenOwner) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.speakers = append(f.speakers, p)
}

// ignore takes p out again.
func (f *files) ignore(p *tokenOwner) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.speakers = slices.DeleteFunc(f.speakers, func(o *tokenOwner) bool { return o == p })
}
