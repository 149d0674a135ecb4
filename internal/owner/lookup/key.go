package lookup

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strings"

	"github.com/keytrail/keytrail/internal/owner"
)

// key is what an entry is found by: the names the source answers by, and nothing else. It is small, since a hit costs
// what it touches: one name as it is, and a salted hash of the others where there are any.
type key struct {
	name string
	// rest also stands for a token that came without a fingerprint. It is salted per process: the plain hash of a token is
	// nothing to keep, not even in memory.
	rest [16]byte
}

// clone takes the key off the record it was read from, whose whole batch it would keep in memory.
func (k key) clone() key {
	k.name = strings.Clone(k.name)
	return k
}

func cloneKeys(k owner.Keys) owner.Keys {
	for _, s := range []*string{&k.CredentialID, &k.JWTIssuer, &k.JWTSubject, &k.JWTClientID, &k.JWTID, &k.Fingerprint} {
		*s = strings.Clone(*s)
	}
	return k
}

// keyer makes keys of what a token is named by.
type keyer struct {
	salt                                                         [sha256.Size]byte
	sha256, fingerprint, credential, issuer, subject, client, id bool
}

func newKeyer(names []string) *keyer {
	r := &keyer{}
	_, _ = rand.Read(r.salt[:]) // never fails
	for _, name := range names {
		switch name {
		case SHA256:
			r.sha256 = true
		case Fingerprint:
			r.fingerprint = true
		case CredentialID:
			r.credential = true
		case JWTIssuer:
			r.issuer = true
		case JWTSubject:
			r.subject = true
		case JWTClientID:
			r.client = true
		case JWTID:
			r.id = true
		}
	}
	return r
}

// key reports false where the token has none of the names. An issuer alone names no token.
func (r *keyer) key(k *owner.Keys) (key, bool) {
	hash := r.sha256 && k.HasSHA256
	var names [5]string
	if r.fingerprint || hash {
		names[0] = k.Fingerprint // which stands for the hash, too
	}
	hash = hash && names[0] == ""
	if r.credential {
		names[1] = k.CredentialID
	}
	if r.subject {
		names[2] = k.JWTSubject
	}
	if r.client {
		names[3] = k.JWTClientID
	}
	if r.id {
		names[4] = k.JWTID
	}
	first := slices.IndexFunc(names[:], func(s string) bool { return s != "" })
	if first < 0 && !hash {
		return key{}, false
	}
	issuer := ""
	if r.issuer {
		issuer = k.JWTIssuer
	}
	if first >= 0 && !hash && issuer == "" && !slices.ContainsFunc(names[first+1:], func(s string) bool { return s != "" }) {
		return key{name: names[first], rest: [16]byte{byte(first)}}, true
	}
	return r.composed(k, hash, issuer, names[:]), true
}

// composed is the key of several names. Each is preceded by its length: no two lists are written alike.
func (r *keyer) composed(k *owner.Keys, hash bool, issuer string, names []string) key {
	x := key{}
	b := append(make([]byte, 0, 512), r.salt[:]...)
	if hash {
		b = append(b, k.SHA256[:]...)
	}
	b = append(binary.AppendUvarint(b, uint64(len(issuer))), issuer...)
	for i, name := range names {
		if x.name == "" && name != "" {
			x.name = name
			b = append(b, byte(i), 0xff) // which of the names it is
			continue
		}
		b = append(binary.AppendUvarint(b, uint64(len(name))), name...)
	}
	sum := sha256.Sum256(b)
	copy(x.rest[:], sum[:])
	return x
}
