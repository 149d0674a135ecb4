package secret

import "strings"

// findMembers marks the values of credential-bearing names in l: JSON members, header lines and key: value prose.
func (f *finder) findMembers(l *layer) {
	s := l.text
	for i := 0; i < len(s); {
		j := strings.IndexByte(s[i:], ':')
		if j < 0 {
			return
		}
		i += j
		if name, ok := quotedNameBefore(s, i); ok {
			if n, bears := lookupName(name); bears && n.strength != inQuery {
				i = f.markValue(l, i+1, n)
				continue
			}
		} else if name, _ := bareNameBefore(s, i); name != "" {
			if n, bears := lookupName(name); bears && n.strength != inQuery {
				i = f.markLine(l, i+1, n)
				continue
			}
		}
		i++
	}
}

// markValue marks the JSON value at s[i] and returns where it ends.
func (f *finder) markValue(l *layer, i int, n named) int {
	s := l.text
	i = skipSpace(s, i)
	if i >= len(s) {
		return i
	}
	switch s[i] {
	case '"', '\'':
		end := quoteEnd(s, i+1, s[i])
		f.markText(l, i+1, end, n.rule)
		return end
	case '{', '[':
		if n.strength == strong {
			return f.markNested(l, i, n.rule)
		}
		return i + 1
	}
	end := i
	for end < len(s) && letterSets[s[end]]&dotted != 0 {
		end++
	}
	if end > i && !placeholder(s[i:end]) {
		f.markScalar(l, i, end, n.rule)
	}
	return max(end, i)
}

// markNested marks every string and number inside the object or list at s[i].
func (f *finder) markNested(l *layer, i int, rule string) int {
	s := l.text
	depth := 0
	for i < len(s) {
		switch c := s[i]; {
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			if depth--; depth <= 0 {
				return i + 1
			}
		case c == '"':
			end := stringEnd(s, i+1)
			if after := skipSpace(s, min(end+1, len(s))); after >= len(s) || s[after] != ':' {
				f.markText(l, i+1, end, rule)
			}
			i = end
		case c == '-' || '0' <= c && c <= '9':
			end := i
			for end < len(s) && letterSets[s[end]]&dotted != 0 {
				end++
			}
			if end > i+3 {
				f.markScalar(l, i, end, rule)
			}
			i = max(end-1, i)
		}
		i++
	}
	return i
}

// markLine marks what follows "name:" outside quotes: a header line to its end, otherwise one word.
func (f *finder) markLine(l *layer, i int, n named) int {
	s := l.text
	start := i
	for start < len(s) && (s[start] == ' ' || s[start] == '\t') {
		start++
	}
	if start >= len(s) {
		return start
	}
	if s[start] == '"' || s[start] == '\'' {
		end := quoteEnd(s, start+1, s[start])
		if n.strength == strong || secretish(s[start+1:end]) {
			f.markText(l, start+1, end, n.rule)
		}
		return end
	}
	end := start
	switch n.rule {
	case "authorization", "cookie", "set_cookie":
		for end < len(s) && !lineEnd(s[end]) {
			end++
		}
	default:
		for end < len(s) && !wordEnd(s[end]) {
			end++
		}
		if n.strength != strong && !secretish(s[start:end]) {
			return max(end, i)
		}
	}
	f.markText(l, start, end, n.rule)
	return max(end, i)
}

func lineEnd(c byte) bool { return c == '\n' || c == '\r' || c == '"' || c == '\'' || c == '\\' }

func wordEnd(c byte) bool {
	return lineEnd(c) || c == ' ' || c == '\t' || c == ',' || c == ';' || c == '<' || c == '>' || c == '}' || c == ')' || c == '&'
}
