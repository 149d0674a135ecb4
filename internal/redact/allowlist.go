package redact

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
)

// allowlist says what a rule finds and is none of its secrets.
type allowlist struct {
	all    bool // every check must say so, not one of them
	target target
	re     *regexp.Regexp // nil without one
	stop   *literals      // nil without stop words
}

// target is the text that an allowlist's expressions are matched with.
type target uint8

const (
	ofSecret target = iota
	ofMatch
	ofLine
)

// allowSpec is an allowlist as a file has it. Paths and commits mean nothing here: a text of a request has neither.
type allowSpec struct {
	Description string
	Condition   string
	RegexTarget string
	Regexes     []string
	StopWords   []string
	Paths       []string
	Commits     []string
	TargetRules []string

	once sync.Once // the list of a file stands in all of its rules
	made made
}

// made is what became of an allowSpec.
type made struct {
	list    allowlist
	applies bool
	err     error
}

func (a *allowSpec) compile() (l allowlist, applies bool, err error) {
	a.once.Do(func() { a.made.list, a.made.applies, a.made.err = a.parse() })
	return a.made.list, a.made.applies, a.made.err
}

func (a *allowSpec) parse() (l allowlist, applies bool, err error) {
	switch strings.ToUpper(a.Condition) {
	case "", "OR", "||":
	case "AND", "&&":
		l.all = true
	default:
		return l, false, fmt.Errorf("`condition` must be and or or, found %q", a.Condition)
	}
	switch a.RegexTarget {
	case "", "secret":
	case "match":
		l.target = ofMatch
	case "line":
		l.target = ofLine
	default:
		return l, false, fmt.Errorf("`regexTarget` must be secret, match or line, found %q", a.RegexTarget)
	}
	if len(a.Regexes)+len(a.StopWords)+len(a.Paths)+len(a.Commits) == 0 {
		return l, false, fmt.Errorf("an allowlist must have `regexes`, `stopwords`, `paths` or `commits`")
	}
	for _, expr := range a.Regexes {
		if _, err := regexp.Compile(expr); err != nil {
			return l, false, fmt.Errorf("`regexes` must be regular expressions of RE2: %w", err)
		}
	}
	if len(a.Regexes) > 0 {
		l.re = regexp.MustCompile("(?:" + strings.Join(a.Regexes, ")|(?:") + ")")
	}
	var words []string
	for _, w := range a.StopWords {
		if len(w) < shortestWord {
			return l, false, fmt.Errorf("`stopwords` must be of %d letters or more, found %q", shortestWord, w)
		}
		words = append(words, strings.ToLower(w))
	}
	if len(words) > 0 {
		l.stop = newLiterals(dedupe(words))
	}
	// With "and", a path or a commit that cannot be is a check that fails.
	applies = (l.re != nil || l.stop != nil) && (!l.all || len(a.Paths)+len(a.Commits) == 0)
	return l, applies, nil
}

// allows reports whether s[start:end], which a rule matched because of found, is no secret.
func (l *allowlist) allows(s string, start, end int, found string) bool {
	text := found
	switch l.target {
	case ofMatch:
		text = s[start:end]
	case ofLine:
		text = line(s, start, end)
	}
	if l.all {
		return (l.re == nil || l.re.MatchString(text)) && (l.stop == nil || l.stop.in(found))
	}
	return l.stop != nil && l.stop.in(found) || l.re != nil && l.re.MatchString(text)
}

// maxLine bounds what of a line is looked at on either side of a match: a text may be one line of any length, with many
// matches in it.
const maxLine = 512

func line(s string, start, end int) string {
	from := max(0, start-maxLine)
	if i := strings.LastIndexByte(s[from:start], '\n'); i >= 0 {
		from += i + 1
	}
	to := min(len(s), end+maxLine)
	if i := strings.IndexByte(s[end:to], '\n'); i >= 0 {
		to = end + i
	}
	return s[from:to]
}
