package secret

import "strings"

// The finders below read names and values where text has them, without parsing the text as a whole: a log line is
// often cut, mixed or not quite JSON, and what a parser would refuse must be clean too. Each looks at a bounded
// window before a delimiter, so all are linear.

// longestMember is how far before a delimiter a name is looked for.
const longestMember = longestName

// members calls found for each JSON string member of s whose name bears credentials, with its unescaped value.
func members(s string, found func(name string, n named, value string)) {
	for i := 0; i < len(s); {
		j := strings.IndexByte(s[i:], ':')
		if j < 0 {
			return
		}
		i += j
		name, ok := quotedNameBefore(s, i)
		i++
		if !ok {
			continue
		}
		n, ok := lookupName(name)
		if !ok || n.strength == inQuery {
			continue
		}
		start := skipSpace(s, i)
		if start >= len(s) || s[start] != '"' {
			continue
		}
		end := stringEnd(s, start+1)
		found(name, n, decodeString(s[start+1:end]))
		i = end
	}
}

// decodeString reads JSON's escapes only: a percent sign inside a JSON string is the value's own.
func decodeString(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, isByte, size := rune(0), false, 0
		if s[i] == '\\' {
			r, isByte, size = unescapeBackslash(s, i)
		}
		switch {
		case size == 0:
			b.WriteByte(s[i])
			size = 1
		case isByte:
			b.WriteByte(byte(r))
		default:
			b.WriteRune(r)
		}
		i += size
	}
	return b.String()
}

// quotedNameBefore returns the quoted name that ends right before the colon at s[colon].
func quotedNameBefore(s string, colon int) (string, bool) {
	end := colon
	for end > 0 && (s[end-1] == ' ' || s[end-1] == '\t') && colon-end < 8 {
		end--
	}
	if end == 0 || s[end-1] != '"' && s[end-1] != '\'' {
		return "", false
	}
	end--
	start := end
	for start > 0 && end-start < longestMember && nameByte(s[start-1]) {
		start--
	}
	return s[start:end], start < end
}

// bareNameBefore returns the unquoted name that ends at s[end].
func bareNameBefore(s string, end int) (name string, start int) {
	start = end
	for start > 0 && end-start < longestMember && (nameByte(s[start-1]) || s[start-1] == '%') {
		start--
	}
	return s[start:end], start
}

func skipSpace(s string, i int) int {
	for i < len(s) && (s[i] == ' ' || s[i] == '\t' || s[i] == '\n' || s[i] == '\r') {
		i++
	}
	return i
}

// stringEnd returns the index of the quote that ends the string whose content begins at i, or the end of the text.
func stringEnd(s string, i int) int { return quoteEnd(s, i, '"') }

func quoteEnd(s string, i int, quote byte) int {
	for i < len(s) && s[i] != quote {
		if s[i] == '\\' {
			i++
		}
		i++
	}
	return min(i, len(s))
}

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

// longestUserinfo bounds what may stand between :// and @.
const longestUserinfo = 1 << 10

// findUserinfo marks user:password in URLs, and a user that is long enough to be a token.
func (f *finder) findUserinfo(l *layer) {
	eachUserinfo(l.text, func(start, end int) {
		if loginLike(l.text[start:end]) {
			f.markText(l, start, end, "userinfo")
		}
	})
}

// loginLike reports whether what stands before a host is more than a name: git@ and postgres@ stay.
func loginLike(info string) bool {
	_, password, _ := strings.Cut(info, ":")
	return password != "" || len(info) >= 16 || secretish(info)
}

// eachUserinfo gives what stands between :// and @ in the URLs of s.
func eachUserinfo(s string, found func(start, end int)) {
	for i := 0; i < len(s); {
		j := strings.Index(s[i:], "://")
		if j < 0 {
			return
		}
		i += j + len("://")
		end := i
		for end < len(s) && end-i < longestUserinfo && !userinfoEnd(s[end]) {
			end++
		}
		if end >= len(s) || s[end] != '@' {
			continue
		}
		found(i, end)
		i = end
	}
}

func userinfoEnd(c byte) bool {
	return c == '@' || c == '/' || c == '?' || c == '#' || c == ' ' || c == '"' || c == '<' || c < 0x20
}
