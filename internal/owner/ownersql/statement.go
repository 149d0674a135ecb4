package ownersql

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// paramSince is the parameter of `updated_query`.
const paramSince = "since"

// statement is a query in the placeholders of its driver.
type statement struct {
	text   string
	params []string // the name behind each placeholder, in order
}

func (s *statement) set() bool { return s.text != "" }

func (s *statement) checkPlain() error {
	if len(s.params) > 0 {
		return fmt.Errorf("takes no parameters, found :%s", s.params[0])
	}
	return nil
}

func (s *statement) checkSince() error {
	for _, name := range s.params {
		if name != paramSince {
			return errors.New("knows the one parameter :since")
		}
	}
	if len(s.params) == 0 {
		return errors.New("must use :since")
	}
	return nil
}

func (s *statement) checkKeys() error {
	for _, name := range s.params {
		if _, known := keyParams[name]; !known {
			return fmt.Errorf("knows the parameters %s", keyParamNames)
		}
	}
	if len(s.params) == 0 {
		return fmt.Errorf("must use one of %s", keyParamNames)
	}
	return nil
}

// parse rewrites :name to the driver's placeholders, leaving alone what stands in quotes and comments. A name that
// stands twice becomes two placeholders: PostgreSQL gives each its own type.
func parse(d *dialect, query string) (statement, error) {
	l := lexer{d: d, in: query}
	for l.at < len(l.in) {
		if err := l.step(); err != nil {
			return statement{}, err
		}
	}
	text := strings.TrimRight(strings.TrimSpace(l.out.String()), "; \t\r\n")
	if text == "" {
		return statement{}, errors.New("must not be empty")
	}
	return statement{text: text, params: l.params}, nil
}

// lexer knows as much of SQL as is needed to tell a parameter from text that looks like one.
type lexer struct {
	d      *dialect
	in     string
	at     int
	out    strings.Builder
	params []string
}

// step takes one quoted piece, one comment, one parameter or one byte.
func (l *lexer) step() error {
	rest := l.in[l.at:]
	if n, err := l.skip(rest); n > 0 || err != nil {
		l.copy(n)
		return err
	}
	switch {
	case rest[0] == ':':
		return l.colon(rest)
	case l.d.ownParameter(l.in, l.at):
		return fmt.Errorf("must name its parameters like :%s, found a %q outside quotes", paramSince, rest[0])
	}
	l.copy(max(1, identLen(rest))) // a whole word, so that the $ in it begins nothing
	return nil
}

func (l *lexer) copy(n int) {
	l.out.WriteString(l.in[l.at : l.at+n])
	l.at += n
}

// colon takes a parameter, or what else begins with a colon: a cast (::), an assignment (:=), a slice ([1:2]).
func (l *lexer) colon(rest string) error {
	if strings.HasPrefix(rest, "::") || strings.HasPrefix(rest, ":=") {
		l.copy(2)
		return nil
	}
	n := wordLen(rest[1:])
	if n == 0 || isDigit(rest[1]) {
		l.copy(1)
		return nil
	}
	l.params = append(l.params, rest[1:1+n])
	l.out.WriteString(l.d.placeholder(len(l.params)))
	l.at += 1 + n
	return nil
}

// skip measures the quoted piece or comment that rest begins with; zero where it begins with neither.
func (l *lexer) skip(rest string) (int, error) {
	switch c := rest[0]; {
	case c == '\'' || c == '"':
		return quoted(rest, l.escapes(c))
	case c == '`' && l.d.backticks:
		return quoted(rest, false)
	case c == '[' && l.d.brackets:
		return until(rest, 1, "]")
	case c == '$' && l.d.dollars:
		return dollar(rest)
	}
	return l.comment(rest)
}

func (l *lexer) comment(rest string) (int, error) {
	switch {
	case strings.HasPrefix(rest, "--") && l.d.dashes(rest), rest[0] == '#' && l.d.hashes:
		if n := strings.IndexByte(rest, '\n'); n >= 0 {
			return n + 1, nil
		}
		return len(rest), nil
	case strings.HasPrefix(rest, "/*") && l.d.nested:
		return nested(rest)
	case strings.HasPrefix(rest, "/*"):
		return until(rest, 2, "*/")
	}
	return 0, nil
}

// escapes reports whether a backslash escapes in the string that begins here: always in MySQL, in PostgreSQL after E.
func (l *lexer) escapes(quote byte) bool {
	if l.d.backslashes {
		return true
	}
	if !l.d.dollars || quote != '\'' || l.at == 0 || l.in[l.at-1]|0x20 != 'e' {
		return false
	}
	return l.at == 1 || !isWord(l.in[l.at-2])
}

var errUnclosed = errors.New("has a quote or comment that does not end")

// quoted ends at the quote that it begins with, unless it stands twice.
func quoted(s string, backslash bool) (int, error) {
	for i := 1; i < len(s); i++ {
		switch {
		case backslash && s[i] == '\\':
			i++
		case s[i] == s[0] && i+1 < len(s) && s[i+1] == s[0]:
			i++
		case s[i] == s[0]:
			return i + 1, nil
		}
	}
	return 0, errUnclosed
}

func until(s string, from int, end string) (int, error) {
	n := strings.Index(s[from:], end)
	if n < 0 {
		return 0, errUnclosed
	}
	return from + n + len(end), nil
}

func nested(s string) (int, error) {
	depth := 0
	for i := 0; i+1 < len(s); i++ {
		switch s[i : i+2] {
		case "/*":
			depth++
			i++
		case "*/":
			depth--
			i++
		}
		if depth == 0 {
			return i + 1, nil
		}
	}
	return 0, errUnclosed
}

// dollar measures PostgreSQL's $tag$ … $tag$; $1 is none.
func dollar(s string) (int, error) {
	n := wordLen(s[1:])
	if 1+n >= len(s) || s[1+n] != '$' || isDigit(s[1]) {
		return 0, nil
	}
	tag := s[:n+2]
	return until(s, len(tag), tag)
}

func wordLen(s string) int {
	n := slices.IndexFunc([]byte(s), func(c byte) bool { return !isWord(c) })
	if n < 0 {
		return len(s)
	}
	return n
}

// identLen measures a name; in all of the databases one may hold $ but not begin with it.
func identLen(s string) int {
	n := wordLen(s)
	for n > 0 && n < len(s) && (s[n] == '$' || isWord(s[n])) {
		n++
	}
	return n
}

func isWord(c byte) bool {
	return c == '_' || c >= 0x80 || isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'z'
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
