package redact

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"

	"github.com/keytrail/keytrail/internal/secret/search"
)

// rule is one rule, ready to run.
type rule struct {
	id         string
	expr       string // as it was given
	re         *regexp.Regexp
	group      int
	entropy    float64
	words      []string
	credential bool
	allow      []allowlist

	need need
	// Where a match is of bounded length and holds one of the words, the expression runs on a window around each word:
	// so many bytes before its first letter and behind it. Else it runs on the whole text.
	windowed      bool
	before, after int
	// open: a value may be longer than the window. One that reaches its end is followed to its own.
	open bool
	// assigns: a sign such as = or : follows the word, with little between.
	assigns bool
	// lead is what the expression began with and what was taken off, because it says nothing of what is found: up to so
	// many letters of a name before the word.
	lead    byteSet
	maxLead int
}

// template is how gitleaks writes "a name that holds the word, a sign, a value", between the word and the value.
const template = `(?:[ \t\w.-]{0,20})[\s'"]{0,3}(?:=|>|:{1,3}=|\|\||:|=>|\?=|,)[\x60'"\s=]{0,5}`

// tail is what ends a value there.
const tail = `(?:[\x60'"\s;]|\\[nr]|$)`

// newRule compiles s.
func newRule(s *spec) (*rule, error) {
	tree, err := syntax.Parse(s.Regex, syntax.Perl)
	if err != nil {
		return nil, fmt.Errorf("`regex` must be a regular expression of RE2: %w", err)
	}
	r := &rule{id: s.ID, expr: s.Regex, group: s.SecretGroup, entropy: s.Entropy, credential: s.credential()}
	groups := tree.MaxCap()
	r.stripLead(tree)
	if r.re, err = regexp.Compile(tree.String()); err != nil {
		return nil, fmt.Errorf("`regex` must be a regular expression of RE2: %w", err)
	}
	if s.SecretGroup < 0 || s.SecretGroup > groups {
		return nil, fmt.Errorf("`secretGroup` must be a group of `regex`, which has %d, found %d", groups, s.SecretGroup)
	}
	for _, w := range s.Keywords {
		if w = strings.ToLower(w); len(w) >= shortestWord {
			r.words = append(r.words, w)
		} else {
			r.words = nil // a word of one letter is met everywhere
			break
		}
	}
	if len(r.words) == 0 {
		r.words = ownWords(tree)
	}
	r.need = needOf(tree)
	r.frame(tree, s.Regex)
	if r.allow, err = s.allowlists(); err != nil {
		return nil, err
	}
	return r, nil
}

// stripLead takes a lazy run of letters off the beginning of an expression. Where it may also be empty, it decides
// nothing but where the match begins, and it makes each step of the search many times dearer.
func (r *rule) stripLead(tree *syntax.Regexp) {
	for tree.Op == syntax.OpConcat && len(tree.Sub) > 1 {
		first := tree.Sub[0]
		if first.Op == syntax.OpConcat {
			r.stripLead(first)
			return
		}
		if first.Op != syntax.OpRepeat || first.Min > 0 || first.Max < 0 || first.Flags&syntax.NonGreedy == 0 {
			return
		}
		n, ok := letters(first)
		if !ok {
			return
		}
		r.lead, r.maxLead = n.set, max(r.maxLead, first.Max)
		tree.Sub = tree.Sub[1:]
	}
}

// frame finds out on how much of a text the expression must run.
func (r *rule) frame(tree *syntax.Regexp, text string) {
	if len(r.words) == 0 || !always(tree, r.words) {
		return
	}
	r.assigns = r.assigned(tree, text)
	most := longest(tree)
	if most == unbounded && r.assigns && strings.HasSuffix(text, tail) && begins(tree, r.words) {
		r.open, most = true, maxWindow/2
	}
	if most == unbounded || most > maxWindow/2 {
		return
	}
	r.windowed, r.before, r.after = true, most+1, most+1
	if begins(tree, r.words) {
		r.before = 1 // for an assertion about what stands before the word
	}
}

// assigned reports whether the expression is gitleaks' template, with the words before the sign.
func (r *rule) assigned(tree *syntax.Regexp, text string) bool {
	head, _, found := strings.Cut(text, template)
	if !found || tree.Op != syntax.OpConcat {
		return false
	}
	prefix, err := syntax.Parse(head, syntax.Perl)
	return err == nil && always(prefix, r.words) // no expression by itself where the template stands inside a group
}

