package fingerprint

import (
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
)

// Kind says what an ID identifies. Ids of two kinds never meet: the kind is part of the ID and of its text.
type Kind byte

const (
	// Credential is a token that was seen.
	Credential Kind = 't'
	// CredentialID is a credential of which only an id is known: a masked token with a gateway's credential id, a
	// SigV4 access key, an mTLS subject, a human's Basic login.
	CredentialID Kind = 'c'
	// Principal is the stable identity behind short-lived tokens.
	Principal Kind = 'p'
)

// The tags separate the domains of the keyed hash. Frozen: see testdata/vectors.txt.
const (
	tagCredential   = "credential\x00"
	tagCredentialID = "id\x00"
	tagPrincipal    = "principal\x00"
	tagBody         = "body\x00"
	tagCheck        = "check\x00"
)

func (k Kind) tag() string {
	switch k {
	case Credential:
		return tagCredential
	case CredentialID:
		return tagCredentialID
	case Principal:
		return tagPrincipal
	}
	// A wrong kind is a bug of ours that would silently start a fourth family of ids.
	panic("fingerprint: kind " + strconv.QuoteRune(rune(k)) + " is not one of t, c, p")
}

const (
	sumLen   = 16
	maxEpoch = 1<<16 - 1
)

// ID is the keyed id of a credential or principal. It is comparable; the zero ID identifies nothing.
type ID struct {
	Kind  Kind
	Epoch uint16
	Sum   [sumLen]byte
}

// IsZero reports whether id identifies nothing.
func (id ID) IsZero() bool { return id == ID{} }

// String returns the text form, such as kt1_ and 32 lower-case hexadecimal digits; the zero ID gives "".
func (id ID) String() string {
	if id.IsZero() {
		return ""
	}
	var b [len("kt65535_") + 2*sumLen]byte
	return string(id.appendText(b[:0]))
}

func (id ID) appendText(b []byte) []byte {
	b = append(b, 'k', byte(id.Kind))
	b = strconv.AppendUint(b, uint64(id.Epoch), 10)
	b = append(b, '_')
	return hex.AppendEncode(b, id.Sum[:])
}

// MarshalText gives the text form.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads the text form.
func (id *ID) UnmarshalText(text []byte) (err error) {
	*id, err = ParseID(string(text))
	return err
}

// The text may be anything, a raw token pasted into the wrong place included, so the error does not repeat it.
var errNotID = errors.New("not a fingerprint: want kt, kc or kp, an epoch, an underscore and 32 lower-case hexadecimal digits")

// ParseID reads the text form of an ID and nothing else: each ID has exactly one text.
func ParseID(s string) (ID, error) {
	head, sum, ok := strings.Cut(s, "_")
	if !ok || len(head) < 3 || head[0] != 'k' || len(sum) != 2*sumLen {
		return ID{}, errNotID
	}
	id := ID{Kind: Kind(head[1])}
	if id.Kind != Credential && id.Kind != CredentialID && id.Kind != Principal {
		return ID{}, errNotID
	}
	epoch, err := strconv.ParseUint(head[2:], 10, 16)
	if err != nil || epoch == 0 || head[2] == '0' {
		return ID{}, errNotID
	}
	id.Epoch = uint16(epoch)
	if _, err := hex.Decode(id.Sum[:], []byte(sum)); err != nil || strings.ToLower(sum) != sum {
		return ID{}, errNotID
	}
	return id, nil
}
