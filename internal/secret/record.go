package secret

import (
	"encoding/json"
	"slices"

	"github.com/keytrail/keytrail/internal/event"
)

// lookRecord finds the credentials of r.
func (p *Pass) lookRecord(r *event.Record) {
	p.noteKeys(r)
	for i := 0; i < len(r.Attrs); {
		i = p.lookAttrs(r.Attrs, i)
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
	bad := p.scrubAttrs(r.Attrs, p.notes[:len(r.Attrs)], &out)
	badRes := p.scrubAttrs(r.Resource, p.notes[len(r.Attrs):], &out)
	r.Name, _ = p.scrubText(r.Name)
	p.Stamp(func(key string, v event.Value) {
		if key == event.KeyUserName {
			if _, named := r.Attrs.Get(key); named {
				return // the gateway's own word stands
			}
		}
		r.Attrs.Add(key, v)
	})
	// None of these stands there already: noteKeys saw to that.
	if p.Failed() {
		r.Attrs = cutToSkeleton(r.Attrs, bad)
		r.Resource = cutToSkeleton(r.Resource, badRes)
		r.Attrs.Add(event.KeyRedaction, event.String(event.RedactionFailed))
	} else {
		r.Attrs.Add(event.KeyRedaction, event.String(event.RedactionDone))
	}
	if p.Sanitized() {
		r.Attrs.Add(event.KeySanitized, event.Bool(true))
	}
	out.Failed, out.Dropped, out.Oldest, out.Visibility = p.Failed(), p.Dropped(), p.Oldest(), p.Visibility()
	return out
}

// noteKeys begins a note for each attribute.
func (p *Pass) noteKeys(r *event.Record) {
	if p.noteAll(r.Attrs, &p.orders[0]) {
		dropForged(r)
		p.notes = p.notes[:0]
		p.noteAll(r.Attrs, &p.orders[0])
	}
	p.noteAll(r.Resource, &p.orders[1])
}

// noteAll reports whether there is a key that only Stamp may write.
func (p *Pass) noteAll(attrs event.Attrs, order *keyOrder) (forged bool) {
	first := len(p.notes)
	p.notes = slices.Grow(p.notes, len(attrs))[:first+len(attrs)]
	notes := p.notes[first:]
	for i := range notes {
		c := order.at(i, attrs[i].Key)
		if c == nil {
			c = p.learn(order, i, attrs[i].Key)
		}
		forged = forged || c.stamp
		notes[i] = note{class: c}
	}
	return forged
}

// dropForged removes the attributes that only Stamp may write, so that no field of a log can pose as one.
func dropForged(r *event.Record) {
	r.Attrs.Delete(func(key string, _ event.Value) bool { return stampOnly(key) })
}

// lookAttrs looks at the attributes from index i on, and returns behind which one a rule failed, or the end.
func (p *Pass) lookAttrs(attrs event.Attrs, i int) (next int) {
	defer func() {
		if recover() != nil {
			p.failures++
			next = i + 1
		}
	}()
	for ; i < len(attrs); i++ {
		p.lookAttr(&attrs[i], &p.notes[i])
	}
	return i
}

func (p *Pass) lookAttr(a *event.Attr, n *note) {
	if n.class.silent && !n.class.folds {
		return
	}
	switch a.Value.Kind() {
	case event.KindString, event.KindJSON:
		p.lookValue(n, a.Key, a.Value.Str())
	case event.KindStrings:
		list := a.Value.Strings()
		if len(list) == 1 {
			p.lookValue(n, a.Key, list[0])
			return
		}
		for _, s := range list {
			p.lookValue(&note{class: n.class}, a.Key, s)
		}
	}
}

func (p *Pass) lookValue(n *note, key, value string) {
	if value != "" {
		p.look(n, key, value)
	}
}

// scrubAttrs scrubs keys and values in place and returns the indexes of those that failed.
func (p *Pass) scrubAttrs(attrs event.Attrs, notes []note, out *Outcome) (bad map[int]bool) {
	for i := 0; i < len(attrs); {
		var failed int
		if i, failed = p.scrubFrom(attrs, notes, i, out); failed >= 0 {
			if bad == nil {
				bad = make(map[int]bool)
			}
			bad[failed] = true
		}
	}
	return bad
}

// scrubFrom scrubs the attributes from index i on. It returns behind which one a rule failed, and that one, or the end
// and -1.
func (p *Pass) scrubFrom(attrs event.Attrs, notes []note, i int, out *Outcome) (next, failed int) {
	before := p.failures
	defer func() {
		if recover() != nil { // what is left of the attribute is dropped with the rest of the record
			p.failures++
			next, failed = i+1, i
		}
	}()
	for ; i < len(attrs); i++ {
		if p.quietAttr(&attrs[i], &notes[i]) {
			continue
		}
		if p.scrubAttr(&attrs[i], &notes[i]) {
			out.Redacted++
		}
		if p.failures != before {
			return i + 1, i
		}
	}
	return i, -1
}

// quietAttr reports that scrubbing would leave an attribute as it is, as most are.
func (p *Pass) quietAttr(a *event.Attr, n *note) bool {
	if !p.holdsNone(n.class, cleanOfAll) && !shortWord(a.Key) {
		return false
	}
	var value string
	switch a.Value.Kind() {
	case event.KindString, event.KindJSON:
		value = a.Value.Str()
	case event.KindStrings:
		list := a.Value.Strings()
		if len(list) != 1 {
			return len(list) == 0
		}
		value = list[0]
	}
	return value == "" || p.quiet(n, a.Key, value)
}

// scrubAttr scrubs the key first: what it becomes decides what its value means, to us and to the next who scrubs it.
func (p *Pass) scrubAttr(a *event.Attr, n *note) (changed bool) {
	renamed := false
	if !p.holdsNone(n.class, cleanOfAll) && !shortWord(a.Key) {
		if a.Key, renamed = p.scrubKey(a.Key); renamed {
			n = &note{class: p.lookupClass(a.Key)}
		}
	}
	switch a.Value.Kind() {
	case event.KindString:
		var s string
		if s, changed = p.scrubValue(n, a.Key, a.Value.Str()); changed {
			a.Value = event.String(s)
		}
	case event.KindJSON:
		var s string
		if s, changed = p.scrubValue(n, a.Key, a.Value.Str()); changed {
			a.Value = jsonOrText(s)
		}
	case event.KindStrings:
		a.Value, changed = p.scrubList(n, a.Key, a.Value)
	}
	return changed || renamed
}

func (p *Pass) scrubValue(n *note, key, value string) (string, bool) {
	if value == "" {
		return value, false
	}
	return p.scrub(n, key, value)
}

func (p *Pass) scrubList(n *note, key string, v event.Value) (event.Value, bool) {
	list := v.Strings()
	var clean []string // made only once something changes
	for i, s := range list {
		of := n
		if len(list) > 1 {
			of = &note{class: n.class}
		}
		t, changed := p.scrubValue(of, key, s)
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
