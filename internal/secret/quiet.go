package secret

// Most strings of a request hold nothing that any finder looks for, and what looking at them taught is enough to tell.

// quiet reports that scrubbing would leave value as it is. It may say no of a value that stays; the finders decide.
func (p *Pass) quiet(n *note, key, value string) bool {
	c := n.class
	if c.loud || len(value) > maxText || c.target && p.rules != nil || c.header && startsWithScheme(value) {
		return false
	}
	if !n.read {
		n.scan(&p.finder, value)
	}
	if !n.plain || n.seen&c.wakes != 0 {
		return false
	}
	if !p.unmatched(n, value) {
		return false
	}
	exact := p.exactIn(c, key, value)
	if len(value) < shortestRun && (!exact || len(value) < p.shortest) {
		return true
	}
	f := &p.finder
	f.spans = f.spans[:0]
	l := layer{text: value}
	if exact {
		f.findValues(&l, p.values)
	}
	p.findEncoded(&l, within{exact: exact, ruled: p.searches(c)})
	return len(f.spans) == 0
}

// exactIn reports whether the values found in this request are to be searched for under a key.
func (p *Pass) exactIn(c *keyClass, key, value string) bool {
	return len(p.values) > 0 && (!c.typed || !wellTyped(key, value))
}

// Classes of bytes that call for a finder besides those that always run.
const (
	wakesTyped = isControl | isHigh | isEscape
	wakesAll   = wakesTyped | isEqual | isColon
)
