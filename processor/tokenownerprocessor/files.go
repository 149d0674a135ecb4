package tokenownerprocessor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.uber.org/zap"

	"github.com/keytrail/keytrail/internal/fingerprint"
	"github.com/keytrail/keytrail/internal/gateway"
	"github.com/keytrail/keytrail/internal/redact"
)

// files is what the processors of one configuration share: the key ring and the sources of owners, followed as they
// change, and the routes learned. The collector makes a processor for each signal and pipeline of a component id, and
// a directory of a million rows should be in memory once.
type files struct {
	keyring *fingerprint.Keyring
	rules   *ruleFiles
	sources []*source // in the order asked
	routes  gateway.Templates

	bindings bindings

	logger *zap.Logger
	told   *reporter

	mu       sync.Mutex
	hosts    map[*tokenOwner]component.Host
	failures map[string]error // by input; the component is well while it is empty
	speakers []*tokenOwner    // that can tell of what a directory shows
}

// Inputs of the reload counter.
const (
	inputKeyring = "keyring"
	inputRules   = "rules"
)

var ownerInputs = [...]string{kindFile: "owners", kindSQL: "sql", kindHTTP: "http"}

// inUse holds the files of every started configuration. It is a package variable because nothing but the address
// of the configuration ties the instances of one component id together.
var inUse = struct {
	sync.Mutex
	byConfig map[*Config]*files
}{byConfig: make(map[*Config]*files)}

// acquire opens the files of p's configuration, or joins those who have.
func acquire(p *tokenOwner, host component.Host) (*files, error) {
	inUse.Lock()
	defer inUse.Unlock()
	f, ok := inUse.byConfig[p.cfg]
	if !ok {
		f = &files{
			logger: p.logger, told: p.told,
			hosts: make(map[*tokenOwner]component.Host), failures: make(map[string]error),
		}
	}
	f.join(p, host)
	if ok {
		return f, nil
	}
	if err := f.load(p, host); err != nil {
		return nil, errors.Join(err, f.close())
	}
	inUse.byConfig[p.cfg] = f
	return f, nil
}

// release leaves the files; the last one closes them.
func (f *files) release(p *tokenOwner) error {
	inUse.Lock()
	defer inUse.Unlock()
	f.mu.Lock()
	delete(f.hosts, p)
	left := len(f.hosts)
	f.mu.Unlock()
	if left > 0 {
		return nil
	}
	delete(inUse.byConfig, p.cfg)
	return f.close()
}

func (f *files) close() error {
	err := f.closeSources()
	if f.rules != nil {
		f.rules.close()
	}
	if f.keyring == nil {
		return err
	}
	return errors.Join(err, f.keyring.Close())
}

// join makes the component's health known to one more instance.
func (f *files) join(p *tokenOwner, host component.Host) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hosts[p] = host
	for _, input := range slices.Sorted(maps.Keys(f.failures)) {
		componentstatus.ReportStatus(host, componentstatus.NewRecoverableErrorEvent(f.failures[input]))
	}
}

// load opens the key ring, without which nothing can be sealed, and the sources of owners, without whose answers it
// can.
func (f *files) load(p *tokenOwner, host component.Host) error {
	keyring, err := fingerprint.Open(fingerprint.ResolvePath(p.cfg.Keyring.Path), fingerprint.Options{
		Create:   p.cfg.Keyring.Create,
		OnReload: func(err error) { f.reloaded(inputKeyring, err) },
	})
	if err != nil {
		return err
	}
	f.keyring = keyring
	if f.rules, err = openRules(&p.cfg.Redaction, f.rulesRead); err != nil {
		return err
	}
	if set := f.rules.current(); set != nil {
		f.told.rules(context.Background(), len(set.Rules()))
	}
	o := opener{files: f, cfg: &p.cfg.Owners, host: host, set: p.set}
	return o.open()
}

// ownersRead is told of each load of a directory that changed something.
func (f *files) ownersRead(o kind, rows int, err error) {
	if err != nil {
		err = fmt.Errorf("owners of %s: %w", kindNames[o], err)
	}
	f.told.rows(context.Background(), o, rows)
	f.reloaded(ownerInputs[o], err)
}

// rulesRead is told of each read of changed redaction rules.
func (f *files) rulesRead(set *redact.Set, err error) {
	if err != nil {
		err = fmt.Errorf("redaction rules: %w", err)
	} else {
		f.told.rules(context.Background(), len(set.Rules()))
	}
	f.reloaded(inputRules, err)
}

// reloaded counts a change of an input.
func (f *files) reloaded(input string, err error) {
	f.told.reload(context.Background(), input, err == nil)
	f.health(input, err)
}

// health tells how the component is when that changes. It is well while no input has failed.
func (f *files) health(input string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil {
		f.failures[input] = err
		f.logger.Error("input refused, what was read before stays in use", zap.String("input", input), zap.Error(err))
		f.report(componentstatus.NewRecoverableErrorEvent(err))
		return
	}
	f.logger.Info("input in use", zap.String("input", input))
	_, was := f.failures[input]
	delete(f.failures, input)
	if was && len(f.failures) == 0 {
		f.report(componentstatus.NewEvent(componentstatus.StatusOK))
	}
}

func (f *files) report(ev *componentstatus.Event) {
	for _, host := range f.hosts {
		componentstatus.ReportStatus(host, ev)
	}
}
