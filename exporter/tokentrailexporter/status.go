package tokentrailexporter

import (
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
)

// problem is one reason why the component is not well; each comes and goes by itself.
type problem int

const (
	problemUnredacted problem = iota // records come that must not be stored
	problemCanary                    // a planted token came through; only a restart takes it back
	problemJournal                   // appends are refused
	problemArchive                   // blocks cannot be written
	problemLoki                      // Loki does not take what it should
	problemSweep                     // old blocks cannot be removed
	problemCompaction                // small blocks stay small
	problemDigest                    // what was written is not signed
	problemProof                     // a promise of the archive is broken, or cannot be looked at
	problems
)

// problemOf is the problem of each destination.
var problemOf = map[string]problem{destinationArchive: problemArchive, destinationLoki: problemLoki}

// unredactedHold is how long the status speaks of records without redaction after the last of them: they come
// among good ones, and a status that changes with every call says nothing.
const unredactedHold = time.Minute

// status tells the hosts of the exporters how their trail is, on a change only.
type status struct {
	mu     sync.Mutex
	hosts  []component.Host
	active [problems]error
	since  [problems]time.Time // when it was last reported
	dead   error               // cannot get well without a restart
}

func newStatus() *status { return new(status) }

// join adds a host and tells it what the others know.
func (s *status) join(h component.Host) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hosts = append(s.hosts, h)
	if s.dead != nil {
		componentstatus.ReportStatus(h, componentstatus.NewPermanentErrorEvent(s.dead))
		return
	}
	if err := s.worst(); err != nil {
		componentstatus.ReportStatus(h, componentstatus.NewRecoverableErrorEvent(err))
	}
}

func (s *status) has(p problem) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.active[p] != nil
}

func (s *status) problem(p problem, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.active[p] != nil
	s.active[p], s.since[p] = err, time.Now()
	if !known {
		s.report(componentstatus.NewRecoverableErrorEvent(err))
	}
}

func (s *status) solved(p problem) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.active[p] == nil || p == problemUnredacted && time.Since(s.since[p]) < unredactedHold {
		return
	}
	s.active[p] = nil
	if err := s.worst(); err != nil {
		s.report(componentstatus.NewRecoverableErrorEvent(err))
		return
	}
	s.report(componentstatus.NewEvent(componentstatus.StatusOK))
}

// permanent says that only a restart with another configuration or another archive helps.
func (s *status) permanent(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dead == nil {
		s.report(componentstatus.NewPermanentErrorEvent(err))
		s.dead = err
	}
}

// final returns what permanent was told.
func (s *status) final() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dead
}

// worst is one of the problems there are. The caller holds mu.
func (s *status) worst() error {
	for _, err := range s.active {
		if err != nil {
			return err
		}
	}
	return nil
}

// report tells every host. A permanent error is the last word. The caller holds mu.
func (s *status) report(e *componentstatus.Event) {
	if s.dead != nil {
		return
	}
	for _, h := range s.hosts {
		componentstatus.ReportStatus(h, e)
	}
}
