package secret

import "strings"

// A pass reads each string twice, to find credentials and to remove them. What the first reading learned is kept, in
// order, and the second takes it from there as long as it comes in the same order; otherwise it reads again.

// maxRemembered bounds what one pass remembers: the strings of a record with every header it may have.
const maxRemembered = 256

type memory struct {
	key, value string
	class      *keyClass
	seen       byteClass // no shape matched; these are the bytes
	plain      bool      // nobody but us chose the key
}

func (p *Pass) remember(c *keyClass, key, value string, seen byteClass) {
	if len(p.memories) < maxRemembered {
		p.memories = append(p.memories, memory{key, value, c, seen, c.common})
	}
}

// recall returns what Look learned of the same string. The second reading may leave a few out.
func (p *Pass) recall(key, value string) (*memory, bool) {
	for i := p.recalled; i < min(p.recalled+maxLeftOut, len(p.memories)); i++ {
		m := &p.memories[i]
		if m.value != value {
			continue
		}
		p.recalled = i + 1
		return m, m.key == key // not equal: the key was scrubbed meanwhile
	}
	return nil, false
}

// maxLeftOut is how many strings the second reading may leave out in a row.
const maxLeftOut = 4

// classify says what key means. The class of the last key is kept, for lists and for the key itself; and the classes
// of the last record, because a gateway writes its fields in one order.
func (p *Pass) classify(key string) *keyClass {
	if p.lastClass != nil && p.lastKey == key {
		return p.lastClass
	}
	c := p.expected(key)
	if c == nil {
		c = p.lookupClass(key)
		p.expect(c)
	}
	p.turn++
	p.lastKey, p.lastClass = key, c
	return c
}

// maxExpected is how many keys of the last record are remembered, somewhat more than a gateway's event has.
const maxExpected = 96

// expected returns the class that stood in this place of the last record, if the key is the same.
func (p *Pass) expected(key string) *keyClass {
	if p.turn < len(p.order) {
		if c := p.order[p.turn]; c != nil && c.key == key {
			return c
		}
	}
	return nil
}

// expect remembers classes that outlive the pass, which are those with a key: nothing that a caller made up.
func (p *Pass) expect(c *keyClass) {
	if c.key == "" || p.turn >= maxExpected {
		return
	}
	for len(p.order) <= p.turn {
		p.order = append(p.order, nil)
	}
	p.order[p.turn] = c
}

func (p *Pass) lookupClass(key string) *keyClass {
	if c := p.made(key); c != nil {
		return c
	}
	p.classes = append(p.classes, computeClass(key))
	return &p.classes[len(p.classes)-1]
}

// made returns a class that was made beforehand. Rules go first: one may name a header that seldom bears anything.
func (p *Pass) made(key string) *keyClass {
	if c, ok := p.rules.keyed(key); ok {
		return c
	}
	return common[key]
}

// plainKey reports whether a key is one that Keytrail or a semantic convention named. The class of such a key is at
// hand for its value then.
func (p *Pass) plainKey(key string) bool {
	if p.recalled < len(p.memories) {
		if m := &p.memories[p.recalled]; m.key == key && m.plain {
			return true
		}
	}
	c := p.expected(key)
	if c == nil {
		if c = p.made(key); c != nil {
			p.expect(c)
		}
	}
	if c != nil {
		p.turn++
		p.lastKey, p.lastClass = key, c
		return c.common
	}
	return len(key) < shortestValue && strings.Trim(key, "abcdefghijklmnopqrstuvwxyz._") == ""
}
