package secret

import "strings"

// strength says how sure a name makes us that its value is a credential.
type strength uint8

const (
	// inQuery: only as a query parameter ("key" and "code" are ordinary words elsewhere).
	inQuery strength = iota + 1
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

	"token": {"token", weak, true}, "auth": {"auth", weak, true}, "jwt": {"token", strong, true},
	"bearer": {"token", weak, true}, "assertion": {"token", weak, false}, "clientassertion": {"token", strong, false},
	"samlresponse": {"token", strong, false}, "samlassertion": {"token", strong, false},
	"refreshtoken": {"token", strong, false}, "idtoken": {"token", strong, false},

	"session": {"session", weak, true}, "sid": {"session", weak, true}, "sessid": {"session", strong, true},
	"sessionid": {"session", strong, true}, "sessionkey": {"session", strong, true},
	"phpsessid": {"session", strong, true}, "jsessionid": {"session", strong, true},

	"sig": {"signature", weak, true}, "signature": {"signature", weak, false},
	"xamzsignature": {"signature", strong, false}, "xgoogsignature": {"signature", strong, false},
	"xamzcredential": {"api_key", weak, true}, "xgoogcredential": {"api_key", weak, false},
	"credential": {"credential", weak, false}, "credentials": {"credential", weak, false},

	"key": {"api_key", inQuery, true}, "code": {"code", inQuery, false},

	"cfaccessjwtassertion": {"token", strong, true}, "xjwtassertion": {"token", strong, true},
	"xgoogiapjwtassertion": {"token", strong, true}, "xamznoidcdata": {"token", strong, true},
	"awsaccesskeyid": {"api_key", strong, true}, "xhoneycombteam": {"api_key", strong, true},
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
	if len(name) < 3 {
		return named{}, false
	}
	if !endsLikeCredential[name[len(name)-1]] {
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
	for i := range nameEndings {
		e := &nameEndings[i]
		if n := len(flat) - len(e.end); n >= 0 && string(flat[n:]) == e.end {
			return e.is, e.is.rule != ""
		}
	}
	return named{}, false
}

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

// endsLikeCredential holds the last bytes of the names above: most names are told apart by it alone.
var endsLikeCredential = func() (t [256]bool) {
	mark := func(name string) {
		c := name[len(name)-1]
		t[c] = true
		if 'a' <= c && c <= 'z' {
			t[c-'a'+'A'] = true
		}
	}
	for n := range exactNames {
		mark(n)
	}
	for i := range nameEndings {
		mark(nameEndings[i].end)
	}
	for _, c := range []byte(`]-_."' `) {
		t[c] = true
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
	for _, part := range []string{"sess", "token", "jwt", "auth", "apikey", "accesskey", "bearer", "rememberme"} {
		if strings.Contains(flat, part) {
			return true
		}
	}
	return flat == "sid" || strings.HasSuffix(flat, "sid")
}

// nameByte reports whether c may stand in a parameter or member name.
func nameByte(c byte) bool { return class[c]&isName != 0 }
