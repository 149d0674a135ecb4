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
}

func (p *Pass) remember(c *keyClass, key, value string, seen byteClass) {
	if len(p.memories) < maxRemembered {
		p.memories = append(p.memories, memory{key, value, c, seen})
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

// classify says what key means. The class of the last key is kept, for lists and for the key itself.
func (p *Pass) classify(key string) *keyClass {
	if p.lastClass != nil && p.lastKey == key {
		return p.lastClass
	}
	c, ok := common[key]
	if !ok {
		p.classes = append(p.classes, computeClass(key))
		c = &p.classes[len(p.classes)-1]
	}
	p.lastKey, p.lastClass = key, c
	return c
}

// plainKey reports whether a key is one that Keytrail or a semantic convention named.
func plainKey(key string) bool {
	if _, ok := common[key]; ok {
		return true
	}
	return len(key) < shortestValue && strings.Trim(key, "abcdefghijklmnopqrstuvwxyz._") == ""
}
