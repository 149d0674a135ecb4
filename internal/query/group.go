package query

import "github.com/keytrail/keytrail/internal/event"

// Request is what several views (log, span, mirror, several hops) say of one request.
type Request struct{ Events []Event }

// view is what a request has at most one event of: both ids of a request key are the caller's to forge, so a second
// event of the same view is a request of its own.
type view struct{ capture, source, service string }

type openRequest struct {
	at    int
	views map[view]bool
}

// Requests groups events by their request key, in the order of each group's first event.
func Requests(events []Event) []Request {
	var out []Request
	open := map[string]openRequest{}
	for _, e := range events {
		key := e.Attrs.Str(event.KeyRequestKey)
		v := view{e.Attrs.Str(event.KeyCapture), e.Attrs.Str(event.KeySource), e.Resource.Str(event.KeyServiceName)}
		if o, ok := open[key]; ok && !o.views[v] {
			out[o.at].Events = append(out[o.at].Events, e)
			o.views[v] = true
			continue
		}
		if key != "" {
			open[key] = openRequest{len(out), map[view]bool{v: true}}
		}
		out = append(out, Request{[]Event{e}})
	}
	return out
}
