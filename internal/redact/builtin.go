package redact

import (
	_ "embed"
	"fmt"
	"slices"
	"sync"

	"github.com/zricethezav/gitleaks/v8/config"
)

//go:embed own.toml
var ownRules string

// The rules that come with the program are read and compiled once: it takes longer than all else at a start, and each
// reload of a user's file needs them again.
var (
	readDefaults = sync.OnceValues(func() (*file, error) {
		f, err := parse(config.DefaultConfig)
		if err != nil {
			return nil, fmt.Errorf("gitleaks' rules: %w", err)
		}
		f.Rules = slices.DeleteFunc(f.Rules, func(s *spec) bool {
			_, out := leftOut[s.ID]
			return out || s.Regex == ""
		})
		for _, s := range f.Rules {
			s.tune()
		}
		return f, f.compile()
	})
	readOwn = sync.OnceValues(func() (*file, error) {
		f, err := parse(ownRules)
		if err != nil {
			return nil, fmt.Errorf("keytrail's rules: %w", err)
		}
		return f, f.compile()
	})
)

// defaults are gitleaks' rules, but those that are left out.
func defaults() (*file, error) { return copied(readDefaults()) }

// own are Keytrail's rules.
func own() (*file, error) { return copied(readOwn()) }

// copied is f with rules that may be changed.
func copied(f *file, err error) (*file, error) {
	if err != nil {
		return nil, err
	}
	c := *f
	c.Rules = make([]*spec, len(f.Rules))
	for i, s := range f.Rules {
		one := *s
		c.Rules[i] = &one
	}
	return &c, nil
}

// compile makes all rules of f ready, and keeps them.
func (f *file) compile() (err error) {
	for _, s := range f.Rules {
		if s.ready, err = newRule(s); err != nil {
			return fmt.Errorf("rule %q: %w", s.ID, err)
		}
	}
	return nil
}

// compile returns the rule that s describes.
func (s *spec) compile() (*rule, error) {
	if s.ready != nil {
		return s.ready, nil
	}
	return newRule(s)
}
