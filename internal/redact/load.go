package redact

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/viper"

	"github.com/keytrail/keytrail/internal/secret/search"
)

// file is a file of rules in gitleaks' form. gitleaks' own reader is not used: it panics on a bad expression, and keeps
// what it reads in global variables.
type file struct {
	Title      string
	MinVersion string
	Extend     struct {
		Path          string
		URL           string
		UseDefault    bool
		DisabledRules []string
	}
	Rules      []*spec
	AllowList  *allowSpec // as files of older versions have it
	Allowlists []*allowSpec
}

// spec is a rule as a file has it.
type spec struct {
	ID          string
	Description string
	Path        string
	Regex       string
	SecretGroup int
	Entropy     float64
	Keywords    []string
	Tags        []string
	AllowList   *allowSpec
	Allowlists  []*allowSpec
	Required    []map[string]any
	SkipReport  bool

	global []*allowSpec // of the file
	data   bool         // a default rule that finds no token
	ready  *rule        // of one that is compiled once, nil once it was changed
}

// tagData marks a rule of the user whose findings are removed but are nobody's token: no fingerprint is made of them.
const tagData = "data"

// credential reports whether what the rule finds is a token by itself.
func (s *spec) credential() bool { return !s.data && !slices.Contains(s.Tags, tagData) }

func (s *spec) allowlists() ([]allowlist, error) {
	var all []allowlist
	for _, a := range slices.Concat(s.global, s.Allowlists) {
		l, applies, err := a.compile()
		if err != nil {
			return nil, err
		}
		if applies {
			all = append(all, l)
		}
	}
	return all, nil
}

// maxExtended is how many files may extend one another, as gitleaks has it.
const maxExtended = 2

// maxFile bounds a file of rules: gitleaks' own has 100 KB.
const maxFile = 4 << 20

// read reads a file and those that it extends. Its rules come before theirs.
func read(path string, depth int) (*file, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("%s: must be at most %d bytes, found %d", path, maxFile, info.Size())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	f, err := parse(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if err := f.extend(path, depth); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}

func parse(text string) (*file, error) {
	v := viper.New()
	v.SetConfigType("toml")
	if err := v.ReadConfig(strings.NewReader(text)); err != nil {
		return nil, errors.New("must be TOML as gitleaks reads it: " + position(err))
	}
	f := &file{}
	if err := v.Unmarshal(f); err != nil {
		return nil, fmt.Errorf("must be a file of gitleaks: %w", err)
	}
	if f.AllowList != nil {
		f.Allowlists = append(f.Allowlists, f.AllowList)
	}
	for n, s := range f.Rules {
		if err := s.check(); err != nil {
			return nil, fmt.Errorf("rules[%d] %q: %w", n, s.ID, err)
		}
		if s.AllowList != nil {
			s.Allowlists = append(s.Allowlists, s.AllowList)
		}
		f.allow(s)
	}
	return f, nil
}

// allow gives a rule the allowlists of the file that are for it.
func (f *file) allow(s *spec) {
	for _, a := range f.Allowlists {
		if len(a.TargetRules) == 0 || slices.Contains(a.TargetRules, s.ID) {
			s.global, s.ready = append(slices.Clip(s.global), a), nil
		}
	}
}

// position is the first line of a parser's error: the rest shows the file.
func position(err error) string {
	first, _, _ := strings.Cut(err.Error(), "\n")
	return first
}

var (
	errNoRegex  = errors.New("`regex` must be set: a rule for the paths of files finds nothing in a request")
	errRequired = errors.New("`required` must not be set: a field is judged by itself")
)

func (s *spec) check() error {
	switch {
	case !search.ValidRule(s.ID):
		return fmt.Errorf("`id` must be at most %d lower letters, digits, - and _, with at most four digits, found %q", search.LongestRule, s.ID)
	case len(s.Required) > 0:
		return errRequired
	}
	return nil
}

// extend adds the rules of what f extends: where both have a rule, f's own is set over the other's.
func (f *file) extend(path string, depth int) error {
	var base *file
	var err error
	switch e := f.Extend; {
	case e.URL != "":
		return fmt.Errorf("`extend.url` must not be set: rules are read from files, found %q", e.URL)
	case e.UseDefault && e.Path != "":
		return errors.New("`extend.path` and `extend.useDefault` must not both be set")
	case e.UseDefault:
		base, err = defaults()
	case e.Path != "":
		if depth >= maxExtended {
			return fmt.Errorf("`extend.path` must not go deeper than %d files, found %q", maxExtended, e.Path)
		}
		from := e.Path
		if !filepath.IsAbs(from) {
			from = filepath.Join(filepath.Dir(path), from)
		}
		base, err = read(from, depth+1)
	default:
		return nil
	}
	if err != nil {
		return err
	}
	for _, s := range base.Rules {
		f.allow(s)
	}
	f.Rules = merge(f.Rules, base.Rules, f.Extend.DisabledRules)
	return nil
}

// merge sets the rules of over over those of base that have the same id, and leaves the disabled ones of base out.
func merge(over, base []*spec, disabled []string) []*spec {
	at := map[string]int{}
	var all []*spec
	for _, s := range base {
		if !slices.Contains(disabled, s.ID) {
			at[s.ID] = len(all)
			all = append(all, s)
		}
	}
	for _, s := range over {
		if i, ok := at[s.ID]; ok {
			all[i] = s.over(all[i])
			continue
		}
		at[s.ID] = len(all)
		all = append(all, s)
	}
	return all
}

// over is base with what s sets.
func (s *spec) over(base *spec) *spec {
	m := *base
	m.ready = nil
	if s.Regex != "" {
		m.Regex, m.data = s.Regex, false
	}
	if s.SecretGroup != 0 {
		m.SecretGroup = s.SecretGroup
	}
	if s.Entropy != 0 {
		m.Entropy = s.Entropy
	}
	m.Path += s.Path
	m.Keywords = slices.Concat(base.Keywords, s.Keywords)
	m.Tags = slices.Concat(base.Tags, s.Tags)
	m.Allowlists = slices.Concat(base.Allowlists, s.Allowlists)
	m.global = slices.Concat(base.global, s.global)
	m.SkipReport = s.SkipReport
	return &m
}
