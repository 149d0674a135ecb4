package tokenownerprocessor

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/keytrail/keytrail/internal/redact"
)

// ruleFiles holds the rule set in force and follows its files. A set that is good stays until a better one is read:
// a file that is damaged while it is edited must not open the door.
type ruleFiles struct {
	cfg  *RedactionConfig
	tell func(set *redact.Set, err error) // nil set: it is as before

	set  atomic.Pointer[redact.Set]
	seen [sha256.Size]byte // of all files together, when they were read last
	fail string            // what was told last

	stop chan struct{}
	done sync.WaitGroup
}

// openRules reads the rules and follows their files until close. Without its rules a start would let through what
// somebody has forbidden, so a bad file fails it.
func openRules(cfg *RedactionConfig, tell func(*redact.Set, error)) (*ruleFiles, error) {
	r := &ruleFiles{cfg: cfg, tell: tell, stop: make(chan struct{})}
	if !cfg.asked() {
		return r, nil
	}
	sum, err := sumFiles(cfg.Rules)
	if err != nil {
		return nil, fmt.Errorf("redaction rules: %w", err)
	}
	set, err := redact.New(cfg.set())
	if err != nil {
		return nil, fmt.Errorf("redaction rules: %w", err)
	}
	r.seen = sum
	r.set.Store(set)
	if len(cfg.Rules) > 0 {
		r.done.Go(r.follow)
	}
	return r, nil
}

// current returns the set in force, nil for the floor alone.
func (r *ruleFiles) current() *redact.Set { return r.set.Load() }

func (r *ruleFiles) close() {
	close(r.stop)
	r.done.Wait()
}

func (r *ruleFiles) follow() {
	tick := time.NewTicker(r.cfg.Interval)
	defer tick.Stop()
	for {
		select {
		case <-r.stop:
			return
		case <-tick.C:
			r.refresh()
		}
	}
}

// refresh reads the files again where they have changed. They are compared by content: they are short, and a clock that
// is coarse shows two writes as one.
func (r *ruleFiles) refresh() {
	sum, err := sumFiles(r.cfg.Rules)
	if err != nil {
		r.refused(err)
		return
	}
	if sum == r.seen && r.fail == "" {
		return
	}
	set, err := redact.New(r.cfg.set())
	if err != nil {
		r.refused(err)
		return
	}
	r.seen, r.fail = sum, ""
	r.set.Store(set)
	r.tell(set, nil)
}

// refused tells of a failure once.
func (r *ruleFiles) refused(err error) {
	if text := err.Error(); text != r.fail {
		r.fail = text
		r.tell(nil, err)
	}
}

// maxRuleFile is a hundred times what gitleaks' own rules take.
const maxRuleFile = 16 << 20

func sumFiles(paths []string) (sum [sha256.Size]byte, err error) {
	h := sha256.New()
	for _, path := range paths {
		if err := sumFile(h, path); err != nil {
			return sum, err
		}
		fmt.Fprintf(h, "\x00%s\x00", path)
	}
	return [sha256.Size]byte(h.Sum(nil)), nil
}

func sumFile(h io.Writer, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	n, err := io.Copy(h, io.LimitReader(f, maxRuleFile+1))
	if err == nil && n > maxRuleFile {
		err = fmt.Errorf("%s must be at most %d bytes", path, maxRuleFile)
	}
	return err
}
