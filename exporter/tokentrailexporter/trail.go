package tokentrailexporter

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/keytrail/keytrail/exporter/tokentrailexporter/internal/metadata"
	"github.com/keytrail/keytrail/internal/archive"
	"github.com/keytrail/keytrail/internal/journal"
)

// trail is one journal and one archive, shared by the exporters of one configuration: the collector makes an
// exporter for each signal, and a directory has one writer.
type trail struct {
	cfg     *Config
	log     *zap.Logger
	tel     *metadata.TelemetryBuilder
	status  *status
	journal *journal.Journal
	classes *classifier
	epochs  *epochs
	archive *lazyArchive
	keys    *journalKeys // nil where the journal is plain
	loki    *lokiSink    // nil without that destination
	after   func(time.Duration) <-chan time.Time

	users    int                // guarded by trails
	cancel   context.CancelFunc // stops the goroutines wherever they are
	draining chan struct{}      // closed: no attempt is worth waiting for any more
	workers  sync.WaitGroup

	leaked atomic.Bool // by a canary, where that stops everything
}

// trails holds what is started, by configuration.
var trails = struct {
	sync.Mutex
	started map[*Config]*trail
}{started: make(map[*Config]*trail)}

// acquire returns the trail of cfg and starts it for the first who asks.
func acquire(cfg *Config, set exporter.Settings, host component.Host) (*trail, error) {
	trails.Lock()
	defer trails.Unlock()
	t := trails.started[cfg]
	if t == nil {
		var err error
		if t, err = startTrail(cfg, set, host); err != nil {
			return nil, err
		}
		trails.started[cfg] = t
	}
	t.users++
	t.status.join(host)
	return t, nil
}

// release stops the trail when its last user goes.
func release(ctx context.Context, t *trail) error {
	trails.Lock()
	t.users--
	last := t.users == 0
	if last {
		delete(trails.started, t.cfg)
	}
	trails.Unlock()
	if !last {
		return nil
	}
	return t.stop(ctx)
}

func startTrail(cfg *Config, set exporter.Settings, host component.Host) (*trail, error) {
	classes, err := newClassifier(cfg.Classes)
	if err != nil {
		return nil, err
	}
	tel, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	t := &trail{cfg: cfg, log: set.Logger, tel: tel, status: newStatus(), classes: classes, draining: make(chan struct{}), after: cfg.after}
	if t.after == nil {
		t.after = time.After
	}
	if err := t.open(set, host); err != nil {
		return nil, errors.Join(err, t.close())
	}
	t.run()
	return t, nil
}

// open opens what the trail works with. What it has opened when it fails is closed by close.
func (t *trail) open(set exporter.Settings, host component.Host) (err error) {
	if t.keys, err = openKeys(t.cfg.Journal.Encryption, t.log); err != nil {
		return err
	}
	o := journal.Options{
		Dir:          t.cfg.Journal.Directory,
		MaxSize:      t.cfg.Journal.MaxSize,
		SegmentSize:  t.cfg.Journal.SegmentSize,
		SegmentAge:   t.cfg.segmentAge(),
		Destinations: []journal.Destination{{Name: destinationArchive, Required: true}},
		Keys:         t.keys.source(),
		OnSync: func(s journal.Sync) {
			t.tel.ExporterTokenTrailJournalSyncDuration.Record(context.Background(), s.Took.Seconds())
		},
	}
	if t.cfg.Destinations.Loki.HasValue() {
		o.Destinations = append(o.Destinations, journal.Destination{Name: destinationLoki, Required: t.cfg.Destinations.Loki.Get().Required})
	}
	if t.journal, err = journal.Open(o); err != nil {
		return err
	}
	t.archive = newLazyArchive(t.cfg, archive.WriterOptions{Writer: t.journal.Writer(), Classes: classesOf(t.cfg)})
	t.epochs = newEpochs(t.archive, t.status)
	if t.cfg.Destinations.Loki.HasValue() {
		if t.loki, err = newLokiSink(t, set, host); err != nil {
			return err
		}
	}
	return t.observe()
}

// close undoes open.
func (t *trail) close() error {
	var errs []error
	t.tel.Shutdown()
	if t.journal != nil {
		errs = append(errs, t.journal.Close())
	}
	if t.archive != nil {
		errs = append(errs, t.archive.close())
	}
	if t.loki != nil {
		t.loki.close()
	}
	return errors.Join(append(errs, t.keys.close())...)
}

