package redact

import (
	"fmt"
	"slices"
	"sync"
)

// Config says which rules a Set has.
type Config struct {
	// Rules are paths of files with rules in gitleaks' form (TOML). A rule with the id of an earlier one, the default
	// ones included, is set over it.
	Rules []string
	// DisableDefault leaves gitleaks' own rules out.
	DisableDefault bool
	// DisableOwn leaves out Keytrail's own rules, for connection strings and payment cards.
	DisableOwn bool
	// Disabled are ids of rules to leave out.
	Disabled []string
}

// Set is a set of rules, ready to search. It is safe for concurrent use.
type Set struct {
	ids   []string
	rules []*rule
	cards bool
	// words are the words of all rules, and byWord the rules of each.
	words  *literals
	byWord [][]int32
	// always are the rules without a word.
	always []int32
	pool   sync.Pool
}

// New reads and compiles the rules that c names.
func New(c Config) (*Set, error) {
	specs, err := c.specs()
	if err != nil {
		return nil, err
	}
	s := &Set{}
	left := slices.Clone(c.Disabled)
	disabled := func(id string) bool {
		left = slices.DeleteFunc(left, func(d string) bool { return d == id })
		return slices.Contains(c.Disabled, id)
	}
	for _, sp := range specs {
		if disabled(sp.ID) || sp.SkipReport {
			continue
		}
		r, err := sp.compile()
		if err != nil {
			return nil, fmt.Errorf("rule %q: %w", sp.ID, err)
		}
		s.rules = append(s.rules, r)
		s.ids = append(s.ids, sp.ID)
	}
	if !disabled(cardRule) && !c.DisableOwn {
		s.cards = true
		s.ids = append(s.ids, cardRule)
	}
	if len(left) > 0 {
		return nil, fmt.Errorf("`disabled_rules` must be ids of rules, found %q", left[0])
	}
	slices.Sort(s.ids)
	s.index()
	s.pool.New = func() any { return &scratch{windows: make([]window, len(s.rules))} }
	return s, nil
}

// specs are the rules of all files, each id once.
func (c *Config) specs() ([]*spec, error) {
	var all []*spec
	if !c.DisableDefault {
		f, err := defaults()
		if err != nil {
			return nil, err
		}
		all = f.Rules
	}
	if !c.DisableOwn {
		f, err := own()
		if err != nil {
			return nil, err
		}
		all = merge(f.Rules, all, nil)
	}
	for _, path := range c.Rules {
		f, err := read(path, 0)
		if err != nil {
			return nil, fmt.Errorf("`rules`: %w", err)
		}
		all = merge(f.Rules, all, nil)
	}
	for _, s := range all {
		if s.Regex == "" {
			return nil, fmt.Errorf("rule %q: %w", s.ID, errNoRegex)
		}
	}
	return all, nil
}

// index builds the table of words.
func (s *Set) index() {
	at := map[string]int{}
	var words []string
	for n, r := range s.rules {
		if len(r.words) == 0 {
			s.always = append(s.always, int32(n))
		}
		for _, w := range dedupe(r.words) {
			i, ok := at[w]
			if !ok {
				i = len(words)
				at[w] = i
				words = append(words, w)
				s.byWord = append(s.byWord, nil)
			}
			s.byWord[i] = append(s.byWord[i], int32(n))
		}
	}
	s.words = newLiterals(words)
}

// Rules are the ids of the rules of s, sorted.
func (s *Set) Rules() []string { return slices.Clone(s.ids) }

// Expressions are the regular expressions of the rules that have one, by id: for whoever explains a finding, or compares.
func (s *Set) Expressions() map[string]string {
	m := make(map[string]string, len(s.rules))
	for _, r := range s.rules {
		m[r.id] = r.expr
	}
	return m
}
