package secret

import (
	"encoding"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/keytrail/keytrail/internal/fingerprint"
)

const unprintable = "[REDACTED]"

// raw is the text of a credential. Whatever prints, formats, encodes or logs it gets [REDACTED]: the methods see to
// that where they are called, and the pointer where they are not, because fmt does not follow pointers inside
// unexported fields. Only reveal gives the text.
type raw struct{ text *string }

var (
	_ fmt.Formatter          = raw{}
	_ json.Marshaler         = raw{}
	_ encoding.TextMarshaler = raw{}
)

func hide(text string) raw { return raw{&text} }

func (r raw) isZero() bool { return r.text == nil }

func (r raw) reveal() string {
	if r.text == nil {
		return ""
	}
	return *r.text
}

func (raw) String() string   { return unprintable }
func (raw) GoString() string { return unprintable }

// Format answers every verb, %x and %q included.
func (raw) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, unprintable) }

func (raw) MarshalText() ([]byte, error) { return []byte(unprintable), nil }
func (raw) MarshalJSON() ([]byte, error) { return []byte(`"` + unprintable + `"`), nil }

// Format keeps a pass, which holds the strings of a request, out of whatever prints it.
func (*Pass) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, unprintable) }

// rank orders the credentials of one request: the lowest is the primary one. What the gateway says it
// authenticated comes first, then the places in the order in which servers commonly look.
type rank uint8

const (
	rankGateway rank = iota
	rankAuthorization
	rankKeyHeader
	rankQuery
	rankPath
	rankCookie
	rankMTLS
	rankNestedAuth // in a request that is nested in a text of this one, such as a body
	rankNested
	rankClaimed // a gateway names a credential that it did not accept
	rankOther   // found by shape where no server looks, such as a referer or a body
)

// Names of the places; a location is a place, or place.name.
const (
	placeHeader  = "header"
	placeQuery   = "query"
	placePath    = "path"
	placeCookie  = "cookie"
	placeMTLS    = "mtls"
	placeGateway = "gateway.consumer"
	placeReferer = "referer"
	placeField   = "field"
	placeUser    = "userinfo" // of the URL that was asked for
)

// place says where a credential stood. The text form is put together only for what is stamped.
type place struct {
	rank rank
	kind string
	name string
}

// longestPlaceName bounds the part of a location that a caller may choose (a cookie's or a parameter's name).
const longestPlaceName = 48

func (l place) String() string {
	if l.name == "" {
		return l.kind
	}
	name := l.name
	if !plainName(name) {
		name = "other"
	}
	return l.kind + "." + strings.ToLower(name)
}

// plainName reports whether a name is short and of harmless letters, and is not itself a token.
func plainName(s string) bool {
	if len(s) > longestPlaceName {
		return false
	}
	for i := 0; i < len(s); i++ {
		if !nameByte(s[i]) {
			return false
		}
	}
	_, _, found := firstFormat(s)
	return !found
}

// credential is one found credential, without its text.
type credential struct {
	kind     fingerprint.Kind
	digest   fingerprint.Digest
	place    place
	scheme   string
	format   string
	checksum string
	id       string // the gateway's id of it
	user     string // a human's name, from Basic or Digest
	token    raw    // the whole JWT, to read its claims when the pass is stamped
}

// Limits of one request.
const (
	// maxCredentials is how many credentials of one request get a fingerprint: more than any real client sends,
	// few enough that a flood of junk costs no rows. The rest is counted in keytrail.tokens.dropped.
	maxCredentials = 8
	// maxCandidates bounds what is compared before the best eight are taken.
	maxCandidates = 64
	// maxValues is how many exact values are searched for in the free text of a record, each in every string.
	maxValues = 16
	// shortestValue is the length below which an exact value is removed only where it was found: a shorter one is
	// too likely to be an ordinary word.
	shortestValue = 8
)

// Schemes of token.scheme.
const (
	schemeBearer  = "bearer"
	schemeBasic   = "basic"
	schemeAPIKey  = "api_key"
	schemeToken   = "token"
	schemeDigest  = "digest"
	schemeSigV4   = "sigv4"
	schemeMTLS    = "mtls"
	schemeCookie  = "cookie"
	schemeGateway = "gateway"

	schemeGoog      = "goog4"
	schemeShared    = "shared_key"
	schemeSignature = "http_signature"
	schemeHawk      = "hawk"
	schemeMAC       = "mac"
	schemeNone      = "none"
	schemeOther     = "other"
)
