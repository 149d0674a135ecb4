package tokentrailexporter

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/keytrail/keytrail/internal/archive"
)

// sweep removes at every interval what no class keeps any more, the first time at once.
func (t *trail) sweep(ctx context.Context) {
	tick := time.NewTicker(t.cfg.SweepInterval)
	defer tick.Stop()
	for {
		t.sweepOnce(ctx)
		select {
		case <-tick.C:
		case <-t.draining:
			return
		case <-ctx.Done():
			return
		}
	}
}

func (t *trail) sweepOnce(ctx context.Context) {
	b, err := t.archive.open()
	if err != nil {
		t.sweepFailed(ctx, err)
		return
	}
	r, err := archive.Sweep(ctx, b, time.Now())
	t.tel.ExporterTokenTrailSweptBlocks.Add(ctx, int64(r.Files))
	t.tel.ExporterTokenTrailSweptRows.Add(ctx, r.Rows)
	if err != nil {
		t.sweepFailed(ctx, err)
		return
	}
	t.status.solved(problemSweep)
	if r.Files > 0 {
		t.log.Info("archive swept", zap.Int("blocks", r.Files), zap.Int64("rows", r.Rows), zap.Int64("bytes", r.Bytes))
	}
}

func (t *trail) sweepFailed(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	t.tel.ExporterTokenTrailSweepFailures.Add(ctx, 1)
	t.status.problem(problemSweep, err)
	t.log.Warn("archive cannot be swept, it is tried again", zap.Duration("in", t.cfg.SweepInterval), zap.Error(err))
}
