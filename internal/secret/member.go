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
