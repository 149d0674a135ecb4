package secret

import (
	"encoding/base64"
	"strings"
)

// Look takes one string of the request; key is its flat attribute key. All strings must be looked at before any is
// scrubbed, because a credential found in one is removed from the others.
func (p *Pass) Look(key, value string) {
	if value == "" {
		return
	}
	defer p.recovered()
	n := note{class: p.classify(key)}
	p.look(&n, key, value)
	p.remember(key, value, n)
}

func (p *Pass) look(n *note, key, value string) {
	c := n.class
	if c.folds {
		if inner, v, ok := folded(key, value); ok {
			p.lookAs(&note{class: p.classify(inner)}, inner, v)
			return
		}
	}
	p.lookAs(n, key, value)
}

func (p *Pass) lookAs(n *note, key, value string) {
	c := n.class
	if c.silent {
		return
	}
	if len(value) > maxScanned {
		value = value[:maxScanned]
	}
	switch {
	case c.cert != certNone:
		p.lookCertificate(c, value)
		return
	case key == keyTyk && value == openRequest:
		return
	case c.bears:
		p.lookNamed(c, value)
		if c.header {
			return // its whole value was read, and all of it is removed later
		}
	case c.header && startsWithScheme(value):
		p.addAuthorization(value, place{rankKeyHeader, placeHeader, c.name})
	case c.header && c.name == headerProtocols:
		p.lookProtocols(value)
	}
	p.lookShapes(n, value)
}

// lookNamed takes the value of a key that bears credentials by its name.
func (p *Pass) lookNamed(c *keyClass, value string) {
	switch {
	case c.means.rule == ruleProof:
		p.addProof(strings.TrimSpace(value))
		return
	case !c.means.login:
		p.addValue(strings.TrimSpace(value), rankKeyHeader)
		return
	}
	at := place{rankKeyHeader, placeField, c.name}
	if c.header {
		at.kind = placeHeader
	}
	if c.ruled {
		p.addRuled(value, c.scheme, at)
		return
	}
	switch c.means.rule {
	case "authorization":
		if strings.EqualFold(c.name, "authorization") {
			at.rank, at.kind = rankAuthorization, placeHeader
		}
		p.addAuthorization(value, at)
	case "cookie":
		if strings.EqualFold(c.name, "cookie") || strings.EqualFold(c.name, "cookies") {
			p.lookCookies(value)
		} else {
			p.lookCookie(c.name, value)
		}
	default:
		p.addNamed(c.means, value, at)
	}
}

// addNamed takes a value under a name that says how it is read.
func (p *Pass) addNamed(n named, value string, at place) {
	switch n.rule {
	case ruleAccessKey:
		p.addKeyID(schemeSigV4, value, at)
	case ruleGoogleKey:
		p.addKeyID(schemeGoog, value, at)
	default:
		p.addKey(value, at)
	}
}

// addKey takes the value of a key header: mostly the bare key, sometimes with a scheme word.
func (p *Pass) addKey(value string, at place) {
	value = strings.TrimSpace(value)
	if startsWithScheme(value) {
		p.addAuthorization(value, at)
		return
	}
	if scheme, id, ok := signedScope(value); ok {
		p.addKeyID(scheme, id, at)
		return
	}
	p.addToken(value, schemeAPIKey, at)
}

// headerProtocols is where a browser's WebSocket puts its token, because it can set no other header.
const headerProtocols = "sec-websocket-protocol"

// protocolBearer is the Kubernetes API server's form of it.
const protocolBearer = "base64url.bearer.authorization.k8s.io."

// lookProtocols takes a list of subprotocols: a token stands encoded in one, or in the one after a word for it.
func (p *Pass) lookProtocols(value string) {
	at := place{rankKeyHeader, placeHeader, headerProtocols}
	before := ""
	for value != "" {
		var item string
		item, value, _ = strings.Cut(value, ",")
		item = strings.TrimSpace(item)
		if encoded, ok := strings.CutPrefix(item, protocolBearer); ok {
			if token, err := base64.RawURLEncoding.DecodeString(encoded); err == nil {
				p.addValue(encoded, at.rank)
				p.addToken(string(token), schemeBearer, at)
			}
		} else if n, ok := lookupName(before); ok && n.login && secretish(item) {
			p.addToken(item, schemeBearer, at)
		}
		before = item
	}
}
