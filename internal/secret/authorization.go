package secret

import "strings"

// authSchemes maps the scheme words we know to token.scheme. A word we do not know is "other": the caller writes it,
// and a label must come from a closed set.
var authSchemes = map[string]string{
	"bearer": schemeBearer, "basic": schemeBasic, "token": schemeToken, "apikey": schemeAPIKey, "api-key": schemeAPIKey,
	"api_key": schemeAPIKey, "key": schemeAPIKey, "ssws": "ssws", "private-token": "private_token",
	"job-token": "job_token", "digest": schemeDigest, "aws4-hmac-sha256": schemeSigV4, "aws": schemeSigV4,
	"negotiate": "negotiate", "ntlm": "ntlm", "dpop": "dpop", "oauth": "oauth", "hawk": "hawk", "mac": "mac",
	"geniekey": schemeAPIKey, "splunk": schemeToken, "jwt": schemeBearer, "snowflake": schemeToken,
	"sharedkey": "shared_key", "sharedaccesssignature": "shared_key", "session": "session", "goog1": schemeOther,
	"goog4-rsa-sha256": schemeOther, "aws4-ecdsa-p256-sha256": schemeSigV4,
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
	if placeholder(value) {
		return
	}
	scheme, rest := splitScheme(value)
	switch scheme {
	case schemeBasic:
		if placeholder(rest) {
			return
		}
		if masked(rest) {
			p.noteMasked(at, scheme)
			return
		}
		p.addBasic(rest, at)
	case schemeDigest:
		if user := parameter(rest, "username"); user != "" {
			p.addHuman(schemeDigest, user, at)
		}
		p.addValue(parameter(rest, "response"), at.rank)
	case schemeSigV4:
		p.addSigV4(rest, at)
	default:
		p.addSchemed(scheme, rest, at)
	}
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

// addSigV4 keeps the access key id of a signed request; the signature is of this request alone.
func (p *Pass) addSigV4(rest string, at place) {
	if credential := parameter(rest, "credential"); credential != "" {
		id, _, _ := strings.Cut(credential, "/")
		p.addAccessKey(id, at)
		p.addValue(parameter(rest, "signature"), at.rank)
		return
	}
	if id, signature, ok := strings.Cut(rest, ":"); ok { // version 2: AWS id:signature
		p.addAccessKey(id, at)
		p.addValue(signature, at.rank)
	}
}

// sigV4Scope takes the access key id from id/date/region/service/aws4_request.
func sigV4Scope(value string) (string, bool) {
	if !strings.HasSuffix(value, "/aws4_request") {
		return "", false
	}
	id, _, _ := strings.Cut(value, "/")
	return id, id != ""
}

// parameter returns a parameter of a challenge-style list: name=value or name="value", separated by commas.
func parameter(list, name string) string {
	for list != "" {
		var item string
		item, list = cutItem(list)
		n, v, ok := strings.Cut(item, "=")
		if ok && strings.EqualFold(strings.TrimSpace(n), name) {
			return strings.Trim(strings.TrimSpace(v), `"`)
		}
	}
	return ""
}

// cutItem splits at the first comma outside quotes.
func cutItem(list string) (item, rest string) {
	quoted := false
	for i := 0; i < len(list); i++ {
		switch list[i] {
		case '"':
			quoted = !quoted
		case ',':
			if !quoted {
				return list[:i], strings.TrimSpace(list[i+1:])
			}
		}
	}
	return list, ""
}
