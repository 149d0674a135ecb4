package secret

import (
	"encoding/base64"
	"strings"
)

// Shapes that no prefix and length describe.

// longestToken bounds how far one token by shape may reach; longer text is taken up to here and the rest is looked
// at again. A JWT in a header stays below the header limits of every server.
const longestToken = 64 << 10

func letterRun(s string, from int, set letters) int {
	limit := min(len(s), from+longestToken)
	for from < limit && letterSets[s[from]]&set != 0 {
		from++
	}
	return from
}

// shortestJWTHeader is {"alg":""} in base64: anything shorter is no JOSE header.
const shortestJWTHeader = 12

// jwtAlgorithm is {"alg": in base64.
const jwtAlgorithm = "eyJhbGciOi"

// matchJWT takes a JWS or JWE in compact form: a base64url JSON object, a dot, and up to four more parts. A header
// that stands alone is taken where it names its algorithm first, as most do.
func matchJWT(s string, i int) (hit, bool) {
	if !strings.HasPrefix(s[i:], "eyJ") && !strings.HasPrefix(s[i:], "eyA") && !strings.HasPrefix(s[i:], "ewo") {
		return hit{}, false
	}
	end := letterRun(s, i, urlSafe)
	if end-i < shortestJWTHeader {
		return hit{}, false
	}
	run := end
	parts := 1
	for parts < 5 && end < len(s) && s[end] == '.' {
		next := letterRun(s, end+1, urlSafe)
		if parts == 1 && next == end+1 && (next == len(s) || s[next] != '.') {
			break // a header and a full stop
		}
		end, parts = next, parts+1
	}
	h := hit{start: i, end: end, rule: formatJWT}
	switch {
	case parts == 1 && strings.HasPrefix(s[i:], jwtAlgorithm):
		return h, true
	case parts == 1:
		return hit{rule: formatJWT, end: run}, false
	case strings.HasPrefix(s[i:], "eyJ"):
		return h, true
	}
	return h, joseHeader(s[i : i+strings.IndexByte(s[i:], '.')])
}

// joseHeader reports whether a segment decodes to a JSON object that names an algorithm.
func joseHeader(segment string) bool {
	if len(segment) > longestClaims {
		return false
	}
	b, err := base64.RawURLEncoding.DecodeString(segment)
	return err == nil && len(b) > 1 && b[0] == '{' && strings.Contains(string(b), `"alg"`)
}

const (
	pemBegin = "-----BEGIN "
	pemEnd   = "-----END "
	// longestPEMLabel bounds the words between BEGIN and the dashes; "ENCRYPTED PRIVATE KEY" has 21 letters.
	longestPEMLabel = 48
)

// matchPEM takes a PEM private key with all its lines, or all that is left of it. Certificates and public keys stay.
func matchPEM(s string, i int) (hit, bool) {
	if !strings.HasPrefix(s[i:], pemBegin) {
		return hit{}, false
	}
	label := s[i+len(pemBegin):]
	label = label[:min(len(label), longestPEMLabel)]
	if cut := strings.Index(label, "--"); cut >= 0 {
		label = label[:cut]
	}
	if !strings.Contains(label, "PRIVATE") {
		return hit{}, false
	}
	h := hit{start: i, end: len(s), rule: formatPEM}
	if at := strings.Index(s[i+len(pemBegin):], pemEnd); at >= 0 {
		h.end = i + len(pemBegin) + at + len(pemEnd)
		if dashes := strings.Index(s[h.end:min(len(s), h.end+longestPEMLabel)], "-----"); dashes >= 0 {
			h.end += dashes + len("-----")
		}
	}
	return h, true
}

// shortestBotSecret is below the 35 characters that Telegram gives: other bot APIs took over its form of path with
// secrets of their own length, and digits with a colon before them are sign enough.
const shortestBotSecret = 16

