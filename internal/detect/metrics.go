package detect

import "time"

// Metrics is a snapshot of everything an Engine counts. Counts are since the Engine was made: a restart is a reset.
type Metrics struct {
	Alerts      [DetectorCount][SeverityCount]uint64
	Active      [DetectorCount][SeverityCount]int64
	LastAlert   [DetectorCount]int64 // event time, Unix seconds; 0 for never
	Suppressed  [DetectorCount][SuppressionCount]uint64
	Exemplars   [DetectorCount][SeverityCount]Exemplar
	Evaluations [DetectorCount]uint64
	Evictions   [EvictionCount]uint64
	Tracked     int64
	StateBytes  int64
	Late        uint64
	Duplicates  uint64
	Ignored     uint64 // fingerprint or principal in no known form
}

// Exemplar points from a count of alerts to the last of them.
type Exemplar struct {
	TraceID     [16]byte
	SpanID      [8]byte
	At          time.Time
	AlertID     string
	Fingerprint string // cut to eight digits
}

// Metrics returns the counts.
func (e *Engine) Metrics() Metrics {
	m := Metrics{
		Tracked: e.tracked.Load(), Late: e.late.Load(), Duplicates: e.duplicates.Load(), Ignored: e.ignored.Load(),
		Evaluations: [DetectorCount]uint64{e.tested.Load(), e.endpointsJudged.Load(), e.deadJudged.Load()},
	}
	for i := range m.Evictions {
		m.Evictions[i] = e.evictions[i].Load()
	}
	for _, s := range e.shards {
		s.mu.Lock()
		m.StateBytes += int64(s.bytes())
		s.mu.Unlock()
	}
	b := e.book
	b.mu.Lock()
	defer b.mu.Unlock()
	m.Alerts, m.LastAlert, m.Suppressed, m.Exemplars = b.raised, b.last, b.suppressed, b.exemplars
	for _, o := range b.open {
		m.Active[o.Detector][o.Severity]++
	}
	return m
}

// TakeAlerts hands over the alert events raised since the last call, oldest first.
func (e *Engine) TakeAlerts() []Alert { return e.book.take() }
