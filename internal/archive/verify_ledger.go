package archive

import (
	"strings"
	"time"
)

// ledger is everything that valid digests list.
type ledger struct {
	documents map[string]DigestObject
	order     []string // keys of documents, as they were first listed
	blocks    map[string]DigestBlock
	makers    map[string][]string        // commits that name a block
	replaced  map[string]bool            // blocks that a replace-commit took back
	chains    map[unit]map[uint64]string // replace-commits by generation
	lifted    map[string]string          // by hold: the hash of the document that its lifting took away
}

func newLedger() *ledger {
	return &ledger{
		documents: make(map[string]DigestObject), blocks: make(map[string]DigestBlock), makers: make(map[string][]string),
		replaced: make(map[string]bool), chains: make(map[unit]map[uint64]string),
		lifted: make(map[string]string),
	}
}

func (l *ledger) enter(d *digestBody) {
	for _, o := range d.Objects {
		if _, twice := l.documents[o.Key]; !twice {
			l.order = append(l.order, o.Key)
		}
		l.documents[o.Key] = o
		for _, b := range o.Blocks {
			l.blocks[b.Key] = b
			l.makers[b.Key] = append(l.makers[b.Key], o.Key)
		}
		for _, k := range o.Replaces {
			l.replaced[k] = true
		}
		if u, n, ok := parseReplaceKey(o.Key); ok {
			if l.chains[u] == nil {
				l.chains[u] = make(map[uint64]string)
			}
			l.chains[u][n] = o.Key
		}
	}
}

// ended reports whether the class of a block keeps it no more.
func (l *ledger) ended(block string, now time.Time) bool {
	b, ok := l.blocks[block]
	return ok && !b.Until.After(now)
}

// explained reports whether the digests tell why a document is gone. Commits go when their blocks have, and a hold when
// the lifting of this very document stands in its place.
func (l *ledger) explained(key string, now time.Time) bool {
	if strings.HasPrefix(key, holdPrefix) {
		return l.lifted[key] != "" && l.lifted[key] == l.documents[key].SHA256
	}
	if !strings.HasPrefix(key, commitPrefix) {
		return false
	}
	if u, n, ok := parseReplaceKey(key); ok && l.later(u, n) != "" {
		return true
	}
	for _, b := range l.documents[key].Blocks {
		if !l.gone(b.Key, now) {
			return false
		}
	}
	return true
}

// gone reports whether a block has a reason to be: its class has ended, a commit took it back, or a later generation of
// its class and day does without it.
func (l *ledger) gone(block string, now time.Time) bool {
	if l.ended(block, now) || l.replaced[block] {
		return true
	}
	for _, maker := range l.makers[block] {
		u, n, ok := parseReplaceKey(maker)
		if !ok {
			return false
		}
		last := l.later(u, n)
		if last == "" || l.names(last, block) {
			return false
		}
	}
	return true
}

// later returns the highest generation after n of a class and day, empty for none.
func (l *ledger) later(u unit, n uint64) (key string) {
	for m, k := range l.chains[u] {
		if m > n {
			n, key = m, k
		}
	}
	return key
}

func (l *ledger) names(commit, block string) bool {
	for _, b := range l.documents[commit].Blocks {
		if b.Key == block {
			return true
		}
	}
	return false
}
