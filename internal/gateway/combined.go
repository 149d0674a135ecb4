package gateway

import (
	"strings"

	"github.com/keytrail/keytrail/internal/gateway/jsondoc"
)

// fillCombined reads the line formats that nginx and Apache share:
//
//	$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"
//
// Fields may follow: "$http_x_forwarded_for" is main of nginx.conf as it is installed. Others have no names and are
// kept by number. The last two quoted fields may be missing (common).
func fillCombined(d *draft) error {
	s := d.text
	client, s, ok := strings.Cut(s, " ")
	if !ok || client == "" || strings.ContainsAny(client, `"[{`) {
		return reject(ReasonUnknownFormat)
	}
	open, stamp := combinedTime(s)
	if d.end = parseTime(stamp); open < 0 || d.end.IsZero() {
		return reject(ReasonUnknownFormat)
	}
	user, s := s[:open], s[open+len(" [")+len(stamp)+len("]"):]
	d.client = client
	// The user may hold spaces: it is what the caller sent. The first field is identd's, always a dash.
	if _, user, ok = strings.Cut(strings.TrimSpace(user), " "); ok && user != "-" {
		d.userName = unescapeLog(user)
	}
	return d.combinedFields(strings.TrimSpace(s))
}

// combinedTime finds the time, in brackets and before the quoted request. A user whose name holds brackets does not
// move it: quotes are escaped in names.
func combinedTime(s string) (open int, stamp string) {
	for from := 0; ; {
		i := strings.Index(s[from:], " [")
		if i < 0 {
			return -1, ""
		}
		from += i + len(" [")
		stamp, after, ok := strings.Cut(s[from:], "]")
		if ok && strings.HasPrefix(after, ` "`) {
			return from - len(" ["), stamp
		}
	}
}

func (d *draft) combinedFields(s string) error {
	request, s, ok := field(s)
	if !ok {
		return reject(ReasonUnknownFormat)
	}
	d.setRequestLine(request, "request")
	status, s, _ := field(s)
	if d.status = statusOf(status); d.status == 0 {
		return reject(ReasonUnknownFormat)
	}
	sent, s, _ := field(s)
	d.responseBody = size(sent)
	for i := 0; s != ""; i++ {
		var v string
		quoted := s[0] == '"'
		if v, s, ok = field(s); !ok {
			d.rest.string("tail", s)
			break
		}
		d.combinedExtra(i, v, quoted)
	}
	return nil
}

func (d *draft) combinedExtra(i int, v string, quoted bool) {
	if v == "" || v == "-" {
		return
	}
	switch {
	case i == 0 && quoted:
		d.headers.add("referer", v)
	case i == 1 && quoted:
		d.headers.add("user-agent", v)
	case i == 2 && quoted:
		d.headers.add("x-forwarded-for", v)
	default:
		d.rest.string("field"+string(rune('0'+min(i, 9))), v)
	}
}

// field cuts one field off the head of s: a quoted one, in which nginx writes \xHH and Apache a backslash before a
// quote, or a word.
func field(s string) (v, rest string, ok bool) {
	if s == "" {
		return "", "", false
	}
	if s[0] != '"' {
		v, rest, _ = strings.Cut(s, " ")
		return v, strings.TrimLeft(rest, " "), true
	}
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return unescapeLog(s[1:i]), strings.TrimLeft(s[i+1:], " "), true
		}
	}
	return "", s, false
}

// unescapeLog undoes the escapes of a log line; they are those that jsondoc repairs in a string.
func unescapeLog(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	return jsondoc.Unescape(s)
}
