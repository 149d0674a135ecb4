package secret

import "strings"

// longestUserinfo bounds what may stand between :// and @.
const longestUserinfo = 1 << 10

// lookUserinfo takes the login of a URL. In the request's own target a client sends it as Basic; in other text it
// belongs to somebody else, and is only removed.
func (p *Pass) lookUserinfo(c *keyClass, value string) {
	eachUserinfo(value, func(start, end int) {
		user, password, _ := strings.Cut(value[start:end], ":")
		user, password = decodeOnce(user), decodeOnce(password)
		switch {
		case !loginLike(value[start:end]) || placeholder(value[start:end]):
		case c.target && start < pathStart(value):
			p.addUserPassword(user, password, place{rankKeyHeader, placeUser, ""})
		case password != "":
			p.addValue(password, rankOther)
		default:
			p.addValue(user, rankOther)
		}
	})
}

// findUserinfo marks user:password in URLs, and a user that is long enough to be a token.
func (f *finder) findUserinfo(l *layer) {
	eachUserinfo(l.text, func(start, end int) {
		if loginLike(l.text[start:end]) {
			f.markText(l, start, end, "userinfo")
		}
	})
}

// loginLike reports whether what stands before a host is more than a name: git@ and postgres@ stay.
func loginLike(info string) bool {
	_, password, _ := strings.Cut(info, ":")
	return password != "" || len(info) >= 16 || secretish(info)
}

// eachUserinfo gives what stands between :// and @ in the URLs of s.
func eachUserinfo(s string, found func(start, end int)) {
	for i := 0; i < len(s); {
		j := strings.Index(s[i:], "://")
		if j < 0 {
			return
		}
		i += j + len("://")
		end := i
		for end < len(s) && end-i < longestUserinfo && !userinfoEnd(s[end]) {
			end++
		}
		if end >= len(s) || s[end] != '@' {
			continue
		}
		found(i, end)
		i = end
	}
}

func userinfoEnd(c byte) bool {
	return c == '@' || c == '/' || c == '?' || c == '#' || c == ' ' || c == '"' || c == '<' || c < 0x20
}
