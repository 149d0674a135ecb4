package fingerprint

import (
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[REDACTED]"

// Digest is the inner SHA-256 of a credential, an id or a principal. Weak tokens can be guessed from it, so it lives
// in memory only: no verb, encoder or logger prints it.
type Digest [sha256.Size]byte

// CredentialDigest digests a credential: the exact string without scheme word and surrounding white space.
func CredentialDigest(raw []byte) Digest { return sha256.Sum256(raw) }

// IDDigest digests the id of a credential that is itself unknown: kind NUL issuer NUL id.
func IDDigest(kind, issuer, id string) Digest { return joined(kind, issuer, id) }

// PrincipalDigest digests the stable identity behind a token: issuer NUL client NUL subject.
func PrincipalDigest(iss, client, sub string) Digest { return joined(iss, client, sub) }

// DigestFromSum takes a SHA-256 that another system stores in a token's place.
func DigestFromSum(sum [sha256.Size]byte) Digest { return sum }

func joined(a, b, c string) Digest {
	// A digest per request: most identities fit the array, so the join costs no allocation.
	var array [256]byte
	buf := append(array[:0], a...)
	buf = append(buf, 0)
	buf = append(buf, b...)
	buf = append(buf, 0)
	return sha256.Sum256(append(buf, c...))
}

func (Digest) String() string               { return redacted }
func (Digest) GoString() string             { return redacted }
func (Digest) Format(s fmt.State, _ rune)   { _, _ = io.WriteString(s, redacted) }
func (Digest) LogValue() slog.Value         { return slog.StringValue(redacted) }
func (Digest) MarshalText() ([]byte, error) { return []byte(redacted), nil }
func (Digest) MarshalYAML() (any, error)    { return redacted, nil }
