package tokenownerprocessor

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/xpdata/entity"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/fingerprint"
)

type schema interface {
	SchemaUrl() string
	SetSchemaUrl(string)
}

type resourced interface {
	schema
	Resource() pcommon.Resource
}

type scoped interface {
	schema
	Scope() pcommon.InstrumentationScope
}

// origin is the resource and scope that records share. They are scrubbed once by themselves, and once more for each
// token of their records, because an exact value found in a record is removed from everything that is sent with it.
type origin struct {
	resource resourced
	scope    scoped
	seen     map[fingerprint.Digest]struct{} // tokens it was scrubbed for
}

// maxSeen bounds the memory of one origin; beyond it a token may be scrubbed for again, which changes nothing.
const maxSeen = 4096

// openOrigin prepares resource and scope for the records that will be sealed under them.
func (c *call) openOrigin(r resourced, s scoped) *origin {
	o := &origin{resource: r, scope: s, seen: make(map[fingerprint.Digest]struct{})}
	c.strip(r.Resource().Attributes())
	c.strip(s.Scope().Attributes())
	if !c.guard(func() { o.seal(c) }) {
		o.clear()
	}
	return o
}

// seal scrubs the origin for the credentials that it holds itself.
func (o *origin) seal(c *call) {
	p := c.sealer.Begin(c.cfg.issuer())
	w := newWalker(p, &c.tally)
	w.lookMap("", o.resource.Resource().Attributes(), 0)
	w.lookMap("", o.scope.Scope().Attributes(), 0)
	p.Look("scope.name", o.scope.Scope().Name())
	if !w.overrun() {
		o.scrub(&w)
	}
	if w.overrun() || p.Failed() {
		o.clear()
	}
	c.found(p)
	p.End()
}

// scrubFor scrubs the origin for the tokens of a record that it has not met yet.
func (o *origin) scrubFor(w *walker) {
	fresh := false
	for _, d := range w.pass.Digests() {
		if _, ok := o.seen[d]; !ok {
			fresh = true
			if len(o.seen) >= maxSeen {
				clear(o.seen)
			}
			o.seen[d] = struct{}{}
		}
	}
	if fresh {
		o.scrub(w)
	}
}

func (o *origin) scrub(w *walker) {
	res, sc := o.resource.Resource(), o.scope.Scope()
	w.scrubMap("", res.Attributes(), 0, placeResource)
	w.text("schema_url", o.resource.SchemaUrl(), placeResource, o.resource.SetSchemaUrl)
	scrubEntities(w, res)
	w.scrubMap("", sc.Attributes(), 0, placeScope)
	w.text("scope.name", sc.Name(), placeScope, sc.SetName)
	w.text("scope.version", sc.Version(), placeScope, sc.SetVersion)
	w.text("schema_url", o.scope.SchemaUrl(), placeScope, o.scope.SetSchemaUrl)
}

// scrubEntities reaches the one part of a resource that its attributes do not show.
func scrubEntities(w *walker, res pcommon.Resource) {
	for _, ref := range entity.ResourceEntityRefs(res).All() {
		w.text("entity.type", ref.Type(), placeResource, ref.SetType)
		w.text("schema_url", ref.SchemaUrl(), placeResource, ref.SetSchemaUrl)
		for _, keys := range []pcommon.StringSlice{ref.IdKeys(), ref.DescriptionKeys()} {
			for i := range keys.Len() {
				if k, changed := w.pass.ScrubKey(keys.At(i)); changed {
					keys.SetAt(i, k)
					w.tally.redacted[placeResource]++
				}
			}
		}
	}
}

// clear leaves of an origin that cannot be redacted what names the service in harmless letters.
func (o *origin) clear() {
	keepSkeleton(o.resource.Resource().Attributes(), false)
	entity.ResourceEntityRefs(o.resource.Resource()).RemoveIf(func(entity.EntityRef) bool { return true })
	sc := o.scope.Scope()
	keepSkeleton(sc.Attributes(), false)
	sc.SetName("")
	sc.SetVersion("")
	o.resource.SetSchemaUrl("")
	o.scope.SetSchemaUrl("")
}

// stamp says on the scope which key ring and epoch its records were stamped with.
func (c *call) stamp(sc pcommon.InstrumentationScope) {
	stampScope(sc, c.ring)
}

func stampScope(sc pcommon.InstrumentationScope, ring *fingerprint.Ring) {
	s := ring.Scope()
	a := sc.Attributes()
	a.PutStr(event.KeyRingID, s.Ring)
	a.PutInt(event.KeyRingEpoch, int64(s.Epoch))
	a.PutStr(event.KeyRingCheck, s.Check)
}
