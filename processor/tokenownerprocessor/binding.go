package tokenownerprocessor

import (
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/fingerprint"
)

// maxBindings bounds one of the two generations of bound tokens. Both together take some 10 MB.
const maxBindings = 1 << 16

// bindings remembers which token was proven to be whose, so that a request that is refused later still counts for him:
// a gateway says whose a token is only while it accepts it. It is bounded: what was not seen among the last tokens is
// forgotten, and bound again by its next accepted request.
type bindings struct {
	size atomic.Int64 // without a lock, for pipelines in which nothing is ever proven

	mu  sync.RWMutex
	gen [2]map[fingerprint.ID]binding
}

// binding is a principal and what proved it.
type binding struct {
	principal fingerprint.ID
	verified  bool
}

func (b *bindings) get(token fingerprint.ID) (binding, bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	for _, g := range b.gen {
		if found, ok := g[token]; ok {
			return found, true
		}
	}
	return binding{}, false
}

// put binds a token and returns how many were forgotten for it.
func (b *bindings) put(token fingerprint.ID, to binding) (forgotten int) {
	b.mu.RLock()
	known, ok := b.gen[0][token]
	b.mu.RUnlock()
	if ok && known == to {
		return 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.gen[0] == nil || len(b.gen[0]) >= maxBindings {
		forgotten = len(b.gen[1])
		b.gen[0], b.gen[1] = make(map[fingerprint.ID]binding), b.gen[0]
	}
	b.gen[0][token] = to
	b.size.Store(int64(len(b.gen[0]) + len(b.gen[1])))
	return forgotten
}

// bindPrincipal learns from an event whose principal is proven, and gives one whose principal is not what was proven before.
// Only a lone token binds: beside another credential nobody knows which of the two the gateway meant, and a caller who
// puts a stolen token next to his own would make it his.
func (c *call) bindPrincipal(a pcommon.Map) {
	basis := strOf(a, event.KeyPrincipalBasis)
	switch {
	case basis == event.BasisCredential && c.owned.size.Load() == 0, basis == "":
		return
	case strOf(a, event.KeyFingerprint) == "":
		return
	}
	token, err := fingerprint.ParseID(strOf(a, event.KeyFingerprint))
	if err != nil || token.Kind != fingerprint.Credential {
		return
	}
	if basis == event.BasisCredential {
		c.applyBinding(a, token)
		return
	}
	if _, others := a.Get(event.KeyOthers); others {
		return
	}
	principal, err := fingerprint.ParseID(strOf(a, event.KeyPrincipal))
	if err == nil && principal.Kind == fingerprint.Principal {
		c.forgotten += int64(c.owned.put(token, binding{principal, basis == event.BasisVerified}))
	}
}

func (c *call) applyBinding(a pcommon.Map, token fingerprint.ID) {
	found, ok := c.owned.get(token)
	if !ok {
		return
	}
	basis := event.BasisGateway
	if found.verified {
		basis = event.BasisVerified
	}
	c.bound++
	a.PutStr(event.KeyPrincipal, found.principal.String())
	a.Remove(event.KeyPrincipalPrev) // that of the fingerprint itself, which it no longer is
	a.PutStr(event.KeyPrincipalBasis, basis)
}
