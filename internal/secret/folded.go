package secret

import (
	"strings"

	"github.com/keytrail/keytrail/internal/event"
)

// lastOfRest is the last segment of the key under which a parser folds the fields beyond its limit.
const lastOfRest = ".other"

// folded takes a header or field that a parser folded with others because there were too many, as "name: value". It
// is treated as if it stood under its own key: a flood of headers must not hide the one that bears the credential.
func folded(key, value string) (inner, v string, ok bool) {
	headers := key == event.KeyHeadersOther
	if !headers && !strings.HasSuffix(key, lastOfRest) {
		return "", "", false
	}
	name, v, ok := strings.Cut(value, ": ")
	if !ok || name == "" || len(name) > maxScanned {
		return "", "", false
	}
	if headers {
		return event.PrefixRequestHeader + strings.ToLower(name), v, true
	}
	return strings.TrimSuffix(key, lastOfRest) + "." + name, v, true
}

// scrubFolded scrubs the value as its own name demands, and then the whole.
func (p *Pass) scrubFolded(key, inner, value, v string) (string, bool) {
	name := value[:len(value)-len(v)]
	clean, changed := p.scrub(p.classify(inner), inner, v, nil)
	whole, again := p.scrub(p.classify(key), key, name+clean, nil)
	return whole, changed || again
}
