package owner

import (
	"strings"

	"github.com/keytrail/keytrail/internal/fingerprint"
)

// printKey is a fingerprint as a key: kind, epoch and sum in one run of bytes, which a map hashes and compares faster
// than the fields of an ID.
type printKey [19]byte

func printOf(id fingerprint.ID) (p printKey) {
	p[0], p[1], p[2] = byte(id.Kind), byte(id.Epoch>>8), byte(id.Epoch)
	copy(p[3:], id.Sum[:])
	return p
}

// nibbles gives the value of a lower-case hexadecimal digit, or notHex.
var nibbles = func() (t [256]byte) {
	for i := range t {
		t[i] = notHex
	}
	for i, c := range []byte("0123456789abcdef") {
		t[c] = byte(i)
	}
	return t
}()

const notHex = 0xff

// parsePrint reads the text form, for a look-up: it refuses what fingerprint.ParseID refuses, in a third of the
// time, which counts where it is done for every event.
func parsePrint(text string) (p printKey, ok bool) {
	at := strings.IndexByte(text, '_')
	if at < 3 || at > 7 || text[0] != 'k' || text[2] == '0' || len(text) != at+1+32 {
		return p, false
	}
	switch text[1] {
	case byte(fingerprint.Credential), byte(fingerprint.CredentialID), byte(fingerprint.Principal):
	default:
		return p, false
	}
	epoch := 0
	for _, c := range []byte(text[2:at]) {
		if c < '0' || c > '9' {
			return p, false
		}
		epoch = epoch*10 + int(c-'0')
	}
	p[0], p[1], p[2] = text[1], byte(epoch>>8), byte(epoch)
	sum := text[at+1:]
	var wrong byte
	for i := range 16 {
		hi, lo := nibbles[sum[2*i]], nibbles[sum[2*i+1]]
		wrong |= hi | lo
		p[3+i] = hi<<4 | lo
	}
	return p, wrong < 16 && epoch < 1<<16
}

// id is the fingerprint that printOf made p of.
func (p printKey) id() fingerprint.ID {
	return fingerprint.ID{Kind: fingerprint.Kind(p[0]), Epoch: uint16(p[1])<<8 | uint16(p[2]), Sum: [16]byte(p[3:])}
}
