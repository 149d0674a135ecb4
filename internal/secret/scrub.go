package secret

import (
	"strings"
	"unicode/utf8"
)

const (
	// maxText is how long a string is after redaction; what is longer is cut and marked. Longer than any header a
	// server accepts, short enough that one record cannot fill a block.
	maxText = 32 << 10
	// maxScanned is how much of a string is read: what lies further back is cut off anyway, and a secret across the
	// cut is seen whole.
	maxScanned = 2 * maxText
	// maxRounds is how often a changed text is looked at again. Two suffice for everything we know; a text that
	// still changes after four was made to.
	maxRounds = 4
	// maxKey is how long an attribute key may be.
	maxKey = 256
)

// Rules of replacements that say that a rule could not do its work.
const (
	ruleUnscannable = "unscannable"
	ruleFailed      = "failed"
)

// Scrub removes from one string everything that the redaction floor names, and reports whether it changed it.
// Scrubbing twice gives the same as scrubbing once.
func (p *Pass) Scrub(key, value string) (string, bool) {
	if value == "" {
		return value, false
	}
	n, ok := p.recall(key, value)
	if !ok {
		n = note{class: p.classify(key)}
	}
	return p.scrub(&n, key, value)
}

// ScrubKey removes a credential from an attribute key.
func (p *Pass) ScrubKey(key string) (string, bool) {
	if p.plainKey(key, cleanOfAll) {
		return key, false
	}
	return p.scrubKey(key)
}

func (p *Pass) scrubKey(key string) (string, bool) {
	clean, changed := p.scrub(&note{class: &keyText}, "", key)
	if len(clean) > maxKey {
		p.sanitized = true
		return cutText(clean, maxKey), true
	}
	if !changed {
		p.keepKey(key, cleanOfAll)
	}
	return clean, changed
}

// noClass is for text that no key tells anything about, keyText for keys themselves.
var (
	noClass = textClass(FieldText)
	keyText = textClass(FieldKey)
)

func textClass(kind FieldKind) keyClass {
	c := computeClass("")
	c.kind = kind
	return c
}

// ScrubBytes is Scrub for a byte string. Text is treated as text; from other bytes only the credentials are cut.
func (p *Pass) ScrubBytes(b []byte) ([]byte, bool) {
	if len(b) == 0 {
		return b, false
	}
	s := string(b)
	if utf8.ValidString(s) {
		clean, changed := p.scrubText(s)
		if !changed {
			return b, false
		}
		return []byte(clean), true
	}
	clean, changed := p.redactBytes(s)
	if !changed {
		return b, false
	}
	return []byte(clean), true
}

func (p *Pass) redactBytes(s string) (clean string, changed bool) {
	defer func() {
		if recover() != nil {
			p.failures++
			p.count(ruleFailed, FieldText, ResultFailed)
			clean, changed = replacement(ruleFailed), true
		}
	}()
	clean, changed, _ = p.redact(&note{class: &noClass}, "", s)
	return clean, changed
}

// scrubText is scrub for text without a key.
func (p *Pass) scrubText(s string) (string, bool) { return p.scrub(&note{class: &noClass}, "", s) }

func (p *Pass) scrub(n *note, key, value string) (string, bool) {
	if n.class.folds {
		if inner, v, ok := folded(key, value); ok {
			return p.scrubFolded(n.class, inner, key, value, v)
		}
	}
	return p.scrubAs(n, key, value)
}

// scrubAs is settle with a panic of a rule turned into a failed field.
func (p *Pass) scrubAs(n *note, key, value string) (clean string, changed bool) {
	defer func() {
		if recover() != nil { // the panic's text may hold the payload, so it is not looked at
			p.failures++
			p.count(ruleFailed, n.class.field(), ResultFailed)
			clean, changed = replacement(ruleFailed), true
		}
	}()
	if p.quiet(n, key, value) {
		return value, false
	}
	return p.settle(n, key, value)
}

// settle looks until nothing changes any more: a replacement can bring two harmless halves together.
func (p *Pass) settle(n *note, key, value string) (string, bool) {
	c := n.class
	if c.bears && c.wholeValue() && !replaced(value) {
		if !placeholder(value) {
			return p.whole(c, c.means.rule)
		}
		return p.clean(value)
	}
	if c.cert == certWhole && longEnoughForACertificate(value) {
		return p.whole(c, ruleCertificate)
	}
	if c.header && startsWithScheme(value) {
		return p.whole(c, schemeInText) // a credential in any header, however short
	}
	return p.cut(n, key, value)
}