// matchTelegram takes the token of /bot<id>:<token>/.
func matchTelegram(s string, i int) (hit, bool) {
	if !strings.HasPrefix(s[i:], "bot") || i > 0 && s[i-1] != '/' {
		return hit{}, false
	}
	j := i + 3
	for j < len(s) && j < i+20 && '0' <= s[j] && s[j] <= '9' {
		j++
	}
	if j < i+9 || j >= len(s) {
		return hit{}, false
	}
	switch {
	case s[j] == ':':
		j++
	case strings.HasPrefix(s[j:], "%3A"), strings.HasPrefix(s[j:], "%3a"):
		j += 3
	default:
		return hit{}, false
	}
	end := j + segment(s[j:])
	if end-j < shortestBotSecret {
		return hit{}, false
	}
	return hit{start: i + 3, end: end, rule: formatTelegram}, true
}

// segment is the length of a path segment, whatever it is made of: a secret of this place may hold escapes.
func segment(s string) int {
	if n := strings.IndexAny(s, "/?# \t\r\n\"'<>&,;"); n >= 0 {
		return n
	}
	return len(s)
}

// matchWebhook takes the secret end of a chat webhook: /services/T…/B…/<secret> and /webhooks/<id>/<secret>.
func matchWebhook(s string, i int) (hit, bool) {
	var at, skip int
	switch rest := s[i:]; {
	case strings.HasPrefix(rest, "/services/T"):
		at, skip = i+len("/services/"), 2
	case strings.HasPrefix(rest, "/webhooks/"):
		at, skip = i+len("/webhooks/"), 1
	default:
		return hit{}, false
	}
	for ; skip > 0; skip-- {
		end := letterRun(s, at, base62)
		if end-at < 8 || end >= len(s) || s[end] != '/' {
			return hit{}, false
		}
		at = end + 1
	}
	end := letterRun(s, at, urlSafe)
	if end-at < 20 || !secretish(s[at:end]) {
		return hit{}, false
	}
	return hit{start: at, end: end, rule: formatWebhook}, true
}

// matchScheme takes what follows the word Bearer or Basic in running text, where it looks like a credential.
func matchScheme(s string, i int) (hit, bool) {
	if i > 0 && alnum(s[i-1]) {
		return hit{}, false
	}
	word := s[i:min(len(s), i+len("bearer"))]
	switch {
	case strings.EqualFold(word, "bearer"):
		return matchAfter(s, i+len("bearer"), func(v string) bool { return secretish(v) || len(v) >= 24 })
	case len(word) > 5 && strings.EqualFold(word[:5], "basic"):
		return matchAfter(s, i+len("basic"), func(v string) bool {
			user, _, ok := decodeBasic(v)
			return ok && printable(user)
		})
	}
	return hit{}, false
}

func matchAfter(s string, i int, accept func(string) bool) (hit, bool) {
	start := i
	for start < len(s) && (s[start] == ' ' || s[start] == '\t' || s[start] == '+') {
		start++
	}
	if start == i && !strings.HasPrefix(s[i:], "%20") {
		return hit{}, false
	}
	if start == i {
		start += len("%20")
	}
	end := start
	for end < len(s) && end < start+longestToken && token68(s[end]) {
		end++
	}
	if end-start < 4 || !accept(s[start:end]) {
		return hit{}, false
	}
	return hit{start: start, end: end, rule: schemeInText, weak: true}, true
}

// token68 is the alphabet of RFC 9110 credentials.
func token68(c byte) bool {
	return letterSets[c]&dotted != 0 || c == '~' || c == '+' || c == '/' || c == '='
}

// secretish reports whether a word looks made by a machine: long enough and with digits or mixed case among letters.
func secretish(s string) bool {
	if len(s) < 8 {
		return false
	}
	var digits, lowers, uppers int
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case '0' <= c && c <= '9':
			digits++
		case 'a' <= c && c <= 'z':
			lowers++
		case 'A' <= c && c <= 'Z':
			uppers++
		}
	}
	if digits > 0 {
		return lowers+uppers > 0 || digits >= 16
	}
	return uppers > 1 && lowers > 1 && len(s) >= 12
}

func printable(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < 0x20 || s[i] >= 0x7f {
			return false
		}
	}
	return true
}
