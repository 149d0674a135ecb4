package secret

import "strings"

// lookShapes finds credentials by their shape, and by name inside nested text, in any string.
func (p *Pass) lookShapes(n *note, value string) {
	f, c := &p.finder, n.class
	n.seen, f.hits = scan(value, f.hits[:0])
	n.read, n.plain = true, len(f.hits) == 0
	if !n.plain {
		p.addHits(c, value)
	}
	n.clean = p.lookMatches(c, c.context, value)
	seen := n.seen
	if seen&(isColon|isEqual|isEscape) == 0 && !c.target {
		return
	}
	if c.target {
		p.lookPath(value)
	}
	if seen&isColon != 0 && strings.IndexByte(value, '@') >= 0 {
		p.lookUserinfo(c, value)
	}
	if seen&isEqual != 0 {
		p.lookParameters(c, value)
	}
	if seen&isQuote != 0 && seen&isColon != 0 {
		p.lookMembers(value)
	}
	if seen&isEscape == 0 {
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
		n.clean = p.lookMatches(c, "", value) && n.clean
		p.lookMembers(value)
	}
}

// lookParameters finds the query in a string: all of url.query, else what follows a question mark.
func (p *Pass) lookParameters(c *keyClass, value string) {
	switch {
	case c.query:
		p.lookQuery(strings.TrimPrefix(value, "?"), rankQuery, placeQuery)
	case strings.IndexByte(value, '?') < 0:
	case c.target:
		_, query, _ := strings.Cut(value, "?")
		p.lookQuery(cutFragment(query), rankQuery, placeQuery)
	default:
		kind := placeField
		if strings.EqualFold(c.name, "referer") || strings.EqualFold(c.name, "referrer") {
			kind = placeReferer
		}
		_, query, _ := strings.Cut(value, "?")
		if end := strings.IndexAny(query, " \"'<>\\"); end >= 0 {
			query = query[:end]
		}
		p.lookQuery(cutFragment(query), rankOther, kind)
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
		case h.rule == formatTelegram:
			p.addToken(decodeOnce(token), schemeToken, at) // its colon may stand as an escape
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
		at := place{rankNested, placeField, name}
		switch n.rule {
		case "authorization":
			if strings.EqualFold(name, "authorization") {
				at.rank = rankNestedAuth
			}
			at.kind = placeHeader
			p.addAuthorization(v, at)
		case "cookie":
			p.lookCookies(v)
		default:
			p.addNamed(n, v, at)
		}
	})
}
