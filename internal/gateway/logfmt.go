package gateway

import (
	"maps"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/keytrail/keytrail/internal/gateway/jsondoc"
)

// logfmtFormat is lines of key=value pairs, as Go and Heroku programs write them: a value with blanks stands in quotes
// and is escaped as in Go or JSON. The fields are those of the json format, and so is the mapping.
var logfmtFormat = &format{name: FormatLogfmt, line: fillLogfmt, isLine: isLogfmt}

func fillLogfmt(d *draft) error {
	d.text = logfmtObject(d.text)
	d.parsed = false
	if err := d.object(); err != nil {
		return err
	}
	if d.doc.Len(0) == 0 {
		return reject(ReasonUnknownFormat)
	}
	if len(d.mapping) > 0 {
		d.mapping.fill(d)
		return nil
	}
	logfmtDialect.fill(d, 0, "", 1)
	return nil
}

// logfmtDialect adds to the json format's names what Go programs (18.5ms) and Heroku's router (service, fwd) write.
var logfmtDialect = func() *dialect {
	n := maps.Clone(objectNames)
	for _, name := range []string{"duration", "latency", "request_time", "response_time", "responsetime", "elapsed", "took"} {
		n[name] = goDuration(durationField, n[name])
	}
	n["service"] = goDuration(upstreamDurationField, setService)
	n["fwd"] = text(func(d *draft, v string) {
		d.client = strings.TrimSpace(v[strings.LastIndexByte(v, ',')+1:])
	})
	return &dialect{FormatLogfmt, n, objectHeader}
}()

// goDuration takes a duration with its unit; what is none is for the next setter.
func goDuration(field func(d *draft) *seconds, next setter) setter {
	return func(d *draft, i int, n *jsondoc.Node) bool {
		if v, err := time.ParseDuration(textOf(n)); err == nil && v >= 0 {
			*field(d) = seconds{v.Seconds(), true}
			return true
		}
		return next != nil && next(d, i, n)
	}
}

// logfmtObject writes a line as the JSON object it stands for. A bare word is a field that is true.
func logfmtObject(s string) string {
	var b strings.Builder
	b.Grow(len(s) + len(s)/4)
	b.WriteByte('{')
	for {
		key, value, paired, rest := logfmtPair(s)
		s = rest
		if key == "" && s == "" {
			break
		}
		if key == "" {
			continue
		}
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		writeJSON(&b, key)
		b.WriteByte(':')
		if paired {
			writeJSON(&b, value)
		} else {
			b.WriteString("true")
		}
	}
	b.WriteByte('}')
	return b.String()
}

// logfmtPair cuts one pair off the head of s. An empty key with more behind is an equals sign without a name.
func logfmtPair(s string) (key, value string, paired bool, rest string) {
	s = strings.TrimLeft(s, " \t")
	end := strings.IndexAny(s, "= \t")
	if end < 0 {
		return s, "", false, ""
	}
	key = s[:end]
	if s[end] != '=' {
		return key, "", false, s[end+1:]
	}
	s = s[end+1:]
	if strings.HasPrefix(s, `"`) {
		if at := logfmtQuoteEnd(s); at > 0 {
			return key, unescapeLog(s[1:at]), true, s[at+1:]
		}
	}
	value, rest, _ = strings.Cut(s, " ")
	return key, value, true, rest
}

// logfmtQuoteEnd finds the quote that closes the one at the head of s.
func logfmtQuoteEnd(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return -1
}

// writeJSON writes s as a JSON string. What is no UTF-8 is written as it stands, as it would be in a JSON log.
func writeJSON(b *strings.Builder, s string) {
	b.WriteByte('"')
	start := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' || c >= utf8.RuneSelf {
			continue
		}
		b.WriteString(s[start:i])
		start = i + 1
		if c == '"' || c == '\\' {
			b.WriteByte('\\')
			b.WriteByte(c)
			continue
		}
		b.WriteString(`\u00`)
		if c < 16 {
			b.WriteByte('0')
		}
		b.WriteString(strconv.FormatUint(uint64(c), 16))
	}
	b.WriteString(s[start:])
	b.WriteByte('"')
}

// isLogfmt reports whether a line begins with two pairs of which the first has a plain name.
func isLogfmt(s string) bool {
	for range 2 {
		key, _, paired, rest := logfmtPair(s)
		if !paired || !plainField(key) {
			return false
		}
		s = rest
	}
	return true
}

// plainField reports whether s is a name as programs give their fields.
func plainField(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' || c == '@'
		if !letter && (i == 0 || c < '0' || c > '9') && c != '.' && c != '-' {
			return false
		}
	}
	return s != "" && s[0] != '.' && s[0] != '-'
}
