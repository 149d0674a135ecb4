package owner

import (
	"encoding/binary"

	"github.com/keytrail/keytrail/internal/fingerprint"
)

// printKey is a fingerprint as a key. Its fields fill a cell of a table without a gap.
type printKey struct {
	head uint32 // kind and epoch
	sum  [4]uint32
}

func headOf(kind byte, epoch int) uint32 { return uint32(kind)<<16 | uint32(epoch) }

func printOf(id fingerprint.ID) printKey {
	p := printKey{head: headOf(byte(id.Kind), int(id.Epoch))}
	for i := range p.sum {
		p.sum[i] = binary.LittleEndian.Uint32(id.Sum[4*i:])
	}
	return p
}

// id is the fingerprint that printOf made p of.
func (p printKey) id() fingerprint.ID {
	id := fingerprint.ID{Kind: fingerprint.Kind(p.head >> 16), Epoch: uint16(p.head)}
	for i := range p.sum {
		binary.LittleEndian.PutUint32(id.Sum[4*i:], p.sum[i])
	}
	return id
}

// spread takes the sum, which nobody without the key ring can aim at.
func (p printKey) spread() uint64 { return uint64(p.sum[1])<<32 | uint64(p.sum[0]) }

// parsePrint reads the text form, for a look-up: it refuses what fingerprint.ParseID refuses, in a third of the
// time, which counts where it is done for every event.
func parsePrint(text string) (p printKey, ok bool) {
	at := len(text) - 33
	if at < 3 || at > 7 || text[at] != '_' || text[0] != 'k' || text[2] == '0' {
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
	p.head = headOf(text[1], epoch)
	sum := text[at+1:]
	var wrong uint64
	for i := range p.sum {
		digits := sum[8*i : 8*i+8]
		word := uint64(digits[0]) | uint64(digits[1])<<8 | uint64(digits[2])<<16 | uint64(digits[3])<<24 |
			uint64(digits[4])<<32 | uint64(digits[5])<<40 | uint64(digits[6])<<48 | uint64(digits[7])<<56
		quarter, odd := unhex(word)
		p.sum[i] = quarter
		wrong |= odd
	}
	return p, wrong == 0 && epoch < 1<<16
}

// unhex reads eight lower-case hexadecimal digits at once, one in each byte of a word. wrong is zero where they are.
func unhex(word uint64) (value uint32, wrong uint64) {
	const each = 0x0101010101010101
	v := word&(each*0x0f) + word>>6&each*9      // a letter has bit 6, and ends in what it is above nine
	letters := (v + each*6) >> 4 & each         // those that are
	back := v + each*'0' + letters*('a'-10-'0') // what the digits would be written like
	wrong = back ^ word | v&(each*0xf0)
	v = (v<<4 | v>>8) & 0x00ff00ff00ff00ff
	v = (v | v>>8) & 0x0000ffff0000ffff
	return uint32(v | v>>16), wrong
}
