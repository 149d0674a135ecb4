package ownerhttp

import "strings"

// nextLink returns the address of the first link whose relation is next (RFC 8288), "" if there is none.
func nextLink(headers []string) string {
	for _, h := range headers {
		for h != "" {
			var target, params string
			if target, params, h = cutLink(h); target != "" && isNext(params) {
				return target
			}
		}
	}
	return ""
}

// cutLink takes the first `<target>; params` off a header. Commas within the target or a quoted parameter do not end it.
func cutLink(h string) (target, params, rest string) {
	begin := strings.IndexByte(h, '<')
	if begin < 0 {
		return "", "", ""
	}
	length := strings.IndexByte(h[begin:], '>')
	if length < 0 {
		return "", "", ""
	}
	target, h = h[begin+1:begin+length], h[begin+length+1:]
	quoted := false
	for i := 0; i < len(h); i++ {
		switch {
		case quoted && h[i] == '\\':
			i++
		case h[i] == '"':
			quoted = !quoted
		case h[i] == ',' && !quoted:
			return target, h[:i], h[i+1:]
		}
	}
	return target, h, ""
}

func isNext(params string) bool {
	for p := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(p, "=")
		if !strings.EqualFold(strings.TrimSpace(name), "rel") {
			continue
		}
		for rel := range strings.FieldsSeq(strings.Trim(strings.TrimSpace(value), `"`)) {
			if strings.EqualFold(rel, "next") {
				return true
			}
		}
		return false // a second rel parameter is ignored
	}
	return false
}
