package detect

import (
	"sync"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/fingerprint"
)

// maxJoins bounds one of two generations of joined tokens; a forgotten one joins again at its next success.
const maxJoins = 1 << 16

// joins remembers which short-lived tokens belong to the principal they claim. A claim alone is worth nothing; the
// API's yes, where it says no to others, is what joins.
type joins struct {
	mu  sync.Mutex
	gen [2]map[fingerprint.ID]fingerprint.ID
}

func (j *joins) get(token fingerprint.ID) (fingerprint.ID, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, m := range j.gen {
		if p, ok := m[token]; ok {
			return p, true
		}
	}
	return fingerprint.ID{}, false
}

func (j *joins) put(token, principal fingerprint.ID) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.gen[0] == nil || len(j.gen[0]) >= maxJoins {
		j.gen[0], j.gen[1] = map[fingerprint.ID]fingerprint.ID{}, j.gen[0]
	}
	j.gen[0][token] = principal
}

// join puts the principal a token claims in the place of the token, once the API has accepted it.
func (e *Engine) join(q *request) {
	if p, ok := e.joins.get(q.key); ok {
		q.key = p
		return
	}
	claimed, err := fingerprint.ParseID(q.claimed)
	if err != nil || claimed.Kind != fingerprint.Principal || !q.accepted() || q.capture == event.CaptureMirror || q.capture == event.CaptureAuth {
		return
	}
	if e.routes.guarded(q.area(e.hash), q.caller(), q.minute) {
		e.joins.put(q.key, claimed)
		q.key = claimed
	}
}
