package privacy

import "strings"

const (
	// maxLocal and maxDomain are the bounds of RFC 5321. They also bound how far is read from one at-sign.
	maxLocal  = 64
	maxDomain = 255
)

// atSigns are the forms in which the sign stands in a text: plain, in a URL, in JSON.
var atSigns = [...]string{"@", "%40", `\u0040`}

// notDomains are the file names that look like an address, as logo@2x.png.
var notDomains = map[string]struct{}{
	"png": {}, "jpg": {}, "jpeg": {}, "gif": {}, "svg": {}, "webp": {}, "ico": {}, "css": {}, "js": {}, "mjs": {},
	"map": {}, "json": {}, "html": {},
}

// replaceEmails puts what with gives in the place of each e-mail address. An address is given to it in lower case with
// its escapes taken off, because it is the same in a URL and in a text.
func replaceEmails(text string, with func(address string) string) (string, int) {
	var out strings.Builder
	n, done := 0, 0
	for from := 0; ; {
		at, sign := nextAtSign(text, from)
		if at < 0 {
			break
		}
		after := at + len(sign)
		from = after
		start, end := localStart(text, done, at), domainEnd(text, after)
		if start == at || end == after {
			continue
		}
		out.WriteString(text[done:start])
		out.WriteString(with(plain(text[start:at]) + "@" + strings.ToLower(text[after:end])))
		n, done, from = n+1, end, end
	}
	if n == 0 {
		return text, 0
	}
	out.WriteString(text[done:])
	return out.String(), n
}

// mayHoldAtSign tells most texts apart at the speed of a search for one byte.
func mayHoldAtSign(text string) bool {
	return strings.IndexByte(text, '@') >= 0 || strings.IndexByte(text, '%') >= 0 || strings.IndexByte(text, '\\') >= 0
}

// nextAtSign finds the first sign from on.
func nextAtSign(text string, from int) (at int, sign string) {
	for i := from; i < len(text); i++ {
		switch text[i] {
		case '@', '%', '\\':
			for _, s := range atSigns {
				if strings.HasPrefix(text[i:], s) {
					return i, s
				}
			}
		}
	}
	return -1, ""
}

// localStart reads back over what may stand before the sign.
func localStart(text string, done, at int) int {
	start := at
	for start > done && at-start < maxLocal {
		if localByte(text[start-1]) && !escapes(text, done, start) {
			start--
			continue
		}
		if start-done < len(plus) || !strings.EqualFold(text[start-len(plus):start], plus) {
			break
		}
		start -= len(plus)
	}
	for start < at && strings.IndexByte(".'-", text[start]) >= 0 {
		start++ // punctuation of the text before the address
	}
	return start
}

// plus is the sign as a URL writes it where it means itself.
const plus = "%2B"

// escapes reports that the byte before i is the last of an escape: what %3D means is not a letter of a name.
func escapes(text string, done, i int) bool {
	return i-done >= 3 && text[i-3] == '%' && hexByte(text[i-2]) && hexByte(text[i-1]) ||
		i-done >= 2 && text[i-2] == '%' && hexByte(text[i-1]) && i < len(text) && hexByte(text[i])
}

func plain(local string) string {
	local = strings.ReplaceAll(local, "%2B", "+")
	return strings.ToLower(strings.ReplaceAll(local, "%2b", "+"))
}

// domainEnd reads a domain with two labels at least, the last of which is a name.
func domainEnd(text string, from int) int {
	end := from
	for end < len(text) && end-from < maxDomain && domainByte(text[end]) {
		end++
	}
	for end > from && (text[end-1] == '.' || text[end-1] == '-') {
		end-- // the end of a sentence
	}
	dot := strings.LastIndexByte(text[from:end], '.')
	if dot <= 0 || !topLevel(text[from+dot+1:end]) {
		return from
	}
	return end
}

func topLevel(label string) bool {
	lower := strings.ToLower(label)
	if _, file := notDomains[lower]; file || len(label) < 2 {
		return false
	}
	if strings.HasPrefix(lower, "xn--") {
		return true
	}
	for i := range len(label) {
		if c := label[i]; !letter(c) && c < 0x80 {
			return false
		}
	}
	return true
}

func localByte(c byte) bool {
	return letter(c) || digit(c) || c >= 0x80 || strings.IndexByte("._+-'", c) >= 0
}

func domainByte(c byte) bool { return letter(c) || digit(c) || c >= 0x80 || c == '.' || c == '-' }

func letter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func digit(c byte) bool { return c >= '0' && c <= '9' }

func hexByte(c byte) bool { return digit(c) || c|0x20 >= 'a' && c|0x20 <= 'f' }
