package jsondoc

import "strings"

// scalar reads a number, a literal, or what a template left without quotes.
func (d *Doc) scalar(key string, member bool) error {
	start := d.pos
	for d.pos < len(d.src) && !ends[d.src[d.pos]] {
		d.pos++
	}
	text := d.src[start:d.pos]
	kind, ok := kindOf(text)
	if !ok || member && d.unfinished() {
		d.pos = start
		return d.bare(key, member)
	}
	return d.add(kind, key, text)
}

// ends marks the bytes that cannot stand in a number or a literal.
var ends = [256]bool{',': true, '}': true, ']': true, ' ': true, '\t': true, '\r': true, '\n': true, ':': true,
	'"': true, '{': true, '[': true}

func kindOf(text string) (Kind, bool) {
	switch text {
	case "true":
		return True, true
	case "false":
		return False, true
	case "null":
		return Null, true
	}
	return Number, isNumber(text)
}

// unfinished reports whether what follows a scalar is neither the end of its object nor the next member: then the
// scalar was the head of a list written without quotes, such as 0.1, 0.2.
func (d *Doc) unfinished() bool {
	i := d.skipSpace(d.pos)
	if i == len(d.src) || d.src[i] == '}' {
		return false
	}
	if d.src[i] != ',' {
		return true
	}
	i = d.skipSpace(i + 1)
	return i < len(d.src) && d.src[i] != '"' && d.src[i] != '}'
}

func (d *Doc) skipSpace(i int) int {
	for i < len(d.src) && (d.src[i] == ' ' || d.src[i] == '\t' || d.src[i] == '\n' || d.src[i] == '\r') {
		i++
	}
	return i
}

// bare reads a value that lacks its quotes: in an object up to the end or the next member's name, in an array up to
// the next comma. A dash or nothing is what templates write for null.
func (d *Doc) bare(key string, member bool) error {
	d.repaired = true
	start := d.pos
	for ; d.pos < len(d.src); d.pos++ {
		switch d.src[d.pos] {
		case '}', ']':
			if member == (d.src[d.pos] == '}') {
				return d.addBare(key, start)
			}
		case ',':
			next := d.skipSpace(d.pos + 1)
			if !member || next < len(d.src) && (d.src[next] == '"' || d.src[next] == '}') {
				return d.addBare(key, start)
			}
		case '"', '\n':
			return ErrMalformed
		}
	}
	return ErrMalformed
}

func (d *Doc) addBare(key string, start int) error {
	text := strings.TrimSpace(d.src[start:d.pos])
	if text == "" || text == "-" {
		return d.add(Null, key, "")
	}
	return d.add(String, key, text)
}

// isNumber follows the grammar of JSON numbers.
func isNumber(s string) bool {
	s = strings.TrimPrefix(s, "-")
	switch {
	case s == "":
		return false
	case s[0] == '0':
		s = s[1:]
	default:
		var ok bool
		if s, ok = digits(s); !ok {
			return false
		}
	}
	if s != "" && s[0] == '.' {
		var ok bool
		if s, ok = digits(s[1:]); !ok {
			return false
		}
	}
	if s != "" && (s[0] == 'e' || s[0] == 'E') {
		s = s[1:]
		if s != "" && (s[0] == '+' || s[0] == '-') {
			s = s[1:]
		}
		var ok bool
		if s, ok = digits(s); !ok {
			return false
		}
	}
	return s == ""
}

func digits(s string) (rest string, ok bool) {
	i := 0
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	return s[i:], i > 0
}
