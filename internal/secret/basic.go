package secret

import (
	"encoding/base64"
	"strings"

	"github.com/keytrail/keytrail/internal/event"
)

// fillerUsers are user names that clients send only because Basic needs one; the password is the credential then.
var fillerUsers = keySet(
	"oauth2", "oauth2accesstoken", "oauthtoken", "x-access-token", "x-token-auth", "x-token", "x-oauth-basic",
	"gitlab-ci-token", "token", "__token__", "_token", "_json_key", "_json_key_base64", "api", "apikey", "api_key", "api-key",
	"api_token", "bearer", "jwt", "aws", "$oauthtoken", "pat", "anystring", "ignored", "unused", "nobody", "any",
)

// fillerPasswords are what clients send as password when the user is the credential.
var fillerPasswords = keySet("", "x", "x-oauth-basic", "api_token", "unused", "ignored", "none", "token")

// longestBasic bounds what is decoded of a Basic value: 16 KiB is beyond every server's header limit.
const longestBasic = 16 << 10

// decodeBasic splits the payload of a Basic credential; ok is false where it is not base64 of user:password.
func decodeBasic(payload string) (user, password string, ok bool) {
	payload = strings.TrimRight(payload, "=")
	if payload == "" || len(payload) > longestBasic {
		return "", "", false
	}
	enc := base64.RawStdEncoding
	if strings.ContainsAny(payload, "-_") {
		enc = base64.RawURLEncoding
	}
	b, err := enc.DecodeString(payload)
	if err != nil {
		return "", "", false
	}
	return strings.Cut(string(b), ":")
}

// addBasic applies the Basic rules: which half is the credential, and when it is a person.
func (p *Pass) addBasic(payload string, at place) {
	if how := remainder(payload); how != "" {
		p.addValue(payload, at.rank)
		p.noteRemains(how, at, schemeBasic)
		return
	}
	if isToken(payload) { // many a client sends its token as it is
		p.addToken(payload, schemeBasic, at)
		return
	}
	user, password, ok := decodeBasic(payload)
	if !ok {
		p.addValue(payload, at.rank)
		p.noteRemains(event.VisibilityTruncated, at, schemeBasic) // a whole one always decodes
		return
	}
	p.addValue(payload, at.rank)
	p.addUserPassword(user, password, at)
}

func (p *Pass) addUserPassword(user, password string, at place) {
	_, filler := fillerUsers[strings.ToLower(user)]
	_, noPassword := fillerPasswords[password]
	userToken, passwordToken := isToken(user), isToken(password)
	switch {
	case passwordToken || password != "" && (user == "" || filler):
		p.addToken(password, schemeBasic, at)
		if userToken {
			p.addToken(user, schemeBasic, at)
		}
	case userToken || password == "" && user != "":
		p.addToken(user, schemeBasic, at)
		if !noPassword {
			p.addValue(password, at.rank)
		}
	case user != "":
		p.addHuman(schemeBasic, user, at)
		p.addValue(password, at.rank)
	}
}

// addHuman keeps a login by name: the id is the user's, no hash is made of the password.
func (p *Pass) addHuman(kind, user string, at place) {
	p.addID(credential{scheme: kind, place: at, user: user}, user)
}

// addID keeps a credential that is known by an id, under the kind that is its scheme.
func (p *Pass) addID(c credential, id string) {
	if placeholder(id) {
		p.noteStandIn(id, c.place, c.scheme)
		return
	}
	if how := remainder(id); how != "" {
		p.noteRemains(how, c.place, c.scheme)
		return
	}
	c.kind, c.digest = kindID, idDigest(c.scheme, p.issuer, id)
	p.add(c)
}

// isToken reports whether the whole of s is of a recognised format.
func isToken(s string) bool {
	start, end, found := firstFormat(s)
	return found && start == 0 && end == len(s)
}