// begins reports whether every match begins with one of the words.
func begins(re *syntax.Regexp, words []string) bool {
	run := []string{""}
	parts := []*syntax.Regexp{re}
	if re.Op == syntax.OpConcat {
		parts = re.Sub
	}
	for _, sub := range parts {
		if sub.Op == syntax.OpCapture && sub.Sub[0].Op == syntax.OpConcat && len(run) == 1 && run[0] == "" {
			return begins(sub.Sub[0], words)
		}
		next := cross(run, spell(sub))
		if next == nil {
			break
		}
		run = next
	}
	for _, s := range run {
		if !beginsWithAny(s, words) {
			return false
		}
	}
	return true
}

func beginsWithAny(s string, words []string) bool {
	for _, w := range words {
		if strings.HasPrefix(s, w) {
			return true
		}
	}
	return false
}

const (
	// maxWindow bounds the windows that are joined, so that the expressions run on texts for which their fast engine has
	// room.
	maxWindow = 2 << 10
	// maxBetween is how far behind a word its sign may stand: the rest of the name, as long as the longest word of a
	// rule, twenty letters more, and three quotes and spaces.
	maxBetween = 48
	// maxFound is how many matches of one rule in one text are told apart. A text with more is removed from the next one
	// on: each search behind a match reads the rest of the text again.
	maxFound = 64
)

// signed reports whether a sign of assignment follows s[i] soon enough.
func signed(s string, i int) bool {
	for end := min(len(s), i+maxBetween); i < end; i++ {
		switch between[s[i]] {
		case isSign:
			return true
		case isOther:
			return false
		}
	}
	return false
}

const (
	isOther = iota
	isName
	isSign
)

var between = func() (t [256]uint8) {
	for c := range 256 {
		if b := byte(c); '0' <= b && b <= '9' || 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' {
			t[c] = isName
		}
	}
	for _, c := range []byte("_.- \t\n\f\r'\"") {
		t[c] = isName
	}
	for _, c := range []byte("=>:|?,") {
		t[c] = isSign
	}
	return t
}()

// run adds what the rule finds in s[lo:hi] to dst.
func (r *rule) run(s string, lo, hi int, work *int, dst []search.Match) []search.Match {
	text := s[lo:hi]
	if !r.need.met(text) {
		return dst
	}
	*work += len(text)
	found := r.re.FindAllStringSubmatchIndex(text, maxFound+1)
	for n, m := range found {
		if n == maxFound {
			return append(dst, search.Match{Start: lo + m[0], End: len(s), Rule: r.id})
		}
		start, end := r.secret(text, m)
		if cut := r.windowed && hi < len(s) && m[1] == len(text); cut && !r.open {
			continue // its end is the window's, not the text's; what is behind stands in the next window as a whole
		} else if cut {
			whole := valueEnd(s, lo+end) - lo
			text = s[lo : lo+whole]
			m[1], end = whole, whole
		}
		if start >= end || !r.secretive(s, lo, hi, m, text[start:end]) {
			continue
		}
		dst = append(dst, search.Match{Start: lo + start, End: lo + end, Rule: r.id, Credential: r.credential})
	}
	return dst
}

// valueEnd is where the value ends that goes on at s[i].
func valueEnd(s string, i int) int {
	for i < len(s) && !valueStop[s[i]] {
		i++
	}
	return i
}

// valueStop is what tail begins with.
var valueStop = func() (t byteSet) {
	for _, c := range []byte("`'\"; \t\n\f\r\\") {
		t[c] = true
	}
	return t
}()

// secret is the part of a match that is to go: the group that the rule names, else the first that took part, else all.
func (r *rule) secret(text string, m []int) (start, end int) {
	if r.group > 0 {
		return m[2*r.group], m[2*r.group+1]
	}
	for i := 2; i+1 < len(m); i += 2 {
		if m[i] >= 0 && m[i] < m[i+1] {
			return m[i], m[i+1]
		}
	}
	start, end = m[0], m[1]
	for start < end && text[start] == '\n' {
		start++
	}
	for end > start && text[end-1] == '\n' {
		end--
	}
	return start, end
}

// secretive reports whether what was found is random enough and on no allowlist.
func (r *rule) secretive(s string, lo, hi int, m []int, found string) bool {
	if r.entropy > 0 && entropy(found) <= r.entropy {
		return false
	}
	if len(r.allow) == 0 {
		return true
	}
	start := lo + m[0]
	for n := 0; n < r.maxLead && start > 0 && r.lead[s[start-1]]; n++ {
		start--
	}
	for i := range r.allow {
		if r.allow[i].allows(s, start, lo+m[1], found) {
			return false
		}
	}
	return true
}