// cut cuts out what the finders find, until they find nothing any more.
func (p *Pass) cut(n *note, key, value string) (string, bool) {
	c, text, changed := n.class, value, false
	for range maxRounds {
		next, redacted, seen := p.redact(n, key, text)
		cleaned := false
		if redacted || seen&(isControl|isHigh) != 0 || len(next) > maxText {
			next, cleaned = p.clean(next)
		}
		if !redacted && !cleaned {
			return text, changed
		}
		text, changed, n = next, true, &note{class: c, sealed: n.sealed}
	}
	if _, again, _ := p.redact(n, key, text); again {
		p.count(ruleUnscannable, c.field(), ResultRemoved)
		return replacement(ruleUnscannable), true
	}
	return text, changed
}

// whole replaces all of a value.
func (p *Pass) whole(c *keyClass, rule string) (string, bool) {
	p.count(rule, c.field(), ResultRedacted)
	return replacement(rule), true
}

// wholeValue reports whether the name alone condemns all of the value.
func (c *keyClass) wholeValue() bool { return c.means.strength != inQuery }

// recovered turns a panic while looking into a failed record.
func (p *Pass) recovered() {
	if recover() != nil {
		p.failures++
	}
}

func (p *Pass) redact(n *note, key, value string) (string, bool, byteClass) {
	c := n.class
	cut := len(value) > maxScanned
	if cut {
		value, n = value[:maxScanned], &note{class: c, sealed: n.sealed}
	}
	f := &p.finder
	f.spans = f.spans[:0]
	l := layer{text: value}
	if c.cert == certForwarded && !n.sealed {
		f.findForwarded(&l)
	}
	seen := p.findLayers(&l, layerOptions{
		within: within{exact: p.exactIn(c, key, value), ruled: p.searches(c), sealed: n.sealed},
		query:  c.query,
		target: c.target,
		typed:  c.typed,
		search: p.searches(c) && !n.clean,
		note:   n,
	})
	if len(f.spans) == 0 {
		return value, cut, seen
	}
	return p.apply(value, c.field()), true, seen
}

// within is what holds for a text and for all that is encoded in it.
type within struct {
	exact  bool // search for the request's exact values
	ruled  bool // the rule sets may look at it
	sealed bool // nothing but the rule sets looks at it
	nested int  // layers of base64 or hexadecimal already taken off
}

type layerOptions struct {
	within
	query  bool // the text is a query string
	target bool // the text is a URL
	typed  bool // no names are looked for in it
	search bool // they have not found it clean yet
	note   *note
}

// context is what the rule sets are told of the text: a layer has no key.
func (o *layerOptions) context() string {
	if o.note == nil {
		return ""
	}
	return o.note.class.context
}

// findLayers runs every finder on l and on what is under its escapes. It returns the bytes of l itself.
func (p *Pass) findLayers(l *layer, o layerOptions) byteClass {
	seen := p.find(l, o)
	if seen&isEscape == 0 {
		return seen
	}
	o.note = nil
	current := *l
	for depth := range maxLayers {
		var at []int32 // a text inside base64 is only asked whether it holds anything: its offsets are not kept
		if o.nested == 0 {
			at = p.finder.at[depth]
		}
		next, at, ok := current.peel(at)
		if o.nested == 0 {
			p.finder.at[depth] = at
		}
		if !ok {
			break
		}
		current = next
		p.find(&current, o)
	}
	return seen
}

// find runs the finders that the bytes of l call for.
func (p *Pass) find(l *layer, o layerOptions) byteClass {
	if o.sealed {
		return p.findRuled(l, o)
	}
	f := &p.finder
	var seen byteClass
	if o.note != nil && o.note.plain {
		seen = o.note.seen
	} else {
		seen = p.findShapes(l)
	}
	if o.search {
		p.findMatches(l, o.context())
	}
	if o.exact {
		f.findValues(l, p.values)
	}
	if len(l.text) >= shortestRun || o.exact {
		p.findEncoded(l, o.within)
	}
	if o.typed {
		return seen
	}
	if o.target && f.rules != nil {
		f.findTemplates(l)
	}
	if seen&isEqual != 0 {
		f.findParameters(l, o.query, o.query || o.target)
	}
	if seen&isColon != 0 {
		f.findMembers(l)
		if strings.IndexByte(l.text, '@') >= 0 {
			f.findUserinfo(l)
		}
	}
	return seen
}

func (p *Pass) findShapes(l *layer) byteClass {
	f := &p.finder
	var seen byteClass
	first := len(f.hits)
	seen, f.hits = scan(l.text, f.hits)
	for _, h := range f.hits[first:] {
		f.markText(l, h.start, h.end, h.rule)
	}
	f.hits = f.hits[:first]
	return seen
}
