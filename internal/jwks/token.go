package jwks

import (
	"encoding/base64"
	"strings"

	"github.com/valyala/fastjson"
)

// maxToken bounds a token. Servers cap the whole header at 8 to 16 KiB.
const maxToken = 16 << 10

// token is a JWS in compact form as far as its verification needs it.
type token struct {
	input     string // header.payload as sent
	signature string

	alg, kid string
	critical bool
	issuer   string
	audience []string
}

// split cuts a token into its parts without reading any.
func split(text string) (t token, r Result) {
	if len(text) > maxToken {
		return t, Malformed
	}
	header, rest, _ := strings.Cut(text, ".")
	payload, signature, _ := strings.Cut(rest, ".")
	switch {
	case header == "" || payload == "" || strings.Contains(signature, "."):
		return t, Malformed
	case signature == "":
		return t, Unsigned
	}
	return token{input: text[:len(header)+1+len(payload)], signature: signature}, Verified
}

// The members that somebody reads: we here, and internal/secret for the principal that the signature vouches for.
var (
	headerNames = []string{"alg", "kid", "crit"}
	claimNames  = []string{"iss", "aud", "sub", "client_id", "azp", "cid", "appid"}
)

var parsers fastjson.ParserPool

// read reads header and claims. A member that stands twice makes a token ambiguous: the server that was called may have
// read the other one.
func (t *token) read() bool {
	header, payload, _ := strings.Cut(t.input, ".")
	return readSegment(header, headerNames, func(name []byte, v *fastjson.Value) {
		switch string(name) {
		case "alg":
			t.alg = text(v)
		case "kid":
			t.kid = text(v)
		case "crit":
			t.critical = true
		}
	}) && readSegment(payload, claimNames, func(name []byte, v *fastjson.Value) {
		switch string(name) {
		case "iss":
			t.issuer = text(v)
		case "aud":
			t.audience = texts(v)
		}
	})
}

// readSegment calls read for each member. It is false where the segment is no JSON object, or where one of the names
// stands in it twice, however they are escaped.
func readSegment(segment string, once []string, read func(name []byte, v *fastjson.Value)) bool {
	b, err := base64.RawURLEncoding.DecodeString(segment)
	if err != nil {
		return false
	}
	parser := parsers.Get()
	defer parsers.Put(parser)
	v, err := parser.ParseBytes(b)
	if err != nil || v.Type() != fastjson.TypeObject {
		return false
	}
	var seen uint
	twice := false
	v.GetObject().Visit(func(key []byte, v *fastjson.Value) {
		for i, name := range once {
			if name == string(key) {
				twice = twice || seen&(1<<i) != 0
				seen |= 1 << i
			}
		}
		read(key, v)
	})
	return !twice
}

// text copies: the parser's memory is used again.
func text(v *fastjson.Value) string { return string(v.GetStringBytes()) }

func texts(v *fastjson.Value) []string {
	if v.Type() == fastjson.TypeString {
		return []string{text(v)}
	}
	var out []string
	for _, item := range v.GetArray() {
		if item.Type() == fastjson.TypeString {
			out = append(out, text(item))
		}
	}
	return out
}

// signatureBytes decodes a signature in any spelling that servers take: padded, or with stray bits at the end. It does
// not matter which, because the identity of a token ends before its signature.
func (t *token) signatureBytes() ([]byte, bool) {
	b, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(t.signature, "="))
	return b, err == nil && len(b) > 0
}
