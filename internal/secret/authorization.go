package secret

import (
	"cmp"
	"strings"

	"github.com/keytrail/keytrail/internal/event"
)

// authSchemes maps the scheme words we know to token.scheme. A word we do not know is "other": the caller writes it,
// and a label must come from a closed set.
var authSchemes = map[string]string{
	"bearer": schemeBearer, "basic": schemeBasic, "token": schemeToken, "apikey": schemeAPIKey, "api-key": schemeAPIKey,
	"api_key": schemeAPIKey, "key": schemeAPIKey, "ssws": "ssws", "private-token": "private_token",
	"job-token": "job_token", "digest": schemeDigest, "aws4-hmac-sha256": schemeSigV4, "aws": schemeSigV4,
	"negotiate": "negotiate", "ntlm": "ntlm", "dpop": "dpop", "oauth": "oauth", "hawk": schemeHawk, "mac": schemeMAC,
	"acs": schemeSignature, "obs": schemeSignature, "geniekey": schemeAPIKey, "signature": schemeSignature, "goog4-hmac-sha256": schemeGoog, "sharedkeylite": schemeShared, "splunk": schemeToken, "jwt": schemeBearer, "snowflake": schemeToken,
	"sharedkey": schemeShared, "sharedaccesssignature": schemeShared, "session": "session", "goog1": schemeGoog,
	"goog4-rsa-sha256": schemeGoog, "aws4-ecdsa-p256-sha256": schemeSigV4, "zoho-oauthtoken": "oauth",
	"aws3-https": schemeSigV4, "apitoken": schemeToken, "api-token": schemeToken, "discogs": schemeToken,
}

// longestScheme bounds the first word that can be a scheme.
const longestScheme = 24

func splitScheme(value string) (scheme, rest string) {
	i := strings.IndexAny(value, " \t")
	if i < 0 {
		return schemeNone, value
	}
	word, rest := value[:i], strings.TrimSpace(value[i+1:])
	if rest == "" {
		return schemeNone, word
	}
	if i > longestScheme {
		return schemeOther, rest
	}
	var buf [longestScheme]byte
	b := buf[:i]
	for j := range b {
		b[j] = lower(word[j])
	}
	if s, ok := authSchemes[string(b)]; ok {
		return s, rest
	}
	return schemeOther, rest
}

// startsWithScheme reports whether a value of a header that is not Authorization is a scheme and one credential.
func startsWithScheme(value string) bool {
	if len(value) < 7 {
		return false
	}
	switch lower(value[0]) {
	case 'b':
		if len(value) > 7 && strings.EqualFold(value[:7], "bearer ") {
			rest := strings.TrimSpace(value[7:])
			return !strings.ContainsAny(rest, " =\t") || strings.IndexByte(rest, ' ') < 0 && secretish(rest)
		}
		if strings.EqualFold(value[:6], "basic ") {
			_, _, ok := decodeBasic(strings.TrimSpace(value[6:]))
			return ok
		}
	case 'a':
		return strings.HasPrefix(value, "AWS4-HMAC-SHA256 ")
	}
	return false
}

// addAuthorization takes the value of an Authorization header.
func (p *Pass) addAuthorization(value string, at place) {
	value = strings.TrimSpace(value)
	scheme, rest := splitScheme(value)
	if placeholder(value) || placeholder(rest) {
		p.noteStandIn(rest, at, scheme)
		return
	}
	switch scheme {
	case schemeBasic:
		p.addBasic(rest, at)
	case schemeDigest:
		p.addDigest(rest, at)
	default:
		if !p.addSigned(scheme, rest, at) {
			p.addSchemed(scheme, rest, at)
		}
	}
}

// addDigest keeps whom an RFC 7616 response names. The response proves a password for this request alone.
func (p *Pass) addDigest(rest string, at place) {
	p.addValue(parameter(rest, "response"), at.rank)
	user := parameter(rest, "username")
	if user == "" {
		if _, _, encoded := cutTwice(parameter(rest, "username*"), "'"); encoded != "" {
			user = decodeOnce(encoded) // UTF-8''J%C3%A4s%C3%B8n
		}
	}
	if user == "" {
		p.noteRemains(remainsOf(rest), at, schemeDigest)
		return
	}
	p.addHuman(schemeDigest, user, at)
}

func cutTwice(s, sep string) (a, b, c string) {
	a, s, _ = strings.Cut(s, sep)
	b, c, _ = strings.Cut(s, sep)
	return a, b, c
}

// remainsOf says how a credential came to lack the part that identifies it.
func remainsOf(s string) string {
	return cmp.Or(remainder(s), event.VisibilityTruncated)
}

// addSchemed takes a credential behind a scheme word. Several headers of one name reach us joined by commas.
func (p *Pass) addSchemed(scheme, rest string, at place) {
	for _, name := range []string{"token=", "Token=", "auth="} {
		if strings.HasPrefix(rest, name) { // Token token="…", email="…"
			rest = parameter(rest, strings.ToLower(name[:len(name)-1]))
			break
		}
	}
	for {
		i := strings.IndexByte(rest, ',')
		if i < 0 || !startsWithScheme(strings.TrimSpace(rest[i+1:])) {
			break
		}
		p.addToken(rest[:i], scheme, at)
		var next string
		next, rest = splitScheme(strings.TrimSpace(rest[i+1:]))
		if next == schemeBasic {
			p.addBasic(rest, at)
			return
		}
		scheme = next
	}
	p.addToken(rest, scheme, at)
}

// parameter returns a parameter of a challenge-style list: name=value or name="value", separated by commas.
func parameter(list, name string) string { return parameters{list, ','}.get(name) }

// parameters is a list of name=value or name="value".
type parameters struct {
	list      string
	separator byte
}

// newParameters takes the separator that a scheme uses: most a comma, Azure's an ampersand, Akamai's a semicolon.
func newParameters(list string) parameters {
	for _, separator := range []byte{',', '&'} {
		if strings.IndexByte(list, separator) >= 0 {
			return parameters{list, separator}
		}
	}
	return parameters{list, ';'}
}

func (ps parameters) get(name string) string {
	for list := ps.list; list != ""; {
		var item string
		item, list = cutItem(list, ps.separator)
		n, v, ok := strings.Cut(item, "=")
		if ok && strings.EqualFold(strings.TrimSpace(n), name) {
			return strings.Trim(strings.TrimSpace(v), `"`)
		}
	}
	return ""
}

func (ps parameters) first(names []string) string {
	for _, name := range names {
		if v := ps.get(name); v != "" {
			return v
		}
	}
	return ""
}

// cutItem splits at the first separator outside quotes.
func cutItem(list string, separator byte) (item, rest string) {
	quoted := false
	for i := 0; i < len(list); i++ {
		switch list[i] {
		case '\\':
			i++ // what is escaped inside quotes neither ends them nor the item
		case '"':
			quoted = !quoted
		case separator:
			if !quoted {
				return list[:i], strings.TrimSpace(list[i+1:])
			}
		}
	}
	return list, ""
}
