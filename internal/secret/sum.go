package secret

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/fingerprint"
)

// addSum takes the SHA-256 of a credential from a source that keeps only that. It is what a kt fingerprint is made
// of, so it gives the one that the credential itself would; and whoever has it could make that fingerprint's inner
// digest, so it is removed like the credential.
func (p *Pass) addSum(a event.Auth) {
	sum, ok := decodeSum(strings.TrimSpace(a.TokenSHA256))
	if !ok {
		return
	}
	c := credential{
		kind: kindToken, digest: fingerprint.DigestFromSum(sum), scheme: schemeToken,
		place: place{rank: rankClaimed, kind: placeField},
	}
	if a.Authenticated {
		c.place.rank = rankGateway
	}
	text := strings.TrimSpace(a.TokenSHA256)
	p.addValue(text, rankGateway)
	p.forget(fingerprint.CredentialDigest([]byte(text)))
	p.add(c)
}

// forget drops a credential that was found before it was known to be none.
func (p *Pass) forget(d fingerprint.Digest) {
	p.prints = p.prints[:0]
	p.found = slices.DeleteFunc(p.found, func(c credential) bool { return c.kind == kindToken && c.digest == d })
}

// decodeSum reads a SHA-256 in hexadecimal or in either base64, with or without its padding.
func decodeSum(s string) (sum [sha256.Size]byte, ok bool) {
	var b []byte
	var err error
	switch trimmed := strings.TrimRight(s, "="); {
	case len(s) == hex.EncodedLen(len(sum)):
		b, err = hex.DecodeString(s)
	case len(trimmed) != base64.RawStdEncoding.EncodedLen(len(sum)):
		return sum, false
	case strings.ContainsAny(trimmed, "-_"):
		b, err = base64.RawURLEncoding.DecodeString(trimmed)
	default:
		b, err = base64.RawStdEncoding.DecodeString(trimmed)
	}
	return sum, err == nil && copy(sum[:], b) == len(sum)
}
