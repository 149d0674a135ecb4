package secret

import "strings"

// A signed request shows the id of a key and a signature that is good for this request alone. The id becomes a kc
// fingerprint; the signature is removed and enters no hash.

// The names of what signing schemes send, in the order tried.
var (
	tokenParameters     = []string{"oauth_token", "access_token"} // good for more than one request
	keyParameters       = []string{"credential", "keyid", "id", "oauth_consumer_key"}
	signatureParameters = []string{"signature", "mac", "oauth_signature", "sig"}
)

// addSigned takes the credentials of a scheme that signs; false where rest is no signature but a credential itself.
func (p *Pass) addSigned(scheme, rest string, at place) bool {
	switch scheme {
	case schemeBearer, schemeToken, schemeAPIKey, schemeNone:
		return false
	case schemeShared, schemeSigV4, schemeGoog, schemeSignature:
		if p.addIDAndSignature(scheme, rest, at) {
			return true
		}
	}
	if strings.IndexByte(rest, '=') < 0 {
		return false
	}
	list := newParameters(rest)
	token, id, signature := list.first(tokenParameters), list.first(keyParameters), list.first(signatureParameters)
	switch {
	case token != "":
		p.addToken(decodeOnce(token), scheme, at)
	case scheme == schemeShared && signature != "": // SharedAccessSignature sr=…&sig=…&se=…: the signature is the token
		p.addToken(decodeOnce(signature), scheme, at)
		return true
	case id != "" && (signature != "" || signs(scheme)):
		p.addKeyID(scheme, decodeOnce(id), at)
	case signature != "" || signs(scheme):
		p.noteRemains(remainsOf(rest), at, scheme)
	default:
		return false
	}
	p.addValue(signature, at.rank)
	return true
}

// signs reports whether a scheme never carries a credential that is good for more than one request.
func signs(scheme string) bool {
	return scheme == schemeSigV4 || scheme == schemeGoog || scheme == schemeSignature || scheme == schemeHawk || scheme == schemeMAC
}

// addIDAndSignature takes <id>:<signature>, the oldest form: AWS version 2, Google's, Azure's and Alibaba's.
func (p *Pass) addIDAndSignature(scheme, rest string, at place) bool {
	id, signature, ok := strings.Cut(rest, ":")
	if !ok || id == "" || strings.ContainsAny(rest, " ,") || strings.ContainsAny(id, "=&") || !signatureLike(signature) {
		return false
	}
	p.addValue(signature, at.rank)
	p.addKeyID(scheme, id, at)
	return true
}

// signatureLike reports whether s is a MAC in base64: of 20, 32 or 64 bytes.
func signatureLike(s string) bool {
	trimmed := strings.TrimRight(s, "=")
	for i := 0; i < len(trimmed); i++ {
		if class[trimmed[i]]&isRun == 0 {
			return false
		}
	}
	return len(trimmed) == 27 || len(trimmed) == 43 || len(trimmed) == 86
}

// addKeyID keeps the id of a signing key. A scope may follow it: id/date/region/service/aws4_request.
func (p *Pass) addKeyID(scheme, id string, at place) {
	if _, scoped, ok := signedScope(id); ok {
		id = scoped
	}
	if scheme == schemeSigV4 {
		p.addAccessKey(id, at)
		return
	}
	p.addID(credential{id: id, scheme: scheme, place: at}, id)
}

// addAccessKey keeps an AWS access key id: an id that signs, not a secret by itself.
func (p *Pass) addAccessKey(id string, at place) {
	id, _, _ = strings.Cut(id, "/")
	if placeholder(id) {
		p.noteStandIn(id, at, schemeSigV4)
		return
	}
	if how := remainder(id); how != "" {
		p.noteRemains(how, at, schemeSigV4)
		return
	}
	p.addValue(id, at.rank)
	p.add(credential{
		kind: kindID, digest: idDigest(schemeSigV4, p.issuer, id), scheme: schemeSigV4, place: at, format: formatAWS,
	})
}

// signedScope takes the key's id from <id>/<date>/<region>/<service>/<terminator> of AWS and of Google.
func signedScope(value string) (scheme, id string, ok bool) {
	switch {
	case strings.HasSuffix(value, "/aws4_request"):
		scheme = schemeSigV4
	case strings.HasSuffix(value, "/goog4_request"):
		scheme = schemeGoog
	default:
		return "", "", false
	}
	id, _, _ = strings.Cut(value, "/")
	return scheme, id, id != ""
}
