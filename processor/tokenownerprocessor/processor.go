package tokenownerprocessor

import (
	"context"
	"sync"
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
	"github.com/keytrail/keytrail/internal/privacy"
	"github.com/keytrail/keytrail/internal/redact"
	"github.com/keytrail/keytrail/internal/secret"
)

// tokenOwner is one instance of the processor.
type tokenOwner struct {
	cfg    *Config
	logger *zap.Logger
	set    component.TelemetrySettings
	told   *reporter
	parser gateway.Parser  // nil without `parse`
	policy *privacy.Policy // nil where everything is kept
	files  *files          // nil until started
	keyed  atomic.Pointer[keyed]

	outlet    *outlet // for what the processor itself has to say; nil for spans
	announcer *announcer
	speaking  sync.WaitGroup
}

// keyed is a sealer bound to one state of the key ring and of the rule sets. A call takes it once, so that everything
// it stamps and the scope it writes name the same epoch even while the ring rotates.
type keyed struct {
	ring   *fingerprint.Ring
	rules  *redact.Set // nil for the floor alone
	sealer *secret.Sealer
	names  *privacy.Pseudonyms // nil where they cannot be made: what should get one is dropped
}

func newProcessor(set processor.Settings, cfg *Config, signal string) (*tokenOwner, error) {
	told, err := newReporter(set.TelemetrySettings, signal)
	if err != nil {
		return nil, err
	}
	p := &tokenOwner{cfg: cfg, logger: set.Logger, set: set.TelemetrySettings, told: told}
	if p.policy, err = privacy.New(cfg.Privacy); err != nil {
		return nil, err
	}
	if cfg.Parse != "" {
		if p.parser, err = gateway.New(cfg.Parse, cfg.gatewayOptions()); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func (p *tokenOwner) start(_ context.Context, host component.Host) (err error) {
	if p.files, err = acquire(p, host); err == nil && p.outlet != nil {
		p.speak()
	}
	return err
}

// speak starts what the processor itself sends down the pipeline.
func (p *tokenOwner) speak() {
	p.announcer = newAnnouncer(p)
	p.speaking.Go(p.announcer.run)
	p.files.listen(p)
	if p.cfg.Canary.HasValue() {
		p.speaking.Go(p.fly)
	}
}

func (p *tokenOwner) shutdown(context.Context) error {
	if p.files == nil {
		return nil
	}
	if p.outlet != nil {
		p.files.ignore(p)
		p.outlet.close()
		p.speaking.Wait()
	}
	return p.files.release(p)
}

// current returns the sealer of the ring and the rules in force.
func (p *tokenOwner) current() *keyed {
	ring, rules := p.files.keyring.Ring(), p.files.rules.current()
	k := p.keyed.Load()
	if k == nil || k.ring != ring || k.rules != rules {
		k = p.bind(ring, rules)
		p.keyed.Store(k) // two calls may both make one; either will do
	}
	return k
}

func (p *tokenOwner) bind(ring *fingerprint.Ring, rules *redact.Set) *keyed {
	o := secret.Options{Issuer: p.cfg.issuer(), Rules: p.cfg.Tokens}
	if rules != nil { // a nil *Set in the interface would not be nil
		o.Searcher = rules
	}
	k := &keyed{ring: ring, rules: rules, sealer: secret.New(fingerprint.Static(ring), o)}
	if p.policy != nil {
		var err error
		if k.names, err = privacy.NewPseudonyms(ring); err != nil {
			p.logger.Error("no pseudonyms, what should get one is dropped", zap.Error(err))
		}
	}
	return k
}

// call is the work on one batch.
type call struct {
	*keyed
	tally

	cfg     *Config
	parser  gateway.Parser
	policy  *privacy.Policy
	routes  *gateway.Templates
	sources []*source
	owned   *bindings
	trusted bool
	now     time.Time
	body    bodyID
}

func (p *tokenOwner) newCall(ctx context.Context) *call {
	return &call{
		keyed: p.current(), cfg: p.cfg, parser: p.parser, policy: p.policy, routes: &p.files.routes, now: time.Now(),
		trusted: event.IsTrusted(ctx) || p.cfg.TrustUpstream, sources: p.files.sources,
		owned: &p.files.bindings,
	}
}

// processLogs never fails: the batch goes on whatever it holds.
func (p *tokenOwner) processLogs(ctx context.Context, ld plog.Logs) (plog.Logs, error) {
	c := p.newCall(ctx)
	c.logs(ld)
	c.protectLogs(ld)
	p.told.flush(ctx, &c.tally)
	return ld, nil
}

// processTraces is processLogs for spans.
func (p *tokenOwner) processTraces(ctx context.Context, td ptrace.Traces) (ptrace.Traces, error) {
	c := p.newCall(ctx)
	c.traces(td)
	c.protectTraces(td)
	p.told.flush(ctx, &c.tally)
	return td, nil
}
