package apilogreceiver

import (
	"net/http"
	"strings"
	"sync"
)

const (
	// templateServices bounds the services that templates are learned for; a gateway fronts fewer.
	templateServices = 1000

	// templateDepth is how many segments a template names. What lies deeper is data, not a route.
	templateDepth = 12

	// A longer segment of a real route is not known; ids, slugs of titles and encoded values are longer.
	templateSegment = 40

	idSegment = "{id}"
)

// templates learns which URL templates a service serves. Only an answer that the service itself gave teaches one:
// whoever scans for paths would else choose what the list holds.
type templates struct {
	perService int
	hit        func(limit string)

	mu    sync.RWMutex
	known map[string]map[string]string // by service: the templates, each under itself
}

func newTemplates(perService int, hit func(limit string)) *templates {
	return &templates{perService: perService, hit: hit, known: make(map[string]map[string]string)}
}

// of returns the template of a sealed path, empty where the service is not known to serve it.
func (t *templates) of(service, path string, status int64) string {
	if path == "" || path[0] != '/' {
		return ""
	}
	var room [templateRoom]byte
	tmpl := appendTemplate(room[:0], path)
	t.mu.RLock()
	known, ok := t.known[service][string(tmpl)]
	t.mu.RUnlock()
	if ok {
		return known
	}
	if status < http.StatusOK || status >= http.StatusBadRequest {
		return ""
	}
	return t.learn(service, string(tmpl))
}

// templateRoom is longer than the path of most requests.
const templateRoom = 256

// learn returns the template where there was room for it.
func (t *templates) learn(service, tmpl string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := t.known[service]
	if list == nil {
		if len(t.known) >= templateServices {
			t.hit(limitServices)
			return ""
		}
		list = make(map[string]string)
		t.known[service] = list
	}
	if len(list) >= t.perService {
		t.hit(limitTemplates)
		return ""
	}
	list[tmpl] = tmpl
	return tmpl
}

// appendTemplate replaces the segments that look like ids.
func appendTemplate(b []byte, path string) []byte {
	rest := path[1:]
	for depth := 0; ; depth++ {
		if depth == templateDepth {
			return append(b, "/{rest}"...)
		}
		seg, after, more := strings.Cut(rest, "/")
		b = append(b, '/')
		if isID(seg) {
			b = append(b, idSegment...)
		} else {
			b = append(b, seg...)
		}
		if !more {
			return b
		}
		rest = after
	}
}

// isID tells an id from a name. A name is short and of letters; a version such as v1 or a name such as s3 has few
// digits beside them.
func isID(seg string) bool {
	if len(seg) > templateSegment {
		return true
	}
	var digits, letters, hexLetters, upper int
	for i := 0; i < len(seg); i++ {
		switch c := seg[i]; {
		case c >= '0' && c <= '9':
			digits++
		case c >= 'a' && c <= 'z':
			letters++
			if c <= 'f' {
				hexLetters++
			}
		case c >= 'A' && c <= 'Z':
			letters++
			upper++
			if c <= 'F' {
				hexLetters++
			}
		case c == '-' || c == '_' || c == '.' || c == '~':
		default:
			return true // "@", "%", ":", a redaction mark: data
		}
	}
	switch {
	case digits == 0:
		return len(seg) >= 20 && upper > 0 && upper < letters // random letters of both cases
	case letters == 0:
		return true
	case letters == hexLetters && digits+letters >= 8:
		return true // hexadecimal, a UUID among them
	}
	return digits >= 4 || digits+letters >= 20
}
