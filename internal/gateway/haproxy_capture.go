package gateway

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/keytrail/keytrail/internal/event"
)

// cutMark stands behind a value that was cut off, or may have been: internal/secret takes no such value for a
// credential. Half a token has a fingerprint that is nobody's, or, if many tokens begin alike, everybody's.
const cutMark = "…"

// captures says what the captures of an HAProxy are: it writes them in the order of its configuration, without names.
type captures struct {
	request, response []capture
	cookieLen         int
}

// capture is one `capture request header <name> len <len>`.
type capture struct {
	name string
	len  int // 0 where it is not known
}

// maxCaptures is more than any configuration we know has.
const maxCaptures = 64

// newCaptures reads the mapping of a haproxy source: attribute key → request.<n>, response.<n> or cookie, in the order
// of the configuration from 1, and after a space the capture's len.
func newCaptures(mapping map[string]string) (*captures, error) {
	c := new(captures)
	for _, key := range slices.Sorted(maps.Keys(mapping)) {
		if err := c.add(key, mapping[key]); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (c *captures) add(key, value string) error {
	place, length, _ := strings.Cut(strings.TrimSpace(value), " ")
	n := 0
	if length != "" {
		var err error
		if n, err = strconv.Atoi(strings.TrimSpace(length)); err != nil || n <= 0 {
			return fmt.Errorf("mapping: %q takes a place and the capture's len, found len %q", key, length)
		}
	}
	if place == "cookie" && key == event.PrefixRequestHeader+"cookie" {
		c.cookieLen = n
		return nil
	}
	for _, kind := range []struct {
		prefix, place string
		list          *[]capture
	}{
		{event.PrefixRequestHeader, "request.", &c.request}, {event.PrefixResponseHeader, "response.", &c.response},
	} {
		name, ok := strings.CutPrefix(key, kind.prefix)
		at, placed := strings.CutPrefix(place, kind.place)
		if !ok || !placed || name == "" {
			continue
		}
		i, err := strconv.Atoi(at)
		if err != nil || i < 1 || i > maxCaptures {
			return fmt.Errorf("mapping: %q must be one of %s1 to %s%d, found %q", key, kind.place, kind.place, maxCaptures, place)
		}
		for len(*kind.list) < i {
			*kind.list = append(*kind.list, capture{})
		}
		if (*kind.list)[i-1].name != "" {
			return fmt.Errorf("mapping: a capture can be one header, found %q twice", place)
		}
		(*kind.list)[i-1] = capture{strings.ToLower(name), n}
		return nil
	}
	return fmt.Errorf("mapping: of format haproxy, http.request.header.<name> is request.<n>, "+
		"http.response.header.<name> is response.<n> and http.request.header.cookie may be cookie, found %q: %q", key, place)
}

// onlyResponse reports whether a single block must be of response headers.
func (c *captures) onlyResponse() bool { return c != nil && len(c.request) == 0 && len(c.response) > 0 }

func (c *captures) of(i int, response bool) capture {
	if c == nil {
		return capture{}
	}
	list := c.request
	if response {
		list = c.response
	}
	if i >= len(list) {
		return capture{}
	}
	return list[i]
}

// setCapturedLine takes a block of a text line, a|b, in which HAProxy has escaped what could be mistaken.
func (d *draft) setCapturedLine(block string, response bool) { d.takeCaptured(block, response, true) }

// setCaptured takes the same of a JSON log, where nothing but JSON is escaped.
func (d *draft) setCaptured(block string, response bool) {
	if strings.HasPrefix(block, "{") && strings.HasSuffix(block, "}") {
		block = block[1 : len(block)-1]
	}
	d.takeCaptured(block, response, false)
}

func (d *draft) takeCaptured(block string, response, escaped bool) {
	var unnamed []string
	for i, more := 0, true; more && i < maxCaptures; i++ {
		var v string
		v, block, more = strings.Cut(block, "|")
		if escaped {
			v = decodeHAProxy(v)
		}
		c := d.captures.of(i, response)
		if !response || c.len > 0 {
			v = c.mark(v)
		}
		switch {
		case c.name == "":
			unnamed = append(unnamed, v)
		case v != "":
			d.headers.put(c.name, v, response)
		}
	}
	if block != "" {
		unnamed = append(unnamed, block)
	}
	if strings.Join(unnamed, "") == "" {
		return
	}
	name := "captured_request_headers"
	if response {
		name = "captured_response_headers"
	}
	d.rest.put(name, event.Strings(unnamed))
}

// setHAProxyCookie takes the one cookie that `capture cookie` names, as name=value.
func (d *draft) setHAProxyCookie(v string) {
	if v == "" {
		return
	}
	c := capture{len: 0}
	if d.captures != nil {
		c.len = d.captures.cookieLen
	}
	d.headers.add("cookie", c.mark(v))
}

// mark writes the cut mark behind a value that the capture's len has cut, or could have.
func (c capture) mark(v string) string {
	cut := false
	switch {
	case v == "":
	case c.len > 0:
		cut = len(v) >= c.len
	default:
		cut = likelyLen(len(v)) && credentialLike(v) && !wholeJWS(v)
	}
	if cut {
		return v + cutMark
	}
	return v
}

// likelyLen reports whether a person would choose n as the len of a capture: a round number, in tens or in bits.
func likelyLen(n int) bool { return n >= 8 && (n%5 == 0 || n%8 == 0 || n&(n+1) == 0) }

// credentialLike tells a bare key, or a scheme and its credential, from the headers people read: an agent, a list of
// types. Only there would a mark that is not needed do harm, so only there it is left out.
func credentialLike(v string) bool {
	first, rest, more := strings.Cut(v, " ")
	return !more || first != "" && !strings.ContainsAny(first, "/;,=") && !strings.Contains(rest, " ")
}

// wholeJWS reports whether v ends in a token with all three parts. Its identity lies in the first two, so the last
// may be cut.
func wholeJWS(v string) bool {
	v = v[strings.LastIndexByte(v, ' ')+1:]
	payload := strings.LastIndexByte(v, '.')
	return strings.HasPrefix(v, "eyJ") && strings.Count(v, ".") == 2 && payload < len(v)-1
}

// decodeHAProxy undoes #XX, in which HAProxy writes what would break its line; the # itself is always #23.
func decodeHAProxy(s string) string {
	i := strings.IndexByte(s, '#')
	if i < 0 {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for ; i >= 0; i = strings.IndexByte(s, '#') {
		b.WriteString(s[:i])
		var c [1]byte
		if len(s) < i+3 || !unhex(c[:], s[i+1:i+3]) {
			b.WriteByte('#')
			s = s[i+1:]
			continue
		}
		b.WriteByte(c[0])
		s = s[i+3:]
	}
	b.WriteString(s)
	return b.String()
}
