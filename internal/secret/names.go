package secret

import "strings"

// strength says how sure a name makes us that its value is a credential.
type strength uint8

const (
	// inQuery: only as a query parameter ("key" and "code" are ordinary words elsewhere).
	inQuery strength = iota + 1
	// vague: as weak, but a parameter's value that is an ordinary word, too, is no credential (?session=morning).
	vague
	// weak: as a parameter, a string member or an attribute; in prose only where the value looks like a secret.
	weak
	// strong: everywhere, and for everything nested under the name.
	strong
)

// named is what a credential-bearing name means.
type named struct {
	rule     string
	strength strength
	// login: the value is a credential that identifies its bearer, and gets a fingerprint. Passwords, signatures and
	// client secrets are only removed.
	login bool
}

// Rules whose values are read in their own way.
const (
	ruleAccessKey = "access_key" // the id of a key that signs as AWS does
	ruleGoogleKey = "google_key"
	ruleProof     = "dpop"
	ruleHash      = "token_hash"
)

// fits reports whether a value can be what its name says. Names that are good for a query alone need a value that
// is made by a machine: ?key=created_at, ?key=uploads/2026/cat.png and ?code=SAVE20 are no credentials.
func (n named) fits(v string) bool {
	switch {
	case n.strength == vague:
		return secretish(v)
	case n.strength != inQuery:
		return true
	case n.login:
		return len(v) >= shortestValue && keyish(v)
	}
	return len(v) >= shortestCode && secretish(v)
}

// shortestCode is below the codes that OAuth servers give (GitHub's have 20 letters) and above coupons and countries.
const shortestCode = 16

// Names are compared in lower case without - _ . and brackets.
var exactNames = map[string]named{
	"authorization": {"authorization", strong, true},
	"cookie":        {"cookie", strong, true},
	"cookies":       {"cookie", strong, true},
	"setcookie":     {"set_cookie", strong, false},
	"setcookie2":    {"set_cookie", strong, false},

	"password": {"password", strong, false}, "passwd": {"password", strong, false}, "pwd": {"password", strong, false},
	"passphrase": {"password", strong, false}, "pass": {"password", weak, false},
	"otp": {"password", weak, false}, "totp": {"password", weak, false}, "mfacode": {"password", weak, false},

	"token": {"token", weak, true}, "auth": {"auth", vague, true}, "jwt": {"token", strong, true},
	"bearer": {"token", vague, true}, "assertion": {"token", weak, false}, "clientassertion": {"token", strong, false},
	"samlresponse": {"token", strong, false}, "samlassertion": {"token", strong, false},
	"refreshtoken": {"token", strong, false}, "idtoken": {"token", strong, false},

	"session": {"session", vague, true}, "sid": {"session", weak, true}, "sessid": {"session", strong, true},
	"sessionid": {"session", strong, true}, "sessionkey": {"session", strong, true},
	"phpsessid": {"session", strong, true}, "jsessionid": {"session", strong, true},

	"sig": {"signature", weak, true}, "signature": {"signature", weak, false},
	"xamzsignature": {"signature", strong, false}, "xgoogsignature": {"signature", strong, false},
	"xamzcredential": {ruleAccessKey, weak, true}, "awsaccesskeyid": {ruleAccessKey, strong, true},
	"xgoogcredential": {ruleGoogleKey, weak, true}, "googleaccessid": {ruleGoogleKey, weak, true},
	"credential": {"credential", weak, false}, "credentials": {"credential", weak, false},

	"key": {"api_key", inQuery, true}, "code": {"code", inQuery, false},

	"cfaccessjwtassertion": {"token", strong, true}, "xjwtassertion": {"token", strong, true},
	"xgoogiapjwtassertion": {"token", strong, true}, "xamznoidcdata": {"token", strong, true},
	"dpop": {ruleProof, strong, false}, "xauth": {"authorization", weak, true}, "xhoneycombteam": {"api_key", strong, true},
}

// Names whose end says it: x-vendor-api-key, stripe_secret_key, github_token.
var nameEndings = []struct {
	end string
	is  named
}{
	{"authorization", named{"authorization", strong, true}},
	{"apikey", named{"api_key", strong, true}},
	{"passkey", named{"api_key", strong, true}},
	{"subscriptionkey", named{"api_key", strong, true}},
	{"functionskey", named{"api_key", strong, true}},
	{"applicationkey", named{"api_key", strong, true}},
	{"appkey", named{"api_key", strong, true}},
	{"insertkey", named{"api_key", strong, true}},
	{"authkey", named{"api_key", strong, true}},
	{"accesskey", named{"api_key", strong, true}},
	{"accesskeyid", named{"api_key", strong, true}},
	{"secretaccesskey", named{"secret", strong, false}},
	{"secretkey", named{"secret", strong, false}},
	{"privatekey", named{"private_key", strong, false}},
	{"signingkey", named{"secret", strong, false}},
	{"encryptionkey", named{"secret", strong, false}},
	{"sharedkey", named{"secret", strong, false}},
	{"masterkey", named{"secret", strong, false}},
	{"accountkey", named{"secret", strong, false}},
	{"csrftoken", named{"token", strong, false}},
	{"xsrftoken", named{"token", strong, false}},
	{"pagetoken", named{}}, // pagination tokens name a place in a list, not a caller
	{"nexttoken", named{}},
	{"continuationtoken", named{}},
	{"synctoken", named{}},
	{"startingtoken", named{}},
	{"canceltoken", named{}},
	{"hashedtoken", named{ruleHash, strong, false}}, // what fingerprints are made of: see Pass.addSum
	{"tokenhash", named{ruleHash, strong, false}},
	{"tokensha256", named{ruleHash, strong, false}},
	{"token", named{"token", strong, true}},
	{"secret", named{"secret", strong, false}},
	{"password", named{"password", strong, false}},
	{"passwd", named{"password", strong, false}},
	{"passphrase", named{"password", strong, false}},
	{"sessionid", named{"session", strong, true}},
	{"credentials", named{"credential", weak, false}},
}

