package query

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/keytrail/keytrail/internal/event"
)

// Filter narrows an answer. Values of one field are alternatives; the fields that are set must all hold.
type Filter struct {
	Method  []string
	Route   []string // http.route, else url.template, else url.path; a trailing * matches any rest
	Status  []Status
	Client  []string // an address, a network such as 192.0.2.0/24, or a prefix that ends in "." or ":"
	Service []string
}

// Status is one status code, or a class of them such as 4xx.
type Status struct{ from, to int64 }

var errStatus = errors.New("status must be a code such as 403 or a class such as 4xx")

// ParseStatus reads "403" or "4xx".
func ParseStatus(s string) (Status, error) {
	if len(s) == 3 {
		if rest := strings.ToLower(s[1:]); rest == "xx" && s[0] >= '1' && s[0] <= '5' {
			from := int64(s[0]-'0') * 100
			return Status{from, from + 99}, nil
		}
		if n, err := strconv.ParseInt(s, 10, 64); err == nil && n >= 100 {
			return Status{n, n}, nil
		}
	}
	return Status{}, errStatus
}

// Verdict is what a filter says of a record. A skeleton keeps neither path nor address: of it a filter may have to
// say that nobody can tell any more, which is not the same as no.
type Verdict uint8

// The verdicts, ordered so that the least of several is that of all.
const (
	No Verdict = iota
	Unknown
	Yes
)

// Match says whether r passes.
func (f Filter) Match(r *event.Record) Verdict {
	if !f.method(r) || !f.status(r) || !f.service(r) {
		return No
	}
	return min(f.route(r), f.client(r))
}

func (f Filter) method(r *event.Record) bool {
	m := r.Attrs.Str(event.KeyMethod)
	return len(f.Method) == 0 || slices.ContainsFunc(f.Method, func(w string) bool { return strings.EqualFold(w, m) })
}

func (f Filter) status(r *event.Record) bool {
	have := r.Attrs.Int(event.KeyStatus)
	return len(f.Status) == 0 || slices.ContainsFunc(f.Status, func(s Status) bool { return have >= s.from && have <= s.to })
}

func (f Filter) service(r *event.Record) bool {
	return len(f.Service) == 0 || slices.Contains(f.Service, r.Resource.Str(event.KeyServiceName))
}

func (f Filter) route(r *event.Record) Verdict {
	return best(f.Route, func(want string) Verdict { return routeVerdict(want, r) })
}

func (f Filter) client(r *event.Record) Verdict {
	have := r.Attrs.Str(event.KeyClientAddress)
	return best(f.Client, func(want string) Verdict { return clientVerdict(want, have) })
}

// best is the verdict over alternatives; without any, all pass.
func best(wanted []string, verdict func(string) Verdict) Verdict {
	if len(wanted) == 0 {
		return Yes
	}
	v := No
	for _, w := range wanted {
		v = max(v, verdict(w))
	}
	return v
}
