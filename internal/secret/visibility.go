package secret

import "github.com/keytrail/keytrail/internal/event"

// Visibility says how much of the request's credential could be seen. A real credential wins over what is left of
// another one: the request can be found by it. A gateway's id comes next, because it has a fingerprint, too.
func (p *Pass) Visibility() string {
	creds := p.credentials()
	switch {
	case len(creds) > 0 && creds[0].scheme != schemeGateway:
		return event.VisibilityVisible
	case p.shown(creds):
		return event.VisibilityVisible
	case len(creds) > 0:
		return event.VisibilityID
	case p.hidden.how != "":
		return p.hidden.how
	}
	return event.VisibilityNone
}

// shown reports whether a credential stands in a place that servers read. One that was only found by its shape in
// other text says nothing of what the gateway let in.
func (p *Pass) shown(creds []credential) bool {
	for i := range creds {
		if creds[i].scheme != schemeGateway && creds[i].place.rank < rankClaimed {
			return true
		}
	}
	return false
}

// concealed is the best-placed credential of which too little was left, or nothing.
type concealed struct {
	how     string // event.VisibilityMasked or VisibilityTruncated; empty where none was
	place   place
	scheme  string
	remains bool // a part of some credential was left
}

// noteRemains remembers a credential of which only a part stood at a place.
func (p *Pass) noteRemains(how string, at place, scheme string) {
	p.hidden.remains = true
	p.noteHidden(how, at, scheme)
}

// noteStandIn remembers that a placeholder stood at a place, if it is one for a credential that was removed.
func (p *Pass) noteStandIn(value string, at place, scheme string) {
	if _, removed := standIn(value); removed {
		p.noteHidden(event.VisibilityMasked, at, scheme)
	}
}

func (p *Pass) noteHidden(how string, at place, scheme string) {
	if p.hidden.how == "" || at.rank < p.hidden.place.rank {
		p.hidden.how, p.hidden.place, p.hidden.scheme = how, at, scheme
	}
}
