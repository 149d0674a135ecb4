package secret

import (
	"encoding/json"

	"github.com/keytrail/keytrail/internal/event"
)

// lookRecord finds the credentials of r.
func (p *Pass) lookRecord(r *event.Record) {
	dropForged(r)
	for i := range r.Attrs {
		p.lookAttr(&r.Attrs[i])
	}
	p.LookUnkept(r.Unkept)
	clear(r.Unkept)
	r.Unkept = r.Unkept[:0]
	p.Auth(r.Auth)
	r.Auth = event.Auth{}
}

// sealRecord removes them and puts their fingerprints.
func (p *Pass) sealRecord(r *event.Record) Outcome {
	r.Scope = p.ring.Scope()
	var out Outcome
	bad := p.scrubAttrs(r.Attrs, &out)
	badRes := p.scrubAttrs(r.Resource, &out)
	r.Name, _ = p.Scrub("", r.Name)
	p.Stamp(func(key string, v event.Value) {
		if key == event.KeyUserName {
			if _, named := r.Attrs.Get(key); named {
				return // the gateway's own word stands
			}
		}
		r.Attrs.Add(key, v)
	})
	if p.Failed() {
		r.Attrs = cutToSkeleton(r.Attrs, bad)
		r.Resource = cutToSkeleton(r.Resource, badRes)
		r.Attrs.Set(event.KeyRedaction, event.String(event.RedactionFailed))
	} else {
		r.Attrs.Set(event.KeyRedaction, event.String(event.RedactionDone))
	}
	if p.Sanitized() {
		r.Attrs.Set(event.KeySanitized, event.Bool(true))
	}
	out.Failed, out.Dropped, out.Oldest, out.Visibility = p.Failed(), p.Dropped(), p.Oldest(), p.Visibility()
	return out
}

// dropForged removes the attributes that only Stamp may write, so that no field of a log can pose as one.
func dropForged(r *event.Record) {
	for i := range r.Attrs {
		if stampOnly(r.Attrs[i].Key) {
			r.Attrs.Delete(func(key string, _ event.Value) bool { return stampOnly(key) })
			return
		}
	}
}

func (p *Pass) lookAttr(a *event.Attr) {
	switch a.Value.Kind() {
	case event.KindString, event.KindJSON:
		p.Look(a.Key, a.Value.Str())
	case event.KindStrings:
		for _, s := range a.Value.Strings() {
			p.Look(a.Key, s)
		}
	}
}

// scrubAttrs scrubs keys and values in place and returns the indexes of those that failed.
func (p *Pass) scrubAttrs(attrs event.Attrs, out *Outcome) (bad map[int]bool) {
	for i := range attrs {
		before := p.failures
		if p.scrubAttr(&attrs[i]) {
			out.Redacted++
		}
		if p.failures != before {
			if bad == nil {
				bad = make(map[int]bool)
			}
			bad[i] = true
		}
	}
	return bad
}

// scrubAttr scrubs the key first: what it becomes decides what its value means, to us and to the next who scrubs it.
func (p *Pass) scrubAttr(a *event.Attr) (changed bool) {
	key, renamed := p.ScrubKey(a.Key)
	a.Key = key
	switch a.Value.Kind() {
	case event.KindString:
		var s string
		if s, changed = p.Scrub(key, a.Value.Str()); changed {
			a.Value = event.String(s)
		}
	case event.KindJSON:
		var s string
		if s, changed = p.Scrub(key, a.Value.Str()); changed {
			a.Value = jsonOrText(s)
		}
	case event.KindStrings:
		a.Value, changed = p.scrubList(key, a.Value)
	}
	return changed || renamed
}

func (p *Pass) scrubList(key string, v event.Value) (event.Value, bool) {
	list := v.Strings()
	var clean []string // made only once something changes
	for i, s := range list {
		t, changed := p.Scrub(key, s)
		if !changed {
			continue
		}
		if clean == nil {
			clean = append([]string(nil), list...)
		}
		clean[i] = t
	}
	if clean == nil {
		return v, false
	}
	return event.Strings(clean), true
}

// jsonOrText keeps the JSON kind only for what still is JSON.
func jsonOrText(s string) event.Value {
	if json.Valid([]byte(s)) {
		return event.JSON(s)
	}
	return event.String(s)
}

func cutToSkeleton(attrs event.Attrs, bad map[int]bool) event.Attrs {
	kept := attrs[:0]
	for i, a := range attrs {
		if bad[i] || !Skeleton(a.Key) {
			continue
		}
		if a.Key == event.KeyClientAddress {
			cut := event.Network(a.Value.Str())
			if cut == "" {
				continue
			}
			a.Value = event.String(cut)
		}
		kept = append(kept, a)
	}
	clear(attrs[len(kept):])
	return kept
}
