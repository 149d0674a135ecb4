package query

import (
	"net/netip"
	"strings"

	"github.com/keytrail/keytrail/internal/event"
)

// routeVerdict compares a wanted route with all that an event says of its own. Where the path is kept no longer, its
// template tells what the path cannot have been.
func routeVerdict(want string, r *event.Record) Verdict {
	path, pattern := r.Attrs.Str(event.KeyPath), ""
	for _, key := range []string{event.KeyRoute, event.KeyTemplate, event.KeyPath} {
		have := r.Attrs.Str(key)
		if have != "" && wildcard(want, have) {
			return Yes
		}
		if strings.HasPrefix(have, "/") && pattern == "" {
			pattern = have
		}
	}
	if path != "" || r.Name != event.NameRequest {
		return No
	}
	if pattern != "" && !mayStandFor(pattern, want) {
		return No
	}
	return Unknown
}

func wildcard(pattern, s string) bool {
	if p, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(s, p)
	}
	return pattern == s
}

// mayStandFor reports whether a path of the given pattern can be one that is wanted: a placeholder ({id}, :id) can be
// any segment, and a pattern in a language of its own can be anything.
func mayStandFor(pattern, want string) bool {
	if strings.ContainsAny(pattern, "*()~^$") {
		return true
	}
	want, open := strings.CutSuffix(want, "*")
	have, wanted := strings.Split(pattern, "/"), strings.Split(want, "/")
	if len(wanted) > len(have) || !open && len(wanted) != len(have) {
		return false
	}
	for i, w := range wanted {
		h := have[i]
		placeholder := strings.HasPrefix(h, "{") || strings.HasPrefix(h, ":")
		begins := open && i == len(wanted)-1 && strings.HasPrefix(h, w)
		if !placeholder && !begins && h != w {
			return false
		}
	}
	return true
}

// clientVerdict compares a wanted address, network or prefix with an address, or with the network that a class has
// left of one.
func clientVerdict(want, have string) Verdict {
	if have == "" {
		return No
	}
	if have == want {
		return Yes
	}
	network, err := netip.ParsePrefix(have)
	cut := err == nil
	if strings.HasSuffix(want, ".") || strings.HasSuffix(want, ":") {
		return prefixVerdict(want, have, cut)
	}
	address, _ := netip.ParseAddr(have)
	address = address.Unmap()
	if w, err := netip.ParsePrefix(want); err == nil {
		w = w.Masked()
		switch {
		case !cut && w.Contains(address), cut && w.Bits() <= network.Bits() && w.Contains(network.Addr()):
			return Yes
		case cut && w.Overlaps(network):
			return Unknown
		}
		return No
	}
	w, err := netip.ParseAddr(want)
	switch {
	case err != nil:
		return No
	case cut && network.Contains(w.Unmap()):
		return Unknown
	case !cut && w.Unmap() == address:
		return Yes
	}
	return No
}

func prefixVerdict(want, have string, cut bool) Verdict {
	if strings.HasPrefix(have, want) {
		return Yes
	}
	if kept, _, ok := strings.Cut(have, "::/"); cut && ok && strings.HasPrefix(want, kept+":") {
		return Unknown // the prefix goes on where the network of an IPv6 address ends
	}
	return No
}
