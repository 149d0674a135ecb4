package secret

import (
	"hash/crc32"
	"strings"
)

// Some tokens end in a checksum that tells without a network whether one was ever issued or only looks like it.
// Those stand here whose makers publish the algorithm:
//
//   - GitHub's classic tokens (github.blog, 2021-04-05) and npm's, which took the scheme over (GitHub changelog,
//     2021-09-23): the last six letters are the CRC-32 of the thirty before, in base 62.
//   - GitLab's routable tokens (lib/authn/token_field/generator/routable_token.rb in its source): the last seven
//     letters are the CRC-32 of everything before, prefix included, in base 36.
//
// GitHub's fine-grained tokens, Zuplo's keys, Slack's and Stripe's have no published checksum and get no verdict.

const (
	checkedLength  = 36
	checksumLength = 6
	base62Digits   = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

// checksum is the judgement of one token: empty where it carries none.
type checksum func(prefix, body string) string

const (
	checksumValid   = "valid"
	checksumInvalid = "invalid"
)

func verdict(ok bool) string {
	if ok {
		return checksumValid
	}
	return checksumInvalid
}

// checksumBase62 judges a token of GitHub's and npm's scheme.
func checksumBase62(_, body string) string {
	if len(body) != checkedLength {
		return ""
	}
	cut := len(body) - checksumLength
	sum := crc32.ChecksumIEEE([]byte(body[:cut]))
	return verdict(body[cut:] == string(appendBase(nil, sum, base62Digits, checksumLength)))
}

const (
	routableLength  = 7 // letters of the checksum
	routableHolder  = 2 // letters of the payload's length, and of the version before it
	shortestRouting = 27
	base36Digits    = "0123456789abcdefghijklmnopqrstuvwxyz"
)

// checksumRoutable judges a token of GitLab's routable form: <payload>.<length><sum>, since 2025 also
// <payload>.<version>.<length><sum>.
func checksumRoutable(prefix, body string) string {
	payload, rest, _ := strings.Cut(body, ".")
	if version, tail, ok := strings.Cut(rest, "."); ok {
		if len(version) != routableHolder {
			return ""
		}
		rest = tail
	}
	if len(payload) < shortestRouting || len(rest) != routableHolder+routableLength {
		return ""
	}
	cut := len(body) - routableLength
	sum := crc32.Update(crc32.ChecksumIEEE([]byte(prefix)), crc32.IEEETable, []byte(body[:cut]))
	return verdict(body[cut:] == string(appendBase(nil, sum, base36Digits, routableLength)))
}

// appendBase appends n in the base of digits, padded to width with the first digit.
func appendBase(b []byte, n uint32, digits string, width int) []byte {
	at := len(b)
	for range width {
		b = append(b, digits[0])
	}
	base := uint32(len(digits))
	for i := len(b) - 1; i >= at; i-- {
		b[i] = digits[n%base]
		n /= base
	}
	return b
}
