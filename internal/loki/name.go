package loki

import "strings"

// maxNameBytes bounds the name of a field: a caller's header may be called anything.
const maxNameBytes = 200

// Name is the form of an attribute key as Loki shows it: http.response.status_code becomes
// http_response_status_code. Loki does the same to a name with a dot, and refuses the whole request, again and again,
// for one that has no letter at all; so nothing is left for it to do.
func Name(key string) string {
	var b strings.Builder
	underscore := true // none at the beginning
	for _, c := range key[:min(len(key), maxNameBytes)] {
		if letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'; letter {
			if b.Len() == 0 && c <= '9' {
				b.WriteString("key_")
			}
			b.WriteRune(c)
			underscore = false
			continue
		}
		if !underscore {
			b.WriteByte('_')
		}
		underscore = true
	}
	if b.Len() == 0 {
		return "attribute"
	}
	return b.String()
}
