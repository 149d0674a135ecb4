package secret

import (
	"strings"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/fingerprint"
)

// addToken takes the exact text of one credential.
func (p *Pass) addToken(token, scheme string, at place) {
	token = strings.TrimSpace(token)
	if placeholder(token) {
		p.noteStandIn(token, at, scheme)
		return
	}
	if how := remainder(token); how != "" {
		p.addValue(token, at.rank)
		p.noteRemains(how, at, scheme)
		return
	}
	c := credential{kind: kindToken, place: at, scheme: scheme, format: formatOpaque}
	identity := token
	switch classifyJOSE(token) {
	case jws:
		c.format, c.token = formatJWT, hide(token)
		identity = signingInput(token)
	case jwe:
		c.format = formatJWE
	case proof:
		p.addProof(token)
		return
	case cutJOSE:
		p.addValue(token, at.rank)
		p.noteRemains(event.VisibilityTruncated, at, scheme)
		return
	default:
		if !p.recognise(&c, token) {
			return
		}
	}
	p.addValue(identity, at.rank)
	c.digest = fingerprint.CredentialDigest([]byte(identity))
	p.add(c)
}

// recognise names the format; false where the token is no credential to be hashed, because it was cut off or is
// only the id of one.
func (p *Pass) recognise(c *credential, token string) bool {
	f := &p.finder
	first := len(f.hits)
	_, f.hits = scan(token, f.hits)
	hits := f.hits[first:]
	f.hits = f.hits[:first]
	if len(hits) == 1 && hits[0].start == 0 && hits[0].end == len(token) && !hits[0].weak {
		c.format = hits[0].rule
		if f := hits[0].format; f != nil && f.sum != nil {
			c.checksum = f.sum(f.prefix, token[len(f.prefix):])
		}
		if c.format == formatAWS {
			p.addAccessKey(token, c.place)
			return false
		}
		return true
	}
	if cutShort(token) {
		p.addValue(token, c.place.rank)
		p.noteRemains(event.VisibilityTruncated, c.place, c.scheme)
		return false
	}
	if isTelegramBare(token) {
		c.format = formatTelegram
	}
	return true
}

// cutShort reports whether token begins like a known format and ends before its shortest length.
func cutShort(token string) bool {
	for _, f := range formatsAt[token[0]] {
		if len(f.prefix) < 4 || f.bounded || !strings.HasPrefix(token, f.prefix) {
			continue
		}
		end := letterRun(token, len(f.prefix), f.letters)
		return end == len(token) && end-len(f.prefix) < f.min
	}
	return false
}

func isTelegramBare(token string) bool {
	id, rest, ok := strings.Cut(token, ":")
	return ok && len(id) >= 6 && digits(id) && len(rest) >= 30 && letterRun(rest, 0, urlSafe) == len(rest)
}
