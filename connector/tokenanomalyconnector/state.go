package tokenanomalyconnector

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/pipeline"
	"go.uber.org/zap"

	"github.com/keytrail/keytrail/internal/detect"
)

// tick is how often time passes for the detectors and alerts go out.
const tick = time.Second

// states are the living states by their configuration. The Collector makes one *Config for a configured connector
// and hands it to every edge; two collectors in one process have two.
var states = struct {
	sync.Mutex
	of map[*Config]*state
}{of: map[*Config]*state{}}

// state is one set of detectors with the edges that share it.
type state struct {
	cfg    *Config
	set    connector.Settings
	engine *detect.Engine
	store  store
	began  time.Time

	mu      sync.Mutex
	edges   []*edge // that can still give out
	alive   int     // edges not yet shut down
	claimed map[pipeline.Signal]bool
	started bool
	stop    context.CancelFunc
	loop    sync.WaitGroup

	emitting sync.Mutex // one writer to the outputs at a time
	unsent   []detect.Alert
	shown    bool // the zeros of all alert counts went out once
}

// attach joins an edge to the state of its configuration, making the state with the first edge. ingests says
// whether the edge is the one that feeds the detectors with its signal.
func attach(set connector.Settings, cfg *Config, signal pipeline.Signal, e *edge) (s *state, ingests bool) {
	states.Lock()
	defer states.Unlock()
	s = states.of[cfg]
	if s == nil {
		s = &state{cfg: cfg, set: set, claimed: map[pipeline.Signal]bool{}, began: time.Now()}
		s.engine = detect.New(detect.Config{MaxTokens: cfg.MaxTokens, AlertBudget: cfg.AlertBudget, Learning: cfg.Learning})
		states.of[cfg] = s
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.edges = append(s.edges, e)
	s.alive++
	ingests = !s.claimed[signal]
	s.claimed[signal] = true
	return s, ingests
}

// start restores the state and starts its clock, once for all edges.
func (s *state) start(ctx context.Context, host component.Host) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.started {
		return nil
	}
	if err := s.store.open(ctx, s.set, s.cfg, host); err != nil {
		return err
	}
	s.store.restore(ctx, s.engine)
	s.started = true
	run, stop := context.WithCancel(context.Background())
	s.stop = stop
	s.loop.Go(func() { s.run(run) })
	return nil
}

func (s *state) run(ctx context.Context) {
	clock := time.NewTicker(tick)
	defer clock.Stop()
	var flushed, saved time.Time
	saved = time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-clock.C:
			s.engine.Tick(now)
			s.sendAlerts(ctx)
			if now.Sub(flushed) >= s.cfg.MetricsFlushInterval {
				flushed = now
				s.sendMetrics(ctx, now)
			}
			if now.Sub(saved) >= s.cfg.SnapshotInterval {
				saved = now
				s.store.save(ctx, s.engine)
			}
		}
	}
}

// detach flushes what an edge gives out and takes it away; the last edge stops the clock and keeps the state.
func (s *state) detach(ctx context.Context, e *edge) error {
	states.Lock()
	s.mu.Lock()
	s.alive--
	last := s.alive == 0
	if last {
		delete(states.of, s.cfg)
	}
	stop := s.stop
	s.mu.Unlock()
	states.Unlock()

	if last && stop != nil {
		stop()
		s.loop.Wait()
	}
	if stop != nil {
		s.engine.Tick(time.Now())
		s.sendAlerts(ctx)
		s.sendMetrics(ctx, time.Now())
	}
	s.mu.Lock()
	s.edges = slices.DeleteFunc(s.edges, func(o *edge) bool { return o == e })
	s.mu.Unlock()
	if !last || stop == nil {
		return nil
	}
	s.store.save(ctx, s.engine)
	return s.store.close(ctx)
}

// output is the first living edge that can give out what wanted says.
func (s *state) output(wanted func(*edge) bool) *edge {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := slices.IndexFunc(s.edges, wanted); i >= 0 {
		return s.edges[i]
	}
	return nil
}

// maxUnsent bounds the alerts kept while the pipeline after us refuses them; the oldest go first.
const maxUnsent = 10_000

// sendAlerts gives out the alerts raised since the last time. What is refused is offered again at the next tick.
func (s *state) sendAlerts(ctx context.Context) {
	s.emitting.Lock()
	defer s.emitting.Unlock()
	s.unsent = append(s.unsent, s.engine.TakeAlerts()...)
	out := s.output(func(e *edge) bool { return e.logs != nil })
	if len(s.unsent) == 0 {
		return
	}
	if out == nil {
		s.unsent = nil // nobody asked for the alerts, only for their counts
		return
	}
	if err := out.logs.ConsumeLogs(trusted(ctx), alertLogs(s.unsent, time.Now())); err != nil {
		s.set.Logger.Warn("the alerts pipeline refused alerts, they are offered again", zap.Int("alerts", len(s.unsent)), zap.Error(err))
		s.unsent = s.unsent[max(0, len(s.unsent)-maxUnsent):]
		return
	}
	s.unsent = nil
}

func (s *state) sendMetrics(ctx context.Context, now time.Time) {
	s.emitting.Lock()
	defer s.emitting.Unlock()
	out := s.output(func(e *edge) bool { return e.metrics != nil })
	if out == nil {
		return
	}
	m := s.engine.Metrics()
	if !s.shown {
		// A series that begins above zero hides its first alerts from every rate: show all zeros once.
		s.shown = true
		m.Alerts = [detect.DetectorCount][detect.SeverityCount]uint64{}
		m.Exemplars = [detect.DetectorCount][detect.SeverityCount]detect.Exemplar{}
	}
	md := metricsOf(m, s.store.errors.Load(), s.began, now, s.set.Resource)
	if err := out.metrics.ConsumeMetrics(ctx, md); err != nil && !errors.Is(err, context.Canceled) {
		s.set.Logger.Warn("the metrics pipeline refused the anomaly counts, they go out with the next flush", zap.Error(err))
	}
}
