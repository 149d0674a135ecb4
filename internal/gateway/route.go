package gateway

import (
	"strings"
	"sync"
)

// Bounds of what Templates remembers. Callers choose paths, and some services answer 200 to anything.
const (
	maxServices  = 256  // beyond: the services that follow share one table
	maxSegments  = 12   // beyond: the tail of the path is {rest}
	maxChildren  = 64   // different names in one place; beyond: the next one there is {other}
	maxPlaces    = 4096 // names in all, a service; beyond: whatever is new is {other}
	maxLiteral   = 48   // a longer segment is an id
	otherSegment = "{other}"
	restSegment  = "{rest}"
	idSegment    = "{id}"
)

// Templates derives the route of a request whose gateway does not name it: segments that look like ids become {id}.
// It learns a route only from an answer below 400, so that a scanner's guesses leave no trace in it, and never from
// OPTIONS, which many services answer for any path. Every table is bounded, place by place: who floods one part of
// the tree with names turns the names that follow there into {other} and leaves the rest as it was.
//
// The zero Templates is ready to use, and safe for concurrent use.
type Templates struct {
	mu       sync.RWMutex
	services map[string]*routes
}

type routes struct {
	root   place
	places int
}

// place is one position in the tree of a service's paths.
type place struct {
	children map[string]*place
	template string // set where a route ends
}

// Template returns the route of path, empty for one that was never learned and is not learned now.
func (t *Templates) Template(service, method, path string, status int64) string {
	t.mu.RLock()
	known := t.services[t.name(service)].find(path)
	t.mu.RUnlock()
	if known != "" || status < 200 || status >= 400 || method == "OPTIONS" || !strings.HasPrefix(path, "/") {
		return known
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.services == nil {
		t.services = make(map[string]*routes)
	}
	name := t.name(service)
	s := t.services[name]
	if s == nil {
		s = new(routes)
		t.services[strings.Clone(name)] = s
	}
	return s.learn(path)
}

// name is the table of a service: its own while there is room for one.
func (t *Templates) name(service string) string {
	if _, ok := t.services[service]; ok || len(t.services) < maxServices {
		return service
	}
	return otherSegment
}

func (s *routes) find(path string) string {
	if s == nil {
		return ""
	}
	at := &s.root
	for segment := range segments(path) {
		next := at.children[segment]
		if next == nil {
			next = at.children[otherSegment]
		}
		if next == nil {
			return ""
		}
		at = next
	}
	return at.template
}

func (s *routes) learn(path string) string {
	at := &s.root
	var b strings.Builder
	for segment := range segments(path) {
		if at.children[segment] == nil {
			if s.places >= 2*maxPlaces { // not even {other} has a place of its own any more
				return b.String() + "/" + otherSegment
			}
			segment = s.admit(at, segment)
		}
		b.WriteByte('/')
		b.WriteString(segment)
		at = at.children[segment]
	}
	if b.Len() == 0 {
		b.WriteByte('/')
	}
	at.template = b.String()
	return at.template
}

// admit makes room for a segment at a place, or for {other} where there is none left. {id} and {rest} always fit:
// there is one of each.
func (s *routes) admit(at *place, segment string) string {
	literal := segment[0] != '{'
	if literal && (len(at.children) >= maxChildren || s.places >= maxPlaces) {
		segment = otherSegment
	}
	if at.children[segment] == nil {
		if at.children == nil {
			at.children = make(map[string]*place)
		}
		at.children[strings.Clone(segment)] = new(place)
		s.places++
	}
	return segment
}

// segments walks the parts of a path with ids replaced. Empty parts, as of a doubled or a final slash, do not count.
func segments(path string) func(func(string) bool) {
	return func(yield func(string) bool) {
		n := 0
		for segment := range strings.SplitSeq(path, "/") {
			if segment == "" {
				continue
			}
			if n++; n > maxSegments {
				yield(restSegment)
				return
			}
			if isID(segment) {
				segment = idSegment
			}
			if !yield(segment) {
				return
			}
		}
	}
}

// isID tells an identifier from a name: a number or a date, hexadecimal of eight digits or more with a figure in it
// (uuids too), a long mix of letters and figures, such a mix behind a prefix (cus_Nf1dJx8Kq), or anything with
// characters that names of routes do not have.
func isID(s string) bool {
	if len(s) > maxLiteral {
		return true
	}
	if base, extension, ok := cutLast(s, '.'); ok && isExtension(extension) {
		s = base // 4711.json
	}
	var c charCount
	for i := range len(s) {
		if !c.add(s[i]) {
			return true
		}
	}
	switch {
	case c.figures == 0:
		return false
	case c.letters == 0:
		return true
	case c.hex && c.figures+c.letters >= 8:
		return true
	case c.figures+c.letters >= 16 && c.figures >= 2:
		return true
	}
	_, suffix, ok := cutLast(s, '_')
	return ok && len(suffix) >= 8 && strings.ContainsAny(suffix, "0123456789")
}

func isExtension(s string) bool {
	for i := range len(s) {
		if s[i] < 'a' || s[i] > 'z' {
			return false
		}
	}
	return len(s) >= 2 && len(s) <= 4
}

// charCount counts what a segment is made of.
type charCount struct {
	figures, letters int
	started, hex     bool
}

// add returns false for a character that no name of a route has.
func (c *charCount) add(b byte) bool {
	if !c.started {
		c.started, c.hex = true, true
	}
	switch {
	case b >= '0' && b <= '9':
		c.figures++
	case b|0x20 >= 'a' && b|0x20 <= 'z':
		c.letters++
		c.hex = c.hex && b|0x20 <= 'f'
	case b == '-':
	case b == '_' || b == '.' || b == '~' || b == '$' || b == '*':
		c.hex = false
	default:
		return false
	}
	return true
}

func cutLast(s string, sep byte) (before, after string, ok bool) {
	i := strings.LastIndexByte(s, sep)
	if i <= 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}
