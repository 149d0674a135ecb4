package secret

import (
	"strings"

	"github.com/keytrail/keytrail/internal/event"
)

// lastOfRest is the last segment of the key under which a parser folds the fields beyond its limit.
const lastOfRest = ".other"

// folds reports whether a parser folds the headers or fields that are too many under key.
func folds(key string) bool {
	return key == event.KeyHeadersOther || strings.HasSuffix(key, lastOfRest)
}

// folded takes a header or field that was folded with others, as "name: value". It is treated as if it stood under its
// own key: a flood of headers must not hide the one that bears the credential.
func folded(key, value string) (inner, v string, ok bool) {
	name, v, ok := strings.Cut(value, ": ")
	if !ok || name == "" || len(name) > maxScanned {
		return "", "", false
	}
	if key == event.KeyHeadersOther {
		return event.PrefixRequestHeader + strings.ToLower(name), v, true
	}
	return strings.TrimSuffix(key, lastOfRest) + "." + name, v, true
}

// scrubFolded scrubs the value as its own name demands, and then the whole.
func (p *Pass) scrubFolded(c *keyClass, inner, key, value, v string) (string, bool) {
	name := value[:len(value)-len(v)]
	clean, changed := p.scrubAs(&note{class: p.classify(inner)}, inner, v)
	whole, again := p.scrubAs(&note{class: c}, key, name+clean)
	return whole, changed || again
}
