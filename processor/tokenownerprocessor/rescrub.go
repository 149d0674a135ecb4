package tokenownerprocessor

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/privacy"
	"github.com/keytrail/keytrail/internal/secret"
)

// What came sealed has been through the floor, but not through the rule sets of this processor: the receiver runs the
// floor alone, so that nothing is searched by rules twice. Here they are run on what it sealed, without looking for
// credentials: the fingerprints are made, and the record keeps them.

func (c *call) rescrubLog(lr plog.LogRecord) {
	if !c.rescrub(func(v *visitor) { v.log(lr) }) {
		c.cutLog(lr, cutRedaction)
		lr.Attributes().PutStr(event.KeyRedaction, event.RedactionFailed)
	}
}

func (c *call) rescrubSpan(sp ptrace.Span) {
	if !c.rescrub(func(v *visitor) { v.span(sp) }) {
		c.cutSpan(sp, cutRedaction)
		sp.Attributes().PutStr(event.KeyRedaction, event.RedactionFailed)
	}
}

// rescrubOrigin does the same for the resource and the scope of sealed records.
func (c *call) rescrubOrigin(res pcommon.Resource, sc pcommon.InstrumentationScope) {
	done := c.rescrub(func(v *visitor) {
		v.attributes(res.Attributes())
		v.scope(sc)
	})
	if !done {
		keepSkeleton(res.Attributes(), false)
		keepSkeleton(sc.Attributes(), false)
		sc.SetName("")
	}
}

// rescrub runs the rule sets on what walk visits, and reports whether they got to the end.
func (c *call) rescrub(walk func(*visitor)) bool {
	if c.rules == nil {
		return true
	}
	p := c.sealer.Begin(c.cfg.issuer())
	v := visitor{text: again(p), key: stamped, tally: &c.tally, left: maxValues}
	if !c.guard(func() { walk(&v) }) {
		return false // and the pass is not given back
	}
	c.found(p)
	done := !v.overrun() && !p.Failed()
	p.End()
	return done
}

func again(p *secret.Pass) func(key, s string) (string, bool) {
	return func(key, s string) (string, bool) {
		if key == "" {
			return p.ScrubKey(s)
		}
		return p.Scrub(key, s)
	}
}

// stamped leaves alone what Keytrail itself wrote of a token: ids and hashes, which a rule might take for secrets.
func stamped(key string, _ bool) privacy.Verdict {
	if strings.HasPrefix(key, event.PrefixToken) || secret.Typed(key) {
		return privacy.Leave
	}
	return privacy.Look
}
