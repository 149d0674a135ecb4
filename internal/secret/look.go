package secret

import (
	"strings"

	"github.com/keytrail/keytrail/internal/fingerprint"
)

// Look takes one string of the request; key is its flat attribute key. All strings must be looked at before any is
// scrubbed, because a credential found in one is removed from the others.
func (p *Pass) Look(key, value string) {
	if value == "" {
		return
	}
	defer p.recovered()
	if inner, v, ok := folded(key, value); ok {
		p.look(inner, v)
		return
	}
	p.look(key, value)
}

func (p *Pass) look(key, value string) {
	c := p.classify(key)
	if c.typed || c.ours || c.response {
		return
	}
	if len(value) > maxScanned {
		value = value[:maxScanned]
	}
	switch {
	case key == keyTLSSubject:
		p.addSubject(value)
		return
	case c.bears:
		p.lookNamed(c, value)
		if c.header {
			return // its whole value was read, and all of it is removed later
		}
	case c.header && startsWithScheme(value):
		p.addAuthorization(value, place{rankKeyHeader, placeHeader, c.name})
	}
	p.lookShapes(c, key, value)
}

// keyTLSSubject is the semantic convention's name for the subject of a client certificate.
const keyTLSSubject = "tls.client.subject"

// lookNamed takes the value of a key that bears credentials by its name.
func (p *Pass) lookNamed(c *keyClass, value string) {
	if !c.means.login {
		p.addValue(strings.TrimSpace(value), rankKeyHeader)
		return
	}
	at := place{rankKeyHeader, placeField, c.name}
	if c.header {
		at.kind = placeHeader
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
		} else if sessionCookie(c.name) {
			p.addToken(value, schemeCookie, place{rankCookie, placeCookie, c.name})
		}
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
	if awsID, ok := sigV4Scope(value); ok {
		p.addAccessKey(awsID, at)
		return
	}
	p.addToken(value, schemeAPIKey, at)
}

// lookCookies takes a Cookie header. All of it is removed later; only cookies that identify become credentials.
func (p *Pass) lookCookies(value string) {
	for value != "" {
		var pair string
		pair, value, _ = strings.Cut(value, ";")
		name, v, ok := strings.Cut(strings.TrimSpace(pair), "=")
		if !ok {
			continue
		}
		v = strings.Trim(v, `"`)
		at := place{rankCookie, placeCookie, name}
		switch {
		case sessionCookie(name) || classifyJOSE(v) == jws || isToken(v):
			p.addToken(v, schemeCookie, at)
		case startsWithScheme(v):
			p.addAuthorization(v, at)
		case secretish(v):
			p.addValue(v, rankCookie)
		}
	}
}

// lookQuery takes the parameters of a query string that bear credentials by their names.
func (p *Pass) lookQuery(query string, r rank, kind string) {
	for query != "" {
		var pair string
		if i := strings.IndexAny(query, "&;"); i >= 0 {
			pair, query = query[:i], query[i+1:]
		} else {
			pair, query = query, ""
		}
		name, v, ok := strings.Cut(pair, "=")
		if !ok || v == "" {
			continue
		}
		if strings.IndexByte(name, '%') >= 0 {
			name = decodeOnce(name)
		}
		n, ok := lookupName(name)
		if !ok {
			continue
		}
		if strings.IndexByte(v, '%') >= 0 {
			p.addValue(v, rankOther)
			v = decodeOnce(v) // what the server compares
		}
		p.addParameter(n, v, place{r, kind, name})
	}
}

func (p *Pass) addParameter(n named, v string, at place) {
	switch {
	case !n.login:
		if n.strength != inQuery || secretish(v) {
			p.addValue(v, at.rank)
		}
	case n.strength == inQuery && len(v) < shortestValue:
		// "?key=color": an ordinary word under a name that is sometimes a credential's
	default:
		p.addKey(v, at)
	}
}

// lookShapes finds credentials by their shape, and by name inside nested text, in any string.
func (p *Pass) lookShapes(c *keyClass, key, value string) {
	f := &p.finder
	var seen byteClass
	seen, f.hits = scan(value, f.hits[:0])
	if len(f.hits) == 0 {
		p.remember(c, key, value, seen)
	}
	p.addHits(c, value)
	if seen&isEqual != 0 {
		p.lookParameters(c, value, seen)
	}
	if seen&isQuote != 0 && seen&isColon != 0 {
		p.lookMembers(value)
	}
	if seen&encodedHints == 0 {
		return
	}
	for depth := 0; depth < maxLayers; depth++ {
		text, ok := decodeText(value)
		if !ok {
			return
		}
		value = text
		_, f.hits = scan(value, f.hits[:0])
		p.addHits(c, value)
		p.lookMembers(value)
	}
}

// lookParameters finds the query in a string: all of url.query, else what follows a question mark.
func (p *Pass) lookParameters(c *keyClass, value string, seen byteClass) {
	switch {
	case c.query:
		p.lookQuery(strings.TrimPrefix(value, "?"), rankQuery, placeQuery)
	case seen&isQuestion == 0:
	case c.target:
		_, query, _ := strings.Cut(value, "?")
		p.lookQuery(cutFragment(query), rankQuery, placeQuery)
	default:
		r, kind := rankOther, placeField
		switch strings.ToLower(c.name) {
		case "referer", "referrer":
			kind = placeReferer
		case "x-forwarded-uri", "x-original-uri", "x-original-url", "x-envoy-original-path", "x-rewrite-url":
			r, kind = rankQuery, placeQuery // the request's own target, as an earlier hop saw it
		}
		_, query, _ := strings.Cut(value, "?")
		if end := strings.IndexAny(query, " \"'<>\\"); end >= 0 {
			query = query[:end]
		}
		p.lookQuery(cutFragment(query), r, kind)
	}
}

