package tokentrailexporter

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/keytrail/keytrail/exporter/tokentrailexporter/internal/metadata"
	"github.com/keytrail/keytrail/internal/archive"
	"github.com/keytrail/keytrail/internal/archive/bucket"
	"github.com/keytrail/keytrail/internal/event"
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

	users    int                // guarded by trails
	cancel   context.CancelFunc // stops the goroutines wherever they are
	draining chan struct{}      // closed: no attempt is worth waiting for any more
	workers  sync.WaitGroup
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
		if t, err = startTrail(cfg, set); err != nil {
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

func startTrail(cfg *Config, set exporter.Settings) (*trail, error) {
	classes, err := newClassifier(cfg.Classes)
	if err != nil {
		return nil, err
	}
	tel, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	t := &trail{cfg: cfg, log: set.Logger, tel: tel, status: newStatus(), classes: classes, draining: make(chan struct{})}
	t.journal, err = journal.Open(journal.Options{
		Dir:          cfg.Journal.Directory,
		MaxSize:      cfg.Journal.MaxSize,
		SegmentSize:  cfg.Journal.SegmentSize,
		SegmentAge:   cfg.Journal.SegmentAge,
		Destinations: []journal.Destination{{Name: destinationArchive, Required: true}},
		OnSync: func(s journal.Sync) {
			tel.ExporterTokenTrailJournalSyncDuration.Record(context.Background(), s.Took.Seconds())
		},
	})
	if err != nil {
		tel.Shutdown()
		return nil, err
	}
	t.archive = &lazyArchive{path: cfg.Archive.Directory, opts: archive.WriterOptions{Writer: t.journal.Writer(), Classes: classesOf(cfg)}}
	t.epochs = newEpochs(t.archive, t.status)
	if err := t.observe(); err != nil {
		tel.Shutdown()
		return nil, errors.Join(err, t.journal.Close())
	}
	t.run()
	return t, nil
}

func classesOf(cfg *Config) []archive.Class {
	var classes []archive.Class
	for _, c := range cfg.Classes {
		classes = append(classes, c.Class.WithDefaults())
	}
	return classes
}

func (t *trail) run() {
	s := t.journal.Stats()
	if s.TornTails > 0 || s.Quarantined > 0 {
		t.log.Warn("journal recovered", zap.Int64("torn_tails", s.TornTails), zap.Int64("quarantined", s.Quarantined))
	}
	ctx, cancel := context.WithCancel(context.Background())
	t.cancel = cancel
	t.workers.Go(func() { t.deliver(ctx) })
	t.workers.Go(func() { t.sweep(ctx) })
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
	if p := t.journal.Stats().Destinations[destinationArchive]; p.Records > 0 {
		t.log.Info("records stay in the journal until the next start", zap.Int64("records", p.Records))
	}
	t.tel.Shutdown()
	return t.journal.Close()
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
		whole(t.tel.RegisterExporterTokenTrailJournalQuarantinedCallback, func(s journal.Stats) int64 { return s.Quarantined }),
		whole(t.tel.RegisterExporterTokenTrailJournalTornTailsCallback, func(s journal.Stats) int64 { return s.TornTails }),
		pending(t.tel.RegisterExporterTokenTrailPendingRecordsCallback, func(p journal.Pending) int64 { return p.Records }),
		pending(t.tel.RegisterExporterTokenTrailPendingBytesCallback, func(p journal.Pending) int64 { return p.Bytes }),
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

// lazyArchive opens the archive when it is needed: one that cannot be opened now must not keep the collector from
// starting, for the journal can wait.
type lazyArchive struct {
	path string
	opts archive.WriterOptions

	mu     sync.Mutex
	bucket bucket.Bucket
	writer *archive.Writer
}

func (a *lazyArchive) open() (bucket.Bucket, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.bucket == nil {
		b, err := bucket.OpenDir(a.path)
		if err != nil {
			return nil, err
		}
		a.bucket = b
	}
	return a.bucket, nil
}

// segmentWriter returns the writer, which one goroutine uses.
func (a *lazyArchive) segmentWriter() (*archive.Writer, error) {
	if a.writer != nil {
		return a.writer, nil
	}
	b, err := a.open()
	if err != nil {
		return nil, err
	}
	w, err := archive.NewWriter(b, a.opts)
	if err != nil {
		return nil, err
	}
	a.writer = w
	return w, nil
}

// admits asks whether the archive knows the key epoch by the same check value, or not at all.
func (a *lazyArchive) admits(s event.Scope) error {
	b, err := a.open()
	if err != nil {
		return err
	}
	o := a.opts
	o.Ring = s
	if _, err := archive.NewWriter(b, o); err != nil {
		return fmt.Errorf("archive %s: %w", a.path, err)
	}
	return nil
}
