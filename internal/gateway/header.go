package gateway

import (
	"slices"
	"strings"

	"github.com/keytrail/keytrail/internal/event"
)

// headerSet collects headers in the order they came. The value lists of one record share one backing array: most
// headers have one value, and an array each would be most of what a record allocates.
type headerSet struct {
	list    []header
	request int // how many of list are request headers
	other   []string
}

type header struct {
	name     *headerName
	value    string
	response bool
	more     []string // all values, where there are several
}

// headerName is what is made of a header's name: its lower case, and its keys as a header of a request and of a
// response.
type headerName struct{ lower, request, response string }

func newHeaderName(name string) *headerName {
	request := event.PrefixRequestHeader + strings.ToLower(name)
	lower := request[len(event.PrefixRequestHeader):]
	return &headerName{lower, request, event.PrefixResponseHeader + lower}
}

// maxHeaderName is longer than any header in use; a name beyond it is folded with its value.
const maxHeaderName = 128

func (h *headerSet) begin() { h.list, h.other, h.request = h.list[:0], nil, 0 }

func (h headerSet) released() headerSet {
	clear(h.list)
	return headerSet{list: h.list[:0]}
}

// add takes one value of a request header.
func (h *headerSet) add(name, value string) { h.put(name, value, false) }

// addResponse takes one value of a response header.
func (h *headerSet) addResponse(name, value string) { h.put(name, value, true) }

func (h *headerSet) put(name, value string, response bool) {
	if name == "" || len(name) > maxHeaderName {
		h.fold(strings.ToLower(name), value)
		return
	}
	known := headerNames.get(name)
	for i := range h.list {
		if at := &h.list[i]; at.response == response && at.name.lower == known.lower {
			if at.more == nil {
				at.more = []string{at.value}
			}
			at.more = append(at.more, value)
			return
		}
	}
	count := h.request
	if response {
		count = len(h.list) - h.request
	}
	if count >= event.MaxHeaders {
		h.fold(known.lower, value)
		return
	}
	if !response {
		h.request++
	}
	h.list = append(h.list, header{name: known, value: value, response: response})
}

// fold keeps a header that has no key of its own.
func (h *headerSet) fold(name, value string) { h.other = append(h.other, name+": "+value) }

// first returns the first value of a request header.
func (h *headerSet) first(name string) string { return h.find(name, false) }

// firstResponse returns the first value of a response header.
func (h *headerSet) firstResponse(name string) string { return h.find(name, true) }

func (h *headerSet) find(name string, response bool) string {
	for i := range h.list {
		if at := &h.list[i]; at.response == response && at.name.lower == name {
			return at.value
		}
	}
	return ""
}

// all returns every value of a request header.
func (h *headerSet) all(name string) []string {
	for i := range h.list {
		if at := &h.list[i]; !at.response && at.name.lower == name {
			if at.more != nil {
				return at.more
			}
			return []string{at.value}
		}
	}
	return nil
}

func (h *headerSet) write(a *event.Attrs) {
	values := make([]string, len(h.list))
	for i := range h.list {
		at := &h.list[i]
		list := at.more
		if list == nil {
			values[i] = at.value
			list = values[i : i+1 : i+1]
		}
		key := at.name.request
		if at.response {
			key = at.name.response
		}
		a.Add(key, event.Strings(list))
	}
	if len(h.other) > 0 {
		a.Add(event.KeyHeadersOther, event.Strings(slices.Clip(h.other)))
	}
}
