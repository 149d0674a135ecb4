package gateway

import (
	"strings"
	"time"

	"github.com/keytrail/keytrail/internal/event"
)

// A line on its way through a syslog server or a container runtime gets a prefix. It is told by its shape alone and
// taken off; the record behind it may be of any format.

// lineOrigin is what a prefix says.
type lineOrigin struct {
	time             time.Time
	host, app, procs string
	stream           string
	stamp            string // a time that cannot be placed: RFC 3164 has neither year nor zone
}

// cutPrefix takes a prefix off the draft's text.
func (d *draft) cutPrefix() bool {
	rest, from := cutPrefix(d.text)
	if rest == "" {
		return false
	}
	r := d.r
	d.outerTime(from.time)
	setText(&r.Resource, keyHostName, from.host)
	setText(&r.Attrs, keyStream, from.stream)
	setText(&r.Attrs, "syslog.app", from.app)
	setText(&r.Attrs, "syslog.process_id", from.procs)
	setText(&r.Attrs, "syslog.timestamp", from.stamp)
	d.text = rest
	return true
}

func setText(a *event.Attrs, key, v string) {
	if v != "" && v != "-" {
		a.Set(key, event.String(v))
	}
}

// cutPrefix returns what stands behind a prefix, nothing without one.
func cutPrefix(s string) (rest string, from lineOrigin) {
	if s[0] == '<' {
		return cutPriority(s)
	}
	if rest, from = cutCRI(s); rest != "" {
		return rest, from
	}
	return cutBSD(s)
}

// cutCRI takes off what a Kubernetes container runtime writes: 2026-11-23T14:00:00.1Z stdout F <line>. A part of a
// line (P) is not joined to the next: it is read alone, and rejected where it is no whole record.
func cutCRI(s string) (string, lineOrigin) {
	if len(s) < len("2026-11-23T14:00:00Z stdout F x") || s[4] != '-' || s[10] != 'T' {
		return "", lineOrigin{}
	}
	stamp, s, _ := strings.Cut(s, " ")
	stream, s, _ := strings.Cut(s, " ")
	tag, s, _ := strings.Cut(s, " ")
	if stream != "stdout" && stream != "stderr" || tag != "F" && tag != "P" {
		return "", lineOrigin{}
	}
	t, err := time.Parse(time.RFC3339Nano, stamp)
	if err != nil {
		return "", lineOrigin{}
	}
	return strings.TrimSpace(s), lineOrigin{time: t.UTC(), stream: stream}
}

// cutPriority takes off <134> and the header of RFC 5424 or RFC 3164 behind it.
func cutPriority(s string) (string, lineOrigin) {
	end := strings.IndexByte(s[:min(len(s), 5)], '>')
	if end < 2 {
		return "", lineOrigin{}
	}
	for i := 1; i < end; i++ {
		if s[i] < '0' || s[i] > '9' {
			return "", lineOrigin{}
		}
	}
	s = s[end+1:]
	if version, rest, ok := strings.Cut(s, " "); ok && version == "1" {
		return cutSyslog(rest)
	}
	if rest, from := cutBSD(s); rest != "" {
		return rest, from
	}
	return strings.TrimSpace(s), lineOrigin{} // nothing but the priority
}

// cutSyslog reads TIMESTAMP HOSTNAME APP-NAME PROCID MSGID and the structured data of RFC 5424.
func cutSyslog(s string) (string, lineOrigin) {
	var from lineOrigin
	var stamp, msgid string
	for _, at := range []*string{&stamp, &from.host, &from.app, &from.procs, &msgid} {
		var ok bool
		if *at, s, ok = strings.Cut(s, " "); !ok {
			return "", lineOrigin{}
		}
	}
	from.time = parseTime(stamp)
	s = strings.TrimPrefix(s, "-") // no structured data
	for strings.HasPrefix(s, "[") {
		end := structuredEnd(s)
		if end < 0 {
			return "", lineOrigin{}
		}
		s = s[end+1:]
	}
	return strings.TrimPrefix(strings.TrimSpace(s), "\ufeff"), from
}

// structuredEnd finds the bracket that closes an element of structured data, past quoted values.
func structuredEnd(s string) int {
	quoted := false
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == ']' && !quoted:
			return i
		}
	}
	return -1
}

const bsdTime = "Jan _2 15:04:05"

// cutBSD takes off the header of RFC 3164, as syslog daemons also write it to files, with the time of either RFC:
//
//	Nov 23 14:00:00 web-1 nginx[12]: <line>
func cutBSD(s string) (string, lineOrigin) {
	var from lineOrigin
	var rest string
	if len(s) > len(bsdTime) && s[len(bsdTime)] == ' ' && s[3] == ' ' {
		from.stamp, rest = s[:len(bsdTime)], s[len(bsdTime)+1:]
		if _, err := time.Parse(bsdTime, from.stamp); err != nil {
			return "", lineOrigin{}
		}
	} else {
		stamp, after, ok := strings.Cut(s, " ")
		t, err := time.Parse(time.RFC3339Nano, stamp)
		if !ok || err != nil {
			return "", lineOrigin{}
		}
		from.time, rest = t.UTC(), after
	}
	host, tag, ok := strings.Cut(rest, " ")
	if strings.HasSuffix(host, ":") { // nginx with nohostname
		host, tag = "", rest
	} else if !ok {
		return "", lineOrigin{}
	}
	name, line, ok := strings.Cut(tag, ": ")
	if !ok || name == "" || strings.ContainsAny(name, " \"{=") {
		return "", lineOrigin{}
	}
	from.host = host
	from.app, from.procs, _ = strings.Cut(strings.TrimSuffix(name, "]"), "[")
	return strings.TrimSpace(line), from
}
