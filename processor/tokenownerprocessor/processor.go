package tokenownerprocessor

import (
	"context"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.uber.org/zap"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/fingerprint"
	"github.com/keytrail/keytrail/internal/gateway"
	"github.com/keytrail/keytrail/internal/secret"
)

// tokenOwner is one instance of the processor.
type tokenOwner struct {
	cfg    *Config
	logger *zap.Logger
	set    component.TelemetrySettings
	told   *reporter
	parser gateway.Parser // nil without `parse`
	files  *files         // nil until started
	keyed  atomic.Pointer[keyed]
}

// keyed is a sealer bound to one state of the key ring. A call takes it once, so that everything it stamps and the
// scope it writes name the same epoch even while the ring rotates.
type keyed struct {
	ring   *fingerprint.Ring
	sealer *secret.Sealer
}

func newProcessor(set processor.Settings, cfg *Config, signal string) (*tokenOwner, error) {
	told, err := newReporter(set.TelemetrySettings, signal)
	if err != nil {
		return nil, err
	}
	p := &tokenOwner{cfg: cfg, logger: set.Logger, set: set.TelemetrySettings, told: told}
	if cfg.Parse != "" {
		if p.parser, err = gateway.New(cfg.Parse, cfg.gatewayOptions()); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func (p *tokenOwner) start(_ context.Context, host component.Host) (err error) {
	p.files, err = acquire(p, host)
	return err
}

func (p *tokenOwner) shutdown(context.Context) error {
	if p.files == nil {
		return nil
	}
	return p.files.release(p)
}

// current returns the sealer of the ring in force.
func (p *tokenOwner) current() *keyed {
	ring := p.files.keyring.Ring()
	k := p.keyed.Load()
	if k == nil || k.ring != ring {
		k = &keyed{ring: ring, sealer: secret.New(fingerprint.Static(ring), secret.Options{Issuer: p.cfg.issuer(), Rules: p.cfg.Tokens})}
		p.keyed.Store(k) // two calls may both make one; either will do
	}
	return k
}

// call is the work on one batch.
type call struct {
	*keyed
	tally

	cfg     *Config
	parser  gateway.Parser
	routes  *gateway.Templates
	sources []*source
	trusted bool
	now     time.Time
	body    bodyID
}

func (p *tokenOwner) newCall(ctx context.Context) *call {
	return &call{
		keyed: p.current(), cfg: p.cfg, parser: p.parser, routes: &p.files.routes, now: time.Now(),
		trusted: event.IsTrusted(ctx) || p.cfg.TrustUpstream, sources: p.files.sources,
	}
}

// processLogs never fails: the batch goes on whatever it holds.
func (p *tokenOwner) processLogs(ctx context.Context, ld plog.Logs) (plog.Logs, error) {
	c := p.newCall(ctx)
	c.logs(ld)
	p.told.flush(ctx, &c.tally)
	return ld, nil
}

// processTraces is processLogs for spans.
func (p *tokenOwner) processTraces(ctx context.Context, td ptrace.Traces) (ptrace.Traces, error) {
	c := p.newCall(ctx)
	c.traces(td)
	p.told.flush(ctx, &c.tally)
	return td, nil
}
