package secret

import (
	"fmt"
	"strings"
)

// A template finds the credential in a path by its position:
//
//	/hooks/{token}/**     the segment after hooks, whatever follows
//	/bot{token}/*         the rest of a segment that begins with bot; exactly one more segment
//	/v1/*/keys/{token}    any one segment in between
type template struct {
	segments     []segmentRule
	open         bool // ends in **
	token        int  // index of the segment that holds the credential
	scheme       string
	prefix, tail string // literal text around it
}

type segmentRule struct {
	literal string
	any     bool
}

const (
	tokenMark = "{token}"
	// maxSegments bounds a template and the part of a path that is compared with it: attackers write paths.
	maxSegments = 32
)

func parseTemplate(s string) (template, error) {
	var t template
	if !strings.HasPrefix(s, "/") {
		return t, fmt.Errorf("`path` must begin with a slash, found %q", s)
	}
	if strings.Count(s, tokenMark) != 1 {
		return t, fmt.Errorf("%w, found %q", errNoTokenSegment, s)
	}
	parts := strings.Split(s[1:], "/")
	if len(parts) > maxSegments {
		return t, fmt.Errorf("`path` must have at most %d segments, found %d", maxSegments, len(parts))
	}
	for i, part := range parts {
		prefix, tail, token := strings.Cut(part, tokenMark)
		switch {
		case token:
			t.token, t.prefix, t.tail = i, prefix, tail
		case part == "**":
			if i != len(parts)-1 {
				return t, fmt.Errorf("`path` must hold ** only at its end, found %q", s)
			}
			t.open = true
			return t, nil
		case part != "*" && strings.ContainsAny(part, "*{}?#"):
			return t, fmt.Errorf("`path` must be of literal segments, *, %s and a last **, found %q", tokenMark, part)
		}
		if strings.ContainsAny(prefix+tail, "*{}?#") && token {
			return t, fmt.Errorf("`path` must have only literal text around %s, found %q", tokenMark, part)
		}
		t.segments = append(t.segments, segmentRule{literal: part, any: part == "*"})
	}
	return t, nil
}

// match returns where the credential stands in path.
func (t *template) match(path string) (start, end int, ok bool) {
	i := 0
	for n := range t.segments {
		if i >= len(path) || path[i] != '/' {
			return 0, 0, false
		}
		i++
		length := strings.IndexByte(path[i:], '/')
		if length < 0 {
			length = len(path) - i
		}
		part := path[i : i+length]
		switch {
		case n == t.token:
			if len(part) <= len(t.prefix)+len(t.tail) || !strings.HasPrefix(part, t.prefix) || !strings.HasSuffix(part, t.tail) {
				return 0, 0, false
			}
			start, end = i+len(t.prefix), i+length-len(t.tail)
		case !t.segments[n].any && part != t.segments[n].literal:
			return 0, 0, false
		}
		i += length
	}
	return start, end, t.open || i == len(path) || path[i:] == "/"
}

// findTemplates marks what a rule of the source finds in the path of l.
func (f *finder) findTemplates(l *layer) {
	path, _, _ := strings.Cut(l.text, "?")
	path = cutFragment(path)
	from := pathStart(path)
	for i := range f.rules.paths {
		if start, end, ok := f.rules.paths[i].match(path[from:]); ok {
			f.markText(l, from+start, from+end, ruleValue)
		}
	}
}
