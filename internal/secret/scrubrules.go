package secret

import "strings"

// Between two components of Keytrail a record goes through the floor once. What comes sealed meets the rule sets of the
// second alone: its credentials are gone, and its fingerprints stand.

// ScrubRules removes from one string what the rule sets find, and reports whether it changed it. It is for records that
// were sealed before, and takes layers of encoding off as Scrub does; nothing must be looked at first.
func (p *Pass) ScrubRules(key, value string) (string, bool) {
	if p.searcher == nil || value == "" {
		return value, false
	}
	c := p.classify(key)
	if c.folds {
		if inner, v, ok := folded(key, value); ok {
			name := value[:len(value)-len(v)]
			clean, changed := p.cutRuled(p.classify(inner), v)
			whole, again := p.cutRuled(c, name+clean)
			return whole, changed || again
		}
	}
	return p.cutRuled(c, value)
}

// ScrubRulesKey is ScrubRules for an attribute key.
func (p *Pass) ScrubRulesKey(key string) (string, bool) {
	if p.searcher == nil || p.plainKey(key, cleanOfRules) {
		return key, false
	}
	clean, changed := p.cutRuled(&keyText, key)
	if len(clean) > maxKey {
		p.sanitized = true
		return cutText(clean, maxKey), true
	}
	if !changed {
		p.keepKey(key, cleanOfRules)
	}
	return clean, changed
}

func (p *Pass) cutRuled(c *keyClass, value string) (clean string, changed bool) {
	if !p.searches(c) {
		return value, false
	}
	defer func() {
		if recover() != nil { // as in scrubAs
			p.failures++
			p.count(ruleFailed, c.field(), ResultFailed)
			clean, changed = replacement(ruleFailed), true
		}
	}()
	if clean, changed = p.cut(&note{class: c, sealed: true}, "", value); changed {
		p.lookRuled(c, value)
	}
	return clean, changed
}

// lookRuled takes the credentials among what was just cut: few texts hold any, so the rules read those twice.
func (p *Pass) lookRuled(c *keyClass, value string) {
	p.lookMatches(c, c.context, value)
	for range maxLayers {
		text, ok := decodeText(value)
		if !ok {
			return
		}
		value = text
		p.lookMatches(c, "", value)
	}
}

// Others are the fingerprints of the credentials found, each as it stands in token.others: with where it stood, and how.
func (p *Pass) Others() []string {
	creds, ids := p.credentials(), p.printed()
	return p.others(creds, ids)
}

// findRuled is find for what has been through the floor. Of the bytes of l it tells only whether some begin an escape.
func (p *Pass) findRuled(l *layer, o layerOptions) byteClass {
	p.findMatches(l, o.context())
	if len(l.text) >= shortestRun {
		p.findEncoded(l, o.within)
	}
	if strings.IndexByte(l.text, '%') >= 0 || strings.IndexByte(l.text, '\\') >= 0 {
		return isEscape
	}
	return 0
}