func classesOf(cfg *Config) []archive.Class {
	var classes []archive.Class
	for _, c := range cfg.Classes {
		classes = append(classes, c.Class.WithDefaults())
	}
	return classes
}

func (t *trail) run() {
	t.showCanaries()
	s := t.journal.Stats()
	if s.TornTails > 0 || s.Quarantined > 0 {
		t.log.Warn("journal recovered", zap.Int64("torn_tails", s.TornTails), zap.Int64("quarantined", s.Quarantined))
	}
	ctx, cancel := context.WithCancel(context.Background())
	t.cancel = cancel
	t.workers.Go(func() { t.deliverArchive().run(ctx) })
	if t.loki != nil {
		t.workers.Go(func() { t.loki.delivery().run(ctx) })
	}
	for _, k := range t.keepers() {
		t.workers.Go(func() { k.run(ctx) })
	}
}

// stop closes the journal's live segment and gives the archive the time that ctx has to take what is left. What
// it does not take stays in the journal for the next start.
func (t *trail) stop(ctx context.Context) error {
	t.journal.Drain()
	close(t.draining)
	done := make(chan struct{})
	go func() {
		t.workers.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
	t.cancel()
	<-done
	for name, p := range t.journal.Stats().Destinations {
		if p.Records > 0 {
			t.log.Info("records stay in the journal until the next start",
				zap.String("destination", name), zap.Int64("records", p.Records))
		}
	}
	return t.close()
}

// observe registers the metrics that are read off the journal.
func (t *trail) observe() error {
	whole := func(register func(metric.Int64Callback) error, read func(journal.Stats) int64) error {
		return register(func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(read(t.journal.Stats()))
			return nil
		})
	}
	pending := func(register func(metric.Int64Callback) error, read func(journal.Pending) int64) error {
		return register(func(_ context.Context, o metric.Int64Observer) error {
			for name, p := range t.journal.Stats().Destinations {
				o.Observe(read(p), metric.WithAttributeSet(destinationSet(name)))
			}
			return nil
		})
	}
	return errors.Join(
		whole(t.tel.RegisterExporterTokenTrailJournalAppendedRecordsCallback, func(s journal.Stats) int64 { return s.Records }),
		whole(t.tel.RegisterExporterTokenTrailJournalAppendedBytesCallback, func(s journal.Stats) int64 { return s.Bytes }),
		whole(t.tel.RegisterExporterTokenTrailJournalHeldBytesCallback, func(s journal.Stats) int64 { return s.Held }),
		whole(t.tel.RegisterExporterTokenTrailJournalMaxBytesCallback, func(journal.Stats) int64 { return t.cfg.Journal.MaxSize }),
		whole(t.tel.RegisterExporterTokenTrailJournalQuarantinedCallback, func(s journal.Stats) int64 { return s.Quarantined }),
		whole(t.tel.RegisterExporterTokenTrailJournalTornTailsCallback, func(s journal.Stats) int64 { return s.TornTails }),
		pending(t.tel.RegisterExporterTokenTrailPendingRecordsCallback, func(p journal.Pending) int64 { return p.Records }),
		pending(t.tel.RegisterExporterTokenTrailPendingBytesCallback, func(p journal.Pending) int64 { return p.Bytes }),
		pending(t.tel.RegisterExporterTokenTrailSkippedRecordsCallback, func(p journal.Pending) int64 { return p.Skipped }),
		t.tel.RegisterExporterTokenTrailDestinationUpCallback(t.observeDestinations),
		t.tel.RegisterExporterTokenTrailOldestPendingAgeCallback(func(_ context.Context, o metric.Float64Observer) error {
			for name, p := range t.journal.Stats().Destinations {
				var age time.Duration
				if !p.Oldest.IsZero() {
					age = max(0, time.Since(p.Oldest))
				}
				o.Observe(age.Seconds(), metric.WithAttributeSet(destinationSet(name)))
			}
			return nil
		}),
	)
}

// observeDestinations says of each destination whether its last attempt went well.
func (t *trail) observeDestinations(_ context.Context, o metric.Int64Observer) error {
	for name := range t.journal.Stats().Destinations {
		up := int64(1)
		if t.status.has(problemOf[name]) {
			up = 0
		}
		o.Observe(up, metric.WithAttributeSet(destinationSet(name)))
	}
	return nil
}
