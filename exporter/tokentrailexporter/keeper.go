package tokentrailexporter

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/keytrail/keytrail/internal/archive"
	"github.com/keytrail/keytrail/internal/archive/bucket"
)

// keeper does one of the archive's chores at every interval, the first time soon after the start. Nothing waits for
// it: what it cannot do now it does later, and the status says so meanwhile.
type keeper struct {
	t        *trail
	task     string
	interval time.Duration
	problem  problem
	do       func(context.Context, bucket.Bucket) error
}

// proofInterval is how often the archive is looked through for broken promises. It lists everything there is.
const proofInterval = 6 * time.Hour

func (t *trail) keepers() []*keeper {
	all := []*keeper{{t, "sweep", t.cfg.SweepInterval, problemSweep, t.sweep}}
	if every := t.cfg.Compaction.Interval; every > 0 {
		all = append(all, &keeper{t, "compaction", every, problemCompaction, t.compact})
	}
	if t.cfg.Digest.KeyFile != "" {
		all = append(all, &keeper{t, "digest", t.cfg.Digest.Interval, problemDigest, t.digest})
	}
	return append(all, &keeper{t, "proof", proofInterval, problemProof, t.prove})
}

func (k *keeper) run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // a chore is not worth waiting for at shutdown: it is repeated whole
		select {
		case <-k.t.draining:
			cancel()
		case <-ctx.Done():
		}
	}()
	wait := time.Duration(0)
	if k.task != "sweep" {
		wait = rand.N(k.interval) // collectors that start together do not all come at once
	}
	for {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
		k.once(ctx)
		wait = k.interval*9/10 + rand.N(k.interval/5)
	}
}

func (k *keeper) once(ctx context.Context) {
	b, err := k.t.archive.open()
	if err == nil {
		err = k.do(ctx, b)
	}
	switch {
	case err == nil:
		k.t.status.solved(k.problem)
	case ctx.Err() == nil:
		k.t.tel.ExporterTokenTrailMaintenanceFailures.Add(ctx, 1, metric.WithAttributeSet(taskSet(k.task)))
		k.t.status.problem(k.problem, err)
		k.t.log.Warn("archive cannot be looked after, it is tried again",
			zap.String("task", k.task), zap.Duration("in", k.interval), zap.Error(err))
	}
}

// sweep removes what no class keeps any more.
func (t *trail) sweep(ctx context.Context, b bucket.Bucket) error {
	r, err := archive.Sweep(ctx, b, time.Now())
	t.tel.ExporterTokenTrailSweptBlocks.Add(ctx, int64(r.Files))
	t.tel.ExporterTokenTrailSweptRows.Add(ctx, r.Rows)
	if r.Files > 0 {
		t.log.Info("archive swept", zap.Int("blocks", r.Files), zap.Int64("rows", r.Rows), zap.Int64("bytes", r.Bytes))
	}
	return err
}

// compact makes large blocks of small ones, where no other collector is at it.
func (t *trail) compact(ctx context.Context, b bucket.Bucket) error {
	r, err := archive.Compact(ctx, b, archive.CompactOptions{})
	t.tel.ExporterTokenTrailCompactedBlocks.Add(ctx, int64(r.Inputs))
	return err
}

// digest signs what was written since the last digest. The key is read each time: it may be mounted late, or changed.
func (t *trail) digest(ctx context.Context, b bucket.Bucket) error {
	signer, err := archive.LoadSigner(t.cfg.Digest.KeyFile)
	if err != nil {
		return err
	}
	if err := signer.Publish(ctx, b); err != nil {
		return err
	}
	r, err := archive.Digest(ctx, b, signer, time.Now())
	t.tel.ExporterTokenTrailDigestedObjects.Add(ctx, int64(r.Objects))
	return err
}

// violationKinds are all there are: a kind that has gone is set back to 0.
var violationKinds = []archive.ViolationKind{
	archive.ViolationExpired, archive.ViolationLost, archive.ViolationOrphan, archive.ViolationUnfinished, archive.ViolationErased,
}

// prove looks for broken promises and reports them until they are mended.
func (t *trail) prove(ctx context.Context, b bucket.Bucket) error {
	r, err := archive.Prove(ctx, b, time.Now())
	if err != nil {
		return err
	}
	found := make(map[archive.ViolationKind]int64, len(violationKinds))
	for _, v := range r.Violations {
		found[v.Kind]++
	}
	for _, kind := range violationKinds {
		set := attribute.NewSet(attribute.String("kind", string(kind)))
		t.tel.ExporterTokenTrailViolations.Record(ctx, found[kind], metric.WithAttributeSet(set))
	}
	if n := len(r.Violations); n > 0 {
		return fmt.Errorf("archive breaks %d promises, the first: %s of %s; `keytrail archive prove` lists them",
			n, r.Violations[0].Kind, r.Violations[0].Key)
	}
	return nil
}