func cutFragment(s string) string {
	s, _, _ = strings.Cut(s, "#")
	return s
}

// addHits turns matches by shape into credentials.
func (p *Pass) addHits(c *keyClass, value string) {
	for _, h := range p.finder.hits {
		token := value[h.start:h.end]
		if h.rule == formatPEM {
			continue // a key, not a credential that was presented
		}
		at := p.shapePlace(c, value, h.start)
		switch {
		case !h.weak:
			p.addToken(token, schemeToken, at)
		case token != "" && c.header:
			p.addValue(token, at.rank)
		default:
			p.addSchemeInText(value, &h, at)
		}
	}
}

// addSchemeInText takes the credential after the word Bearer or Basic in a raw log line or a nested text.
func (p *Pass) addSchemeInText(value string, h *hit, at place) {
	if h.start >= 6 && strings.Contains(strings.ToLower(value[max(0, h.start-9):h.start]), schemeBasic) {
		p.addBasic(value[h.start:h.end], at)
		return
	}
	p.addToken(value[h.start:h.end], schemeBearer, at)
}

func (p *Pass) shapePlace(c *keyClass, value string, start int) place {
	switch {
	case c.query:
		return place{rankQuery, placeQuery, ""}
	case c.target:
		if q := strings.IndexByte(value, '?'); q >= 0 && q < start {
			return place{rankQuery, placeQuery, ""}
		}
		return place{rankPath, placePath, ""}
	case c.bears && c.means.rule == "cookie":
		return place{rankCookie, placeCookie, ""}
	case c.header && c.bears:
		return place{rankKeyHeader, placeHeader, c.name}
	case c.header:
		return place{rankOther, placeHeader, c.name}
	}
	return place{rankOther, placeField, c.name}
}

// lookMembers finds credentials in the members of JSON inside a string, such as a whole request log in a body.
func (p *Pass) lookMembers(value string) {
	members(value, func(name string, n named, v string) {
		if !n.login {
			p.addValue(v, rankOther)
			return
		}
		at := place{rankKeyHeader, placeField, name}
		switch n.rule {
		case "authorization":
			if strings.EqualFold(name, "authorization") {
				at.rank = rankAuthorization
			}
			at.kind = placeHeader
			p.addAuthorization(v, at)
		case "cookie":
			p.lookCookies(v)
		default:
			p.addKey(v, at)
		}
	})
}

// addToken takes the exact text of one credential.
func (p *Pass) addToken(token, scheme string, at place) {
	token = strings.TrimSpace(token)
	if placeholder(token) {
		return
	}
	if masked(token) {
		p.addValue(token, at.rank)
		p.noteMasked(at, scheme)
		return
	}
	c := credential{kind: kindToken, place: at, scheme: scheme, format: formatOpaque}
	switch classifyJOSE(token) {
	case jws:
		c.format, c.token = formatJWT, hide(token)
		identity := signingInput(token)
		p.addValue(identity, at.rank)
		c.digest = fingerprint.CredentialDigest([]byte(identity))
		p.add(c)
		return
	case jwe:
		c.format = formatJWE
	case cutJOSE:
		p.addValue(token, at.rank)
		p.noteMasked(at, scheme)
		return
	default:
		if !p.recognise(&c, token) {
			return
		}
	}
	p.addValue(token, at.rank)
	c.digest = fingerprint.CredentialDigest([]byte(token))
	p.add(c)
}

// recognise names the format; false where the token is no credential to be hashed, because it was cut off or is
// only the id of one.
func (p *Pass) recognise(c *credential, token string) bool {
	f := &p.finder
	first := len(f.hits)
	_, f.hits = scan(token, f.hits)
	hits := f.hits[first:]
	f.hits = f.hits[:first]
	if len(hits) == 1 && hits[0].start == 0 && hits[0].end == len(token) && !hits[0].weak {
		c.format = hits[0].rule
		if f := hits[0].format; f != nil {
			c.checksum = f.checksum(token)
		}
		if c.format == formatAWS {
			p.addAccessKey(token, c.place)
			return false
		}
		return true
	}
	if cutShort(token) {
		p.addValue(token, c.place.rank)
		p.noteMasked(c.place, c.scheme)
		return false
	}
	if isTelegramBare(token) {
		c.format = formatTelegram
	}
	return true
}

// cutShort reports whether token begins like a known format and ends before its shortest length.
func cutShort(token string) bool {
	for _, f := range formatsAt[token[0]] {
		if len(f.prefix) < 4 || f.bounded || !strings.HasPrefix(token, f.prefix) {
			continue
		}
		end := letterRun(token, len(f.prefix), f.letters)
		return end == len(token) && end-len(f.prefix) < f.min
	}
	return false
}

func isTelegramBare(token string) bool {
	id, rest, ok := strings.Cut(token, ":")
	return ok && len(id) >= 6 && digits(id) && len(rest) >= 30 && letterRun(rest, 0, urlSafe) == len(rest)
}

// addAccessKey keeps an AWS access key id: an id that signs, not a secret by itself.
func (p *Pass) addAccessKey(id string, at place) {
	if placeholder(id) || masked(id) {
		p.noteMasked(at, schemeSigV4)
		return
	}
	p.addValue(id, at.rank)
	p.add(credential{
		kind: kindID, digest: idDigest(schemeSigV4, p.issuer, id), scheme: schemeSigV4, place: at, format: formatAWS,
	})
}
