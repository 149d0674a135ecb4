package secret

import (
	"strings"

	"github.com/keytrail/keytrail/internal/secret/search"
)

// Match and Searcher are the seam through which rule sets look at every text that the floor looks at.
type (
	Match    = search.Match
	Searcher = search.Searcher
)

// searches reports whether the rule sets are asked about what stands under c: a typed field holds what its domain
// allows, and ids of ours that look like somebody's token.
func (p *Pass) searches(c *keyClass) bool { return p.searcher != nil && !c.typed }

// lookMatches takes the credentials among what the rule sets find in one layer of a value, and reports whether they
// found nothing at all.
func (p *Pass) lookMatches(c *keyClass, context, text string) (none bool) {
	if !p.searches(c) {
		return true
	}
	p.matches = p.searcher.Search(context, text, p.matches[:0])
	found := p.matches
	for i := range found {
		if m := &found[i]; m.Credential {
			if token := text[m.Start:m.End]; !touchesReplacement(token) {
				p.addToken(token, schemeToken, p.matchPlace(c))
			}
		}
	}
	return len(found) == 0
}

// matchPlace is where no server looks: a token that is only known by a rule never comes before one that was presented.
func (p *Pass) matchPlace(c *keyClass) place {
	at := p.shapePlace(c, "", 0)
	at.rank = rankOther
	return at
}

// unmatched reports that the rule sets find nothing in a value that has no escapes, and remembers it.
func (p *Pass) unmatched(n *note, value string) bool {
	if !n.clean && p.searches(n.class) {
		p.matches = p.searcher.Search(n.class.context, value, p.matches[:0])
		n.clean = len(p.matches) == 0
		return n.clean
	}
	return true
}

// findMatches marks what the rule sets find in l. A layer under an encoding stands under no key: the key of the outer
// text tells what the whole is, not what is inside it.
func (p *Pass) findMatches(l *layer, context string) {
	p.matches = p.searcher.Search(context, l.text, p.matches[:0])
	for i := range p.matches {
		m := &p.matches[i]
		start, end := outsideReplacements(l.text, m.Start, m.End)
		if start >= end || m.With != "" && m.With == l.text[start:end] || placeholder(l.text[start:end]) {
			continue
		}
		a, b := l.original(start, end)
		p.finder.spans = append(p.finder.spans, span{start: a, end: b, rule: m.Rule, with: m.With})
	}
}

func touchesReplacement(s string) bool { return strings.Contains(s, placeholderPrefix) }

// outsideReplacements cuts off a match what belongs to a replacement that reaches over its start or its end; what is
// left is empty where the match is a part of one. Rules that find a part of our own text would otherwise go on forever.
func outsideReplacements(s string, start, end int) (from, to int) {
	if i := openReplacement(s, start); i >= 0 {
		start = i
	}
	if i := openReplacement(s, end); i >= 0 {
		end = strings.LastIndex(s[:end], placeholderPrefix)
	}
	return start, max(start, end)
}

// openReplacement returns the end of the replacement that begins before s[at] and ends behind it, or -1.
func openReplacement(s string, at int) int {
	const longest = len(placeholderPrefix) + len(":]") + search.LongestRule
	from := max(0, at-longest)
	// The prefix may itself reach over s[at].
	begin := strings.LastIndex(s[from:min(len(s), at+len(placeholderPrefix)-1)], placeholderPrefix)
	if begin < 0 {
		return -1
	}
	begin += from
	size := strings.IndexByte(s[begin:min(len(s), begin+longest)], ']')
	if size < 0 || begin >= at || begin+size < at || !replaced(s[begin:begin+size+1]) {
		return -1
	}
	return begin + size + 1
}
