package secret

import (
	"hash/maphash"
	"strings"
	"sync/atomic"
)

// Most keys that no convention names stand in every record all the same: a header of the house, a field of the gateway's
// own. What such a key means, and that it holds no secret itself, is found out once.

const (
	// keySlots is how many keys are kept, several times what the gateways of one collector write. A caller who makes up
	// keys drives others out, and what they mean is computed again.
	keySlots = 1 << 10
	// longestKept bounds the memory: with keySlots it is 200 KiB at most, beside the classes themselves.
	longestKept = 200
)

// cleanness says which finders found nothing in a key.
type cleanness uint8

const (
	unknown      cleanness = iota
	cleanOfRules           // the rule sets
	cleanOfAll             // the floor as well
)

// keyCache holds the classes of keys that went out as they came in: nothing that was removed from a record is in it. It
// is for one sealer, because what a key means depends on the rules.
type keyCache struct {
	seed  maphash.Seed
	slots [keySlots]atomic.Pointer[keyClass]
}

func newKeyCache() *keyCache { return &keyCache{seed: maphash.MakeSeed()} }

func (k *keyCache) slot(key string) *atomic.Pointer[keyClass] {
	return &k.slots[maphash.String(k.seed, key)%keySlots]
}

func (k *keyCache) get(key string) *keyClass {
	if len(key) > longestKept {
		return nil
	}
	if c := k.slot(key).Load(); c != nil && c.key == key {
		return c
	}
	return nil
}

// keepKey remembers a key that was scrubbed and did not change. Only what needs no finder for the sake of its bytes is
// kept, so that the request's exact values are all that has to be looked for in it.
func (p *Pass) keepKey(key string, clean cleanness) {
	if p.sealer == nil || len(key) > longestKept || p.made(key) != nil {
		return
	}
	if c := p.sealer.met.get(key); c != nil && c.clean >= clean {
		return
	}
	n := note{class: &keyText}
	if n.scan(&p.finder, key); !n.plain || n.seen&keyText.wakes != 0 {
		return
	}
	key = strings.Clone(key) // else it would keep all of the body that it was read from
	c := p.computeClass(key)
	c.key, c.clean, c.seen = key, clean, n.seen
	p.sealer.met.slot(key).Store(&c)
}

// holdsNone reports whether the key of c can go out as it is.
func (p *Pass) holdsNone(c *keyClass, enough cleanness) bool {
	switch {
	case c.common:
		return true
	case c.clean < enough:
		return false
	case len(p.values) == 0:
		return true
	}
	return p.quiet(&note{class: &keyText, seen: c.seen, read: true, plain: true, clean: true}, "", c.key)
}
