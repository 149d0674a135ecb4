package gateway

import (
	"slices"

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
	name     string // lower case
	value    string
	response bool
	more     []string // all values, where there are several
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
	name = lowerNames.get(name)
	for i := range h.list {
		if at := &h.list[i]; at.response == response && at.name == name {
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
	if name == "" || len(name) > maxHeaderName || count >= event.MaxHeaders {
		h.other = append(h.other, name+": "+value)
		return
	}
	if !response {
		h.request++
	}
	h.list = append(h.list, header{name: name, value: value, response: response})
}

// first returns the first value of a request header.
func (h *headerSet) first(name string) string { return h.find(name, false) }

// firstResponse returns the first value of a response header.
func (h *headerSet) firstResponse(name string) string { return h.find(name, true) }

func (h *headerSet) find(name string, response bool) string {
	for i := range h.list {
		if at := &h.list[i]; at.response == response && at.name == name {
			return at.value
		}
	}
	return ""
}

// all returns every value of a request header.
func (h *headerSet) all(name string) []string {
	for i := range h.list {
		if at := &h.list[i]; !at.response && at.name == name {
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
		keys := requestKeys
		if at.response {
			keys = responseKeys
		}
		a.Add(keys.get(at.name), event.Strings(list))
	}
	if len(h.other) > 0 {
		a.Add(event.KeyHeadersOther, event.Strings(slices.Clip(h.other)))
	}
}
