package tokenownerprocessor

import (
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/event/plogevent"
	"github.com/keytrail/keytrail/internal/secret"
)

// stampRoom is how many attributes sealing adds to a usual event.
const stampRoom = 16

// putStamps writes the token attributes of a pass; of a record that failed only those its skeleton may hold.
func putStamps(p *secret.Pass, a pcommon.Map, failed bool) {
	a.EnsureCapacity(a.Len() + stampRoom) // once: what growth would copy again are the caller's attributes
	p.Stamp(func(key string, v event.Value) {
		if failed && !secret.Skeleton(key) {
			return
		}
		if key == event.KeyUserName {
			if _, named := a.Get(key); named {
				return // what the gateway itself says of the user stands
			}
		}
		plogevent.SetValue(a.PutEmpty(key), v)
	})
}

// mark says that the record has passed, and how.
func (c *call) mark(a pcommon.Map, p *secret.Pass, failed bool) {
	c.dropped += int64(p.Dropped())
	c.printed += int64(len(p.Digests()))
	c.found(p)
	if p.Sanitized() {
		a.PutBool(event.KeySanitized, true)
	}
	if failed {
		a.PutStr(event.KeyRedaction, event.RedactionFailed)
		c.outcomes[outcomeFailed]++
		return
	}
	a.PutStr(event.KeyRedaction, event.RedactionDone)
	c.outcomes[outcomeSealed]++
}

// route derives the template of an event whose gateway names no route. It comes after the event id: what has been
// learned by the time of a re-send must not change it.
func (c *call) route(a pcommon.Map, resources ...pcommon.Map) {
	path := strOf(a, event.KeyPath)
	if path == "" || strOf(a, event.KeyRoute) != "" || strOf(a, event.KeyTemplate) != "" {
		return
	}
	service := ""
	for _, r := range resources {
		if s := strOf(r, event.KeyServiceName); s != "" {
			service = s
		}
	}
	status, _ := intOf(a, event.KeyStatus)
	if t := c.routes.Template(service, strOf(a, event.KeyMethod), path, status); t != "" {
		a.PutStr(event.KeyTemplate, t)
	}
}

func cause(w *walker) cutReason {
	if w.overrun() {
		return cutTooLarge
	}
	return cutRedaction
}

func strOf(a pcommon.Map, key string) string {
	if v, ok := a.Get(key); ok && v.Type() == pcommon.ValueTypeStr {
		return v.Str()
	}
	return ""
}
