package secret

import (
	"bytes"
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
	jose, _ := joseHeader(s[i : i+strings.IndexByte(s[i:], '.')])
	return h, jose
}

// joseHeader reports whether a segment decodes to a JSON object that names an algorithm, and whether it heads a DPoP
// proof.
func joseHeader(segment string) (jose, isProof bool) {
	if len(segment) > longestClaims {
		return false, false
	}
	b, err := base64.RawURLEncoding.DecodeString(segment)
	if err != nil || len(b) < 2 || b[0] != '{' {
		return false, false
	}
	return bytes.Contains(b, []byte(`"alg"`)), bytes.Contains(b, []byte(proofType))
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

// keyish reports whether a value is random enough for a key: no path, no file, no slug of words and numbers.
func keyish(s string) bool {
	if !secretish(s) || slug(s) || strings.ContainsAny(s, " \t") {
		return false
	}
	if firstEscape(s) >= 0 {
		return false // to be judged by what is under the escapes
	}
	if strings.IndexByte(s, '/') >= 0 {
		return strings.IndexByte(s, '.') < 0 && len(s) >= 32 && strings.Count(s, "/") <= len(s)/16
	}
	return len(s) >= 16 || changes(s) >= 3
}

// slug reports whether s is words and numbers between separators: PROJ-1234, summer-sale-2026, report_final.pdf.
func slug(s string) bool {
	for s != "" {
		n := 0
		for n < len(s) && alnum(s[n]) {
			n++
		}
		if part := s[:n]; n >= 16 || changes(part) > 0 && !capitalised(part) {
			return false
		}
		s = s[min(n+1, len(s)):]
	}
	return true
}

// capitalised reports whether s is one word of letters with only its first one large.
func capitalised(s string) bool {
	for i := 1; i < len(s); i++ {
		if s[i] < 'a' || s[i] > 'z' {
			return false
		}
	}
	return true
}

// changes counts where lower letters, upper letters, digits and other bytes of s follow one another.
func changes(s string) int {
	n := 0
	for i := 1; i < len(s); i++ {
		if kindOf(s[i]) != kindOf(s[i-1]) {
			n++
		}
	}
	return n
}

func kindOf(c byte) int {
	switch {
	case 'a' <= c && c <= 'z':
		return 1
	case 'A' <= c && c <= 'Z':
		return 2
	case '0' <= c && c <= '9':
		return 3
	}
	return 0
}

func printable(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < 0x20 || s[i] >= 0x7f {
			return false
		}
	}
	return true
}
