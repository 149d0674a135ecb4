package secret

import (
	"strings"

	"github.com/keytrail/keytrail/internal/secret/search"
)

// A pass reads each string twice, to find credentials and to remove them. What the first reading learned is kept as a
// note. The notes of a record stand in the order of its attributes; whoever calls Look and Scrub himself scrubs in the
// order in which he looked, and where he does not, the string is read again.

// note is what looking at one string taught.
type note struct {
	class *keyClass
	seen  byteClass // of the bytes outside tokens
	read  bool      // seen and plain are set
	plain bool      // no shape matched
	clean bool      // the rule sets found nothing, on any layer of escaping

	sealed bool // the string has been through the floor: the rule sets alone look at it
}

// scan reads value.
func (n *note) scan(f *finder, value string) {
	first := len(f.hits)
	n.seen, f.hits = scan(value, f.hits)
	n.read, n.plain = true, len(f.hits) == first
	f.hits = f.hits[:first]
}

// maxRemembered bounds what one pass remembers of the strings it was given one by one: those of a request with every
// header it may have.
const maxRemembered = 256

type memory struct {
	key, value string
	note       note
}

func (p *Pass) remember(key, value string, n note) {
	if n.plain && len(p.memories) < maxRemembered {
		p.memories = append(p.memories, memory{key, value, n})
	}
}

// recall returns what Look learned of the same string.
func (p *Pass) recall(key, value string) (note, bool) {
	for i := p.recalled; i < min(p.recalled+maxLeftOut, len(p.memories)); i++ {
		m := &p.memories[i]
		if m.value != value {
			continue
		}
		p.recalled = i + 1
		return m.note, m.key == key // not equal: the key was scrubbed meanwhile
	}
	return note{}, false
}

// maxLeftOut is how many strings the second reading may leave out in a row.
const maxLeftOut = 4

// keyOrder is the classes of the last record's keys, because a gateway writes its fields in one order.
type keyOrder []*keyClass

// maxOrdered is how many keys are kept, somewhat more than a gateway's event has.
const maxOrdered = 96

// at returns the class that stood in this place of the last record, if the key is the same.
func (o keyOrder) at(i int, key string) *keyClass {
	if i < len(o) {
		if c := o[i]; c != nil && c.key == key {
			return c
		}
	}
	return nil
}

// keep remembers classes that outlive the pass, which are those with a key: nothing that a caller made up.
func (o *keyOrder) keep(i int, c *keyClass) {
	if c.key == "" || i >= maxOrdered {
		return
	}
	for len(*o) <= i {
		*o = append(*o, nil)
	}
	(*o)[i] = c
}

// learn finds out what a key means that did not stand in place i of the last record.
func (p *Pass) learn(o *keyOrder, i int, key string) *keyClass {
	c := p.lookupClass(key)
	o.keep(i, c)
	return c
}

// classify says what key means, where keys come one by one. The class of the last key is kept, for lists and for the
// key itself.
func (p *Pass) classify(key string) *keyClass {
	if p.lastClass != nil && p.lastKey == key {
		return p.lastClass
	}
	c := p.single.at(p.turn, key)
	if c == nil {
		c = p.learn(&p.single, p.turn, key)
	}
	p.turn++
	p.lastKey, p.lastClass = key, c
	return c
}

func (p *Pass) lookupClass(key string) *keyClass {
	if c := p.made(key); c != nil {
		return c
	}
	if p.sealer != nil {
		if c := p.sealer.met.get(key); c != nil {
			return c
		}
	}
	p.classes = append(p.classes, p.computeClass(key))
	return &p.classes[len(p.classes)-1]
}

// computeClass is computeClass with what the key means to the rule sets.
func (p *Pass) computeClass(key string) keyClass {
	c := computeClass(key)
	if p.searcher != nil && !c.typed && !c.ours && search.ReadsKey(p.searcher, key) {
		c.context = key
	}
	return c
}

// made returns a class that was made beforehand. Rules go first: one may name a header that seldom bears anything.
func (p *Pass) made(key string) *keyClass {
	if c, ok := p.rules.keyed(key); ok {
		return c
	}
	return common[key]
}

// plainKey reports whether a key is one that Keytrail or a semantic convention named, or was found to hold nothing. The
// class of such a key is at hand for its value then.
func (p *Pass) plainKey(key string, enough cleanness) bool {
	if p.recalled < len(p.memories) {
		if m := &p.memories[p.recalled]; m.key == key && m.note.class.key != "" {
			return p.holdsNone(m.note.class, enough)
		}
	}
	if c := p.knownClass(key); c != nil {
		return p.holdsNone(c, enough)
	}
	return shortWord(key)
}

// knownClass returns the class of a key of which one outlives the pass.
func (p *Pass) knownClass(key string) *keyClass {
	c := p.single.at(p.turn, key)
	if c == nil {
		if c = p.made(key); c == nil && p.sealer != nil {
			c = p.sealer.met.get(key)
		}
		if c == nil {
			return nil
		}
		p.single.keep(p.turn, c)
	}
	p.turn++
	p.lastKey, p.lastClass = key, c
	return c
}

// shortWord reports whether a key is too short to hold a credential, and of ordinary letters.
func shortWord(key string) bool {
	return len(key) < shortestValue && strings.Trim(key, "abcdefghijklmnopqrstuvwxyz._") == ""
}
