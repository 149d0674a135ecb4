package secret

import "hash/crc32"

// GitHub and npm end a token of 36 letters with six of base 62: the CRC-32 of the thirty before.
const (
	checkedLength  = 36
	checksumLength = 6
	base62Digits   = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

// checksumBase62 tells without a network whether such a token was ever issued or only looks like one.
func checksumBase62(body string) bool {
	cut := len(body) - checksumLength
	sum := crc32.ChecksumIEEE([]byte(body[:cut]))
	var want [checksumLength]byte
	for i := checksumLength - 1; i >= 0; i-- {
		want[i] = base62Digits[sum%62]
		sum /= 62
	}
	return body[cut:] == string(want[:])
}
