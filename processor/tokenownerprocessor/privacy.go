package tokenownerprocessor

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/privacy"
)

// Privacy comes last, behind event ids, fingerprints, routes and owners: all of these are made of what a record said
// when it came, so that changing a setting of privacy changes none of them.

// protectLogs treats what tells of persons in a batch.
func (c *call) protectLogs(ld plog.Logs) {
	if c.policy == nil {
		return
	}
	for _, rl := range ld.ResourceLogs().All() {
		rules := c.policy.For(environment(rl.Resource().Attributes()))
		if rules == nil {
			continue
		}
		for _, sl := range rl.ScopeLogs().All() {
			for _, lr := range sl.LogRecords().All() {
				done := c.protect(rules, lr.Attributes(), func(v *visitor) { v.log(lr) })
				if !done {
					c.cutLog(lr, cutPrivacy)
					lr.Attributes().PutStr(event.KeyRedaction, event.RedactionFailed)
				}
			}
			c.protectScope(rules, sl.Scope())
		}
		c.protectResource(rules, rl.Resource())
	}
}

// protectTraces is protectLogs for spans.
func (c *call) protectTraces(td ptrace.Traces) {
	if c.policy == nil {
		return
	}
	for _, rs := range td.ResourceSpans().All() {
		rules := c.policy.For(environment(rs.Resource().Attributes()))
		if rules == nil {
			continue
		}
		for _, ss := range rs.ScopeSpans().All() {
			for _, sp := range ss.Spans().All() {
				done := c.protect(rules, sp.Attributes(), func(v *visitor) { v.span(sp) })
				if !done {
					c.cutSpan(sp, cutPrivacy)
					sp.Attributes().PutStr(event.KeyRedaction, event.RedactionFailed)
				}
			}
			c.protectScope(rules, ss.Scope())
		}
		c.protectResource(rules, rs.Resource())
	}
}

// environment is the one that a resource names, by the name of today's conventions or of those before.
func environment(resource pcommon.Map) string {
	if env := strOf(resource, event.KeyDeploymentEnv); env != "" {
		return env
	}
	return strOf(resource, "deployment.environment")
}

// protect treats one record, whose strings walk visits. It reports whether that was done to the end.
func (c *call) protect(rules *privacy.Rules, attrs pcommon.Map, walk func(*visitor)) bool {
	p := rules.Begin(c.names)
	v := visitor{text: p.Text, key: p.Key, tally: &c.tally, left: maxValues}
	done := c.guard(func() {
		note(&p, attrs)
		walk(&v)
	})
	for i, n := range p.Count() {
		c.personal[i] += n
	}
	return done && !v.overrun()
}

func (c *call) protectScope(rules *privacy.Rules, sc pcommon.InstrumentationScope) {
	if !c.protect(rules, sc.Attributes(), func(v *visitor) { v.scope(sc) }) {
		keepSkeleton(sc.Attributes(), true)
		sc.SetName("")
	}
}

func (c *call) protectResource(rules *privacy.Rules, res pcommon.Resource) {
	if !c.protect(rules, res.Attributes(), func(v *visitor) { v.attributes(res.Attributes()) }) {
		keepSkeleton(res.Attributes(), true)
	}
}

// note shows the pass the attributes that may say who the client is.
func note(p *privacy.Pass, attrs pcommon.Map) {
	for k, v := range attrs.All() {
		switch v.Type() {
		case pcommon.ValueTypeStr:
			p.Note(k, v.Str())
		case pcommon.ValueTypeSlice:
			for _, e := range v.Slice().All() {
				if e.Type() == pcommon.ValueTypeStr {
					p.Note(k, e.Str())
				}
			}
		}
	}
}
