package archive

import (
	"slices"
	"strings"

	"github.com/keytrail/keytrail/internal/event"
)

// ownerKeys name or describe the person behind a token.
var ownerKeys = keySet(
	event.KeyOwnerID, event.KeyOwnerName, event.KeyOwnerTeam, event.KeyOwnerContact, event.KeyOwnerSource,
	event.KeyOwnerAsOf, event.KeyUserName, event.KeyJWTSubject, event.KeyTokenName,
)

// addressHeaders carry the client's address beside client.address.
var addressHeaders = keySet(
	event.PrefixRequestHeader+"x-forwarded-for", event.PrefixRequestHeader+"x-real-ip",
	event.PrefixRequestHeader+"forwarded", event.PrefixRequestHeader+"cf-connecting-ip",
	event.PrefixRequestHeader+"true-client-ip", event.PrefixRequestHeader+"x-client-ip",
	event.PrefixRequestHeader+"x-original-forwarded-for", event.PrefixRequestHeader+"x-envoy-external-address",
)

func keySet(keys ...string) map[string]bool {
	m := make(map[string]bool, len(keys))
	for _, k := range keys {
		m[k] = true
	}
	return m
}

// view applies a class to a record.
type view struct {
	class    Class
	all      bool
	skeleton bool
	keys     map[string]bool
	prefixes []string
}

func newView(c Class) *view {
	v := &view{class: c.WithDefaults(), keys: make(map[string]bool)}
	for _, f := range v.class.Fields {
		switch prefix, isPrefix := strings.CutSuffix(f, "*"); {
		case f == FieldsAll:
			v.all = true
		case f == FieldsSkeleton:
			v.skeleton = true
		case isPrefix:
			v.prefixes = append(v.prefixes, prefix)
		default:
			v.keys[f] = true
		}
	}
	return v
}

// keeps reports whether the class can hold an attribute or frame column at all: what a search by it may hope for.
func (v *view) keeps(key string) bool {
	switch {
	case key == event.KeyOwnerPseudonym:
		return v.class.Owner == OwnerPseudonym
	case ownerKeys[key] && v.class.Owner != OwnerKeep:
		return false
	}
	return v.lists(key)
}

// frameKeys are attributes that the frame of every row has: no class can be without them.
var frameKeys = keySet(event.KeyFingerprint, event.KeyEventID)

func (v *view) lists(key string) bool {
	if v.all || frameKeys[key] || v.keys[key] || (v.skeleton && event.Skeleton(key)) {
		return true
	}
	return slices.ContainsFunc(v.prefixes, func(p string) bool { return strings.HasPrefix(key, p) })
}

func (v *view) listsResource(key string) bool {
	return v.lists(key) || (v.skeleton && event.Skeleton(key))
}

// Keys under which a class's field list speaks of the record's own ids.
const (
	fieldTraceID = "trace_id"
	fieldSpanID  = "span_id"
)

// apply cuts r down to what the class keeps; alias is the owner's pseudonym, empty where the owner is not known.
func (v *view) apply(r *event.Record, alias string) {
	if v.class.Owner != OwnerKeep || v.class.ClientAddress != AddressKeep {
		v.maskAlert(r, alias)
	}
	if !v.all {
		v.project(r)
	}
	v.address(r)
	if v.class.Headers == HeadersDrop {
		r.Attrs.Delete(func(k string, _ event.Value) bool { return isHeader(k) })
	}
	if v.class.Owner == OwnerKeep {
		return
	}
	r.Attrs.Delete(func(k string, _ event.Value) bool {
		return ownerKeys[k] || k == event.KeyOwnerPseudonym || strings.HasPrefix(k, event.PrefixTokenClaimed)
	})
	if v.class.Owner == OwnerPseudonym && alias != "" {
		r.Attrs.Add(event.KeyOwnerPseudonym, event.String(alias))
	}
}

func isHeader(key string) bool {
	return strings.HasPrefix(key, event.PrefixRequestHeader) || strings.HasPrefix(key, event.PrefixResponseHeader) ||
		key == event.KeyHeadersOther
}

// project keeps the listed attributes. The agent family takes the place of the agent.
func (v *view) project(r *event.Record) {
	family := ""
	if v.lists(event.KeyAgentFamily) && r.Attrs.Str(event.KeyAgentFamily) == "" {
		family = event.AgentFamily(r.Attrs.Str(event.KeyUserAgent))
	}
	r.Attrs.Delete(func(k string, _ event.Value) bool { return !v.lists(k) })
	r.Resource.Delete(func(k string, _ event.Value) bool { return !v.listsResource(k) })
	if family != "" {
		r.Attrs.Add(event.KeyAgentFamily, event.String(family))
	}
	if !v.lists(fieldTraceID) {
		r.TraceID = [16]byte{}
	}
	if !v.lists(fieldSpanID) {
		r.SpanID = [8]byte{}
	}
}

func (v *view) address(r *event.Record) {
	if v.class.ClientAddress == AddressKeep {
		return
	}
	network := ""
	if v.class.ClientAddress == AddressTruncate {
		network = event.Network(r.Attrs.Str(event.KeyClientAddress))
	}
	r.Attrs.Delete(func(k string, _ event.Value) bool {
		return k == event.KeyPeerAddress || k == event.KeyClientPort || addressHeaders[k] ||
			(k == event.KeyClientAddress && network == "")
	})
	if network != "" {
		r.Attrs.Set(event.KeyClientAddress, event.String(network))
	}
}
