package secret

import (
	"errors"
	"strings"

	"github.com/keytrail/keytrail/internal/fingerprint"
)

// Credential is what a searched token is known by: which kind of fingerprint, over which digest.
type Credential struct {
	Kind   fingerprint.Kind
	Digest fingerprint.Digest
	Scheme string
	Format string
}

// maxPasted bounds the text that is read as a token: no header is longer.
const maxPasted = 64 << 10

var (
	errNoToken   = errors.New("token: no credential in the text, want a bare token, a whole header line or Basic text")
	errMasked    = errors.New("token: the credential is masked or cut off, want the whole of it")
	errTooLong   = errors.New("token: text is longer than 65536 bytes")
	errManyLines = errors.New("token: want one line")
)

// ParseToken reads a token as a person pastes it: bare, as a whole header line, as scheme and credential, or as
// user:password. Where the text can be read in two ways, all readings are returned, the likelier first. Ids that only
// mean something under an issuer (a Basic login, an access key) are given once for each of issuers.
func ParseToken(text []byte, issuers ...string) ([]Credential, error) {
	if len(text) > maxPasted {
		return nil, errTooLong
	}
	s := strings.Trim(strings.TrimSpace(string(text)), `"'`)
	if strings.HasPrefix(s, pemBegin) || !strings.ContainsAny(s, "\r\n") {
		return parseLine(s, issuers)
	}
	return nil, errManyLines
}

func parseLine(s string, issuers []string) ([]Credential, error) {
	if len(issuers) == 0 {
		issuers = []string{""}
	}
	var found []Credential
	cut := false
	for _, issuer := range issuers {
		p := newPass(nil)
		p.issuer = issuer
		p.lookPasted(s)
		cut = cut || p.hidden.remains
		found = merge(found, p.credentials())
	}
	switch {
	case len(found) > 0:
		return found, nil
	case cut:
		return nil, errMasked
	}
	return nil, errNoToken
}

func merge(found []Credential, more []credential) []Credential {
next:
	for i := range more {
		c := &more[i]
		for j := range found {
			if found[j].Kind == c.kind && found[j].Digest == c.digest {
				continue next
			}
		}
		found = append(found, Credential{Kind: c.kind, Digest: c.digest, Scheme: c.scheme, Format: c.format})
	}
	return found
}

func (p *Pass) lookPasted(s string) {
	if name, value, ok := strings.Cut(s, ":"); ok && headerName(name) {
		c := computeClass("http.request.header." + strings.ToLower(strings.TrimSpace(name)))
		if c.cert != certNone {
			p.lookCertificate(&c, strings.TrimSpace(value))
			return
		}
		if c.bears && c.means.login {
			p.lookNamed(&c, strings.TrimSpace(value))
			return
		}
	}
	bare := place{rank: rankAuthorization, kind: placeHeader, name: "authorization"}
	switch scheme, rest := splitScheme(s); {
	case scheme != schemeNone && scheme != schemeOther:
		p.addAuthorization(s, bare)
	case scheme == schemeOther && rest != "" && len(s)-len(rest) < longestScheme:
		p.addToken(rest, schemeOther, bare)
		p.addToken(s, schemeNone, place{rank: rankOther, kind: placeField})
	default:
		p.lookBare(s, bare)
	}
}

// lookBare takes a text that names no scheme: a token; or user:password, which some tokens look like as well.
func (p *Pass) lookBare(s string, at place) {
	user, password, pair := strings.Cut(s, ":")
	asToken := at
	if pair && user != "" && !isTelegramBare(s) {
		p.addUserPassword(user, password, at)
		asToken.rank = rankOther
	}
	p.addToken(s, schemeNone, asToken)
}

func headerName(s string) bool {
	s = strings.TrimSpace(s)
	if s == "" || len(s) > longestName {
		return false
	}
	for i := 0; i < len(s); i++ {
		if !alnum(s[i]) && s[i] != '-' && s[i] != '_' {
			return false
		}
	}
	return true
}
