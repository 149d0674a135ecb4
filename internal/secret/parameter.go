package secret

import "strings"

// findParameters marks the values of name=value: queries, forms, cookies, logfmt. query says that the text is a query
// from its first byte, url that it is a URL and nothing else.
func (f *finder) findParameters(l *layer, query, url bool) {
	s := l.text
	in := textKind{query: query, url: url}
	if url && !query {
		if in.path = strings.IndexByte(s, '?'); in.path < 0 {
			in.path = len(s)
		}
	}
	for i := 0; i < len(s); {
		j := strings.IndexByte(s[i:], '=')
		if j < 0 {
			return
		}
		i += j
		name, start := bareNameBefore(s, i)
		i++
		n, ok := f.lookup(name)
		if !ok {
			continue
		}
		inURL := start > 0 && (s[start-1] == '?' || s[start-1] == '&' || url && s[start-1] == ';') || start == 0 && query
		if n.strength == inQuery && !inURL || n.strength <= vague && inURL && !n.fits(in.head(s, i)) {
			continue
		}
		end := in.end(s, i, inURL)
		if !url && i < len(s) && (s[i] == '"' || s[i] == '\'') {
			end = quoteEnd(s, i+1, s[i])
			i++
		}
		f.markText(l, i, end, n.rule)
		i = max(i, end)
	}
}

// textKind is what a text with parameters is.
type textKind struct {
	query, url bool
	path       int // what stands before is the path of a URL
}

// end returns where the value at s[i] ends.
func (in textKind) end(s string, i int, inURL bool) int {
	switch {
	case i <= in.path:
		return matrixEnd(s, i)
	case in.url:
		return parameterEnd(s, i, in.query)
	}
	return valueEnd(s, i, inURL)
}

// longestJudged is how much of a value is looked at to tell a key from a word, so that a text of nothing but names
// costs no more than any other.
const longestJudged = 256

// head returns the first bytes of the value at s[i].
func (in textKind) head(s string, i int) string {
	s = s[:min(len(s), i+longestJudged)]
	return s[i:in.end(s, i, true)]
}

// lookup is lookupName with the rules of the source before it.
func (f *finder) lookup(name string) (named, bool) {
	if _, ok := f.rules.parameter(name); ok {
		return named{rule: ruleValue, strength: strong, login: true}, true
	}
	return lookupName(name)
}

// matrixEnd returns where a value ends in the path of a URL: with its segment, so that a caller hides no more of the
// path than that.
func matrixEnd(s string, i int) int {
	for i < len(s) && s[i] != ';' && s[i] != '/' && s[i] != '?' && s[i] != '#' {
		i++
	}
	return i
}

// parameterEnd returns where a value ends in a string that is a URL, or only its query: a gateway may have decoded
// what stands in it, so that in a query a hash sign is the value's own.
func parameterEnd(s string, i int, query bool) int {
	for ; i < len(s); i++ {
		switch s[i] {
		case '&':
			return i
		case '#':
			if !query {
				return i
			}
		case ';':
			if pairFollows(s, i+1) {
				return i
			}
		}
	}
	return i
}

// valueEnd returns where an unquoted value ends. A comma or semicolon ends it only where another name=value follows:
// a secret may hold one.
func valueEnd(s string, i int, url bool) int {
	for ; i < len(s); i++ {
		switch c := s[i]; c {
		case '&', ' ', '\t', '\n', '\r', '"', '<', '>':
			return i
		case '#':
			if url {
				return i
			}
		case '\'', '\\':
			return i
		case ';', ',':
			if pairFollows(s, i+1) {
				return i
			}
		}
	}
	return i
}

func pairFollows(s string, i int) bool {
	limit := min(len(s), i+longestMember)
	for i < limit && s[i] == ' ' {
		i++
	}
	start := i
	for i < limit && nameByte(s[i]) {
		i++
	}
	return i > start && i < limit && s[i] == '='
}
