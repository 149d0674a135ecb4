package tokenownerprocessor

import (
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/keytrail/keytrail/internal/event"
)

// strip removes what only Keytrail may say. A producer that sends it is not believed.
func (c *call) strip(m pcommon.Map) {
	m.RemoveIf(func(k string, _ pcommon.Value) bool {
		if event.Reserved(k) {
			c.stripped++
			return true
		}
		return false
	})
}

// stripName takes our event names from a foreign record: one that calls itself an alert is not one.
func (c *call) stripName(name string, set func(string)) {
	if event.OwnName(name) {
		set("")
		c.stripped++
	}
}

// sealed reports whether the record was sealed by Keytrail before it came here. Only the context of the call can
// make the mark believable; what lacks it in a trusted call is sealed here like anything else.
func (c *call) sealed(attrs pcommon.Map) bool {
	if !c.trusted {
		return false
	}
	v, ok := attrs.Get(event.KeyRedaction)
	return ok && (v.Str() == event.RedactionDone || v.Str() == event.RedactionFailed)
}

// guard runs work and reports whether it ended; a panic in it is a bug of ours that must not let a record through
// half done, nor take the others of the batch with it.
func (c *call) guard(work func()) (done bool) {
	defer func() {
		if recover() != nil { // its text may hold what was being worked on, so nobody prints it
			done = false
		}
	}()
	work()
	return true
}