// longestName is how much of a name is compared, from its end: the longest ending is far shorter.
const longestName = 64

// lookupName says what a parameter, member, header or attribute name means.
func lookupName(name string) (named, bool) {
	if len(name) < 3 || !endsLikeCredential(name) {
		return named{}, false
	}
	if len(name) > longestName {
		name = name[len(name)-longestName:]
	}
	var buf [longestName]byte
	flat := flatten(buf[:0], name)
	if n, ok := exactNames[string(flat)]; ok {
		return n, true
	}
	if len(flat) == 0 {
		return named{}, false
	}
	for _, i := range endingsAt[flat[len(flat)-1]] {
		e := &nameEndings[i]
		if n := len(flat) - len(e.end); n >= 0 && string(flat[n:]) == e.end {
			return e.is, e.is.rule != ""
		}
	}
	return named{}, false
}

// endingsAt are the indexes of nameEndings by last byte, in order.
var endingsAt = func() (t [256][]int) {
	for i := range nameEndings {
		c := nameEndings[i].end[len(nameEndings[i].end)-1]
		t[c] = append(t[c], i)
	}
	return t
}()

// flatten lowers name and drops the letters in which spellings of one name differ.
func flatten(buf []byte, name string) []byte {
	for i := 0; i < len(name); i++ {
		switch c := name[i]; c {
		case '-', '_', '.', '[', ']', ' ', '"', '\'':
		default:
			buf = append(buf, lower(c))
		}
	}
	return buf
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// endsLikeCredential reports whether a name of two bytes or more ends as one of the names above does: most names are
// told apart by their last two letters.
func endsLikeCredential(name string) bool {
	switch a, b := name[len(name)-2], name[len(name)-1]; {
	case !alnum(b):
		return strings.IndexByte(`]-_."' `, b) >= 0
	case alnum(a):
		return lastLetters[b&31]>>(a&31)&1 != 0
	}
	return true
}

// lastLetters holds, for each last letter, the letters before it, by their low five bits and so in either case.
var lastLetters = func() (t [32]uint32) {
	mark := func(name string) { t[name[len(name)-1]&31] |= 1 << (name[len(name)-2] & 31) }
	for n := range exactNames {
		mark(n)
	}
	for i := range nameEndings {
		mark(nameEndings[i].end)
	}
	return t
}()

// sessionCookie reports whether a cookie of this name identifies its bearer.
func sessionCookie(name string) bool {
	if len(name) > longestName {
		name = name[:longestName]
	}
	var buf [longestName]byte
	flat := string(flatten(buf[:0], name))
	if strings.Contains(flat, "csrf") || strings.Contains(flat, "xsrf") {
		return false
	}
	for _, part := range []string{"sess", "token", "jwt", "oauth", "apikey", "accesskey", "bearer", "rememberme"} {
		if strings.Contains(flat, part) {
			return true
		}
	}
	return wordIn(name, "sid") || wordIn(name, "auth") || strings.HasSuffix(flat, "auth") || knownCookies[flat]
}

// knownCookies are sessions whose names do not say so: Google's, and what frameworks call theirs.
var knownCookies = map[string]bool{
	"ssid": true, "hsid": true, "apisid": true, "sapisid": true, "securehsid": true, "laravelid": true, "cfid": true,
	"cftoken": true, "xsid": true, "ltpatoken2": true, "mysapsso2": true, "cfauthorization": true, "aspxauth": true,
}

// wordIn reports whether word is a part of name between separators: connect.sid, __Secure-sid, but not visid.
func wordIn(name, word string) bool {
	for i := 0; i+len(word) <= len(name); i++ {
		if strings.EqualFold(name[i:i+len(word)], word) &&
			(i == 0 || !alnum(name[i-1])) && (i+len(word) == len(name) || !alnum(name[i+len(word)])) {
			return true
		}
	}
	return false
}

// nameByte reports whether c may stand in a parameter or member name.
func nameByte(c byte) bool { return class[c]&isName != 0 }
