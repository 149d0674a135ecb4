package jwks

import (
	"crypto/rand"
	"crypto/sha256"
	"sync"

	lru "github.com/hashicorp/golang-lru/v2"
)

const (
	// verifiedEntries is the number of live tokens of a large installation; an entry takes some 250 bytes, and only who
	// can make the issuer sign can fill the cache.
	verifiedEntries = 100_000
	// refusedEntries bounds what anybody can fill. It is a cache of its own, so that a flood of forged tokens does not
	// drive out the verified ones.
	refusedEntries = 10_000
)

// tokenID stands for a whole token in the cache. It is salted per process: the plain hash of a token is nothing to keep,
// not even in memory.
type tokenID [sha256.Size]byte

// refusal remembers that a token was not verified under one version of a key set.
type refusal struct {
	result     Result
	issuer     *issuer
	generation uint64
}

type cache struct {
	salt     [sha256.Size]byte
	buffers  sync.Pool
	verified *lru.Cache[tokenID, *publicKey]
	refused  *lru.Cache[tokenID, refusal]
}

func newCache() *cache {
	c := &cache{}
	_, _ = rand.Read(c.salt[:]) // never fails
	c.buffers.New = func() any { b := make([]byte, 0, 2<<10); return &b }
	c.verified, _ = lru.New[tokenID, *publicKey](verifiedEntries) // fails for sizes below 1 only
	c.refused, _ = lru.New[tokenID, refusal](refusedEntries)
	return c
}

func (c *cache) id(text string) tokenID {
	p := c.buffers.Get().(*[]byte)
	b := append(append((*p)[:0], c.salt[:]...), text...)
	id := tokenID(sha256.Sum256(b))
	clear(b)
	*p = b
	c.buffers.Put(p)
	return id
}

// get returns what is still true of a token seen before.
func (c *cache) get(id tokenID) (Result, *issuer, bool) {
	if k, ok := c.verified.Get(id); ok && !k.dead.Load() {
		return Verified, nil, true
	}
	if r, ok := c.refused.Get(id); ok && r.generation == r.issuer.generation() {
		return r.result, r.issuer, true
	}
	return 0, nil, false
}
