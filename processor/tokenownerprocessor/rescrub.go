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
// floor alone, so that no string meets rules twice. Here they alone are run on what it sealed. The record keeps its
// fingerprints; a token that only a rule knows joins them.

func (c *call) rescrubLog(lr plog.LogRecord, sc pcommon.InstrumentationScope) {
	if !c.rescrub(func(v *visitor) { v.log(lr) }, func(p *secret.Pass) { c.join(p, lr.Attributes(), sc) }) {
		c.cutLog(lr, cutRedaction)
		lr.Attributes().PutStr(event.KeyRedaction, event.RedactionFailed)
	}
}

func (c *call) rescrubSpan(sp ptrace.Span, sc pcommon.InstrumentationScope) {
	if !c.rescrub(func(v *visitor) { v.span(sp) }, func(p *secret.Pass) { c.join(p, sp.Attributes(), sc) }) {
		c.cutSpan(sp, cutRedaction)
		sp.Attributes().PutStr(event.KeyRedaction, event.RedactionFailed)
	}
}

// rescrubOrigin does the same for the resource and the scope of sealed records.
func (c *call) rescrubOrigin(res pcommon.Resource, sc pcommon.InstrumentationScope) {
	done := c.rescrub(func(v *visitor) {
		v.attributes(res.Attributes())
		v.scope(sc)
	}, func(*secret.Pass) {}) // of no request: nobody's trail
	if !done {
		keepSkeleton(res.Attributes(), false)
		keepSkeleton(sc.Attributes(), false)
		sc.SetName("")
	}
}

// rescrub runs the rule sets on what walk visits, gives what they found to join, and reports whether they got to the
// end.
func (c *call) rescrub(walk func(*visitor), join func(*secret.Pass)) bool {
	if c.rules == nil {
		return true
	}
	p := c.sealer.Begin(c.cfg.issuer())
	v := visitor{text: again(p), key: stamped, numbers: true, tally: &c.tally, left: maxValues}
	if !c.guard(func() { walk(&v) }) {
		return false // and the pass is not given back
	}
	c.found(p)
	done := !v.overrun() && !p.Failed()
	if done {
		join(p)
	}
	p.End()
	return done
}

// join adds the fingerprints of the tokens found to those of a sealed record. A scope names one key epoch: where it is
// another than ours, fingerprints of ours would say that they are of that one, and the tokens are only removed.
func (c *call) join(p *secret.Pass, a pcommon.Map, sc pcommon.InstrumentationScope) {
	found := p.Others()
	if len(found) == 0 || !c.sameEpoch(sc) {
		return
	}
	if _, ok := a.Get(event.KeyFingerprint); !ok {
		putStamps(p, a, false)
		c.printed += int64(len(found))
		return
	}
	list := pcommon.NewSlice()
	if v, ok := a.Get(event.KeyOthers); ok && v.Type() == pcommon.ValueTypeSlice {
		v.Slice().CopyTo(list)
	}
	known := strOf(a, event.KeyFingerprint)
	for _, v := range list.All() {
		known += "\n" + v.Str()
	}
	for _, entry := range found {
		fp, _, _ := strings.Cut(entry, " ")
		if list.Len() < maxOthers && !strings.Contains(known, fp) {
			list.AppendEmpty().SetStr(entry)
			c.printed++
		}
	}
	if list.Len() > 0 {
		list.MoveAndAppendTo(a.PutEmptySlice(event.KeyOthers))
	}
}

// maxOthers is how many credentials of a request beside the primary one get a fingerprint.
const maxOthers = 7

func (c *call) sameEpoch(sc pcommon.InstrumentationScope) bool {
	ours, a := c.ring.Scope(), sc.Attributes()
	epoch, ok := intOf(a, event.KeyRingEpoch)
	return ok && epoch == int64(ours.Epoch) && strOf(a, event.KeyRingID) == ours.Ring && strOf(a, event.KeyRingCheck) == ours.Check
}

// again is how a visitor hands strings to the rule sets.
func again(p *secret.Pass) func(key, s string) (string, bool) {
	return func(key, s string) (string, bool) {
		if key == "" {
			return p.ScrubRulesKey(s)
		}
		return p.ScrubRules(key, s)
	}
}

// stamped leaves alone what Keytrail itself wrote of a token: ids and hashes, which a rule might take for secrets.
func stamped(key string, _ bool) privacy.Verdict {
	if strings.HasPrefix(key, event.PrefixToken) || secret.Typed(key) {
		return privacy.Leave
	}
	return privacy.Look
}
