package tokentrailexporter

import (
	"context"
	"errors"
	"sync"

	"github.com/keytrail/keytrail/internal/archive"
	"github.com/keytrail/keytrail/internal/event"
)

// maxScopes bounds the epochs remembered. A collector sees two at a time; behind many agents there may be a few more.
const maxScopes = 64

// epochs refuses events whose fingerprints would never meet those that the archive already holds for their epoch:
// a key file was lost and made anew. It asks the archive once for each epoch.
type epochs struct {
	archive *lazyArchive
	status  *status

	mu    sync.RWMutex
	known map[event.Scope]struct{}
}

func newEpochs(a *lazyArchive, s *status) *epochs {
	return &epochs{archive: a, status: s, known: make(map[event.Scope]struct{})}
}

// check returns an *archive.EpochError, wrapped, for an event that must not be stored beside what the archive holds. After
// the first of them it refuses every event: what is in the journal already will not become blocks either.
// While the archive cannot be reached the event is taken: the worker asks again before it writes.
func (e *epochs) check(ctx context.Context, s event.Scope) error {
	if s.Ring == "" {
		return nil
	}
	if err := e.status.final(); err != nil {
		return err
	}
	e.mu.RLock()
	_, ok := e.known[s]
	e.mu.RUnlock()
	if ok || ctx.Err() != nil || e.status.has(problemArchive) {
		return nil
	}
	err := e.archive.admits(s)
	if mismatch := new(archive.EpochError); errors.As(err, &mismatch) {
		e.status.permanent(err)
		return err
	}
	if err != nil {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.known) >= maxScopes {
		clear(e.known)
	}
	e.known[s] = struct{}{}
	return nil
}
