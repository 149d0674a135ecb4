package apilogreceiver

import "strings"

// capturePath is a path that requests are captured at.
type capturePath struct {
	base string // without a slash at its end
	on   bool
}

func newCapturePath(p string) capturePath { return capturePath{strings.TrimSuffix(p, "/"), p != ""} }

// cut returns what of a request target follows the path. It works on the bytes as they were sent: decoding would
// turn a caller's %2f into a path of its own.
func (p capturePath) cut(target string) (below string, ok bool) {
	if !p.on || !strings.HasPrefix(target, p.base) {
		return "", false
	}
	below = target[len(p.base):]
	return below, below == "" || below[0] == '/' || below[0] == '?'
}

// holds reports whether another base lies at or below the path.
func (p capturePath) holds(base string) bool {
	_, ok := p.cut(base)
	return ok
}
