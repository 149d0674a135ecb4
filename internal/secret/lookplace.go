package secret

import "strings"

// lookCookies takes a Cookie header. All of it is removed later; only cookies that identify become credentials.
func (p *Pass) lookCookies(value string) {
	if placeholder(value) {
		p.noteStandIn(value, place{rankCookie, placeCookie, ""}, schemeCookie)
		return
	}
	for value != "" {
		var pair string
		pair, value, _ = strings.Cut(value, ";")
		if name, v, ok := strings.Cut(strings.TrimSpace(pair), "="); ok {
			p.lookCookie(name, v)
		}
	}
}

// lookCookie takes one cookie. Escapes are taken off: most frameworks write and read them so.
func (p *Pass) lookCookie(name, v string) {
	v = strings.Trim(v, `"`)
	at := place{rankCookie, placeCookie, name}
	if strings.IndexByte(v, '%') >= 0 {
		p.addValue(v, rankCookie)
		v = decodeOnce(v)
	}
	if word, rest, ok := strings.Cut(v, "+"); ok && (strings.EqualFold(word, schemeBearer) || strings.EqualFold(word, schemeBasic)) {
		v = word + " " + rest
	}
	if scheme, ok := p.rules.cookie(name); ok {
		p.addRuled(v, scheme, at)
		return
	}
	switch {
	case startsWithScheme(v):
		p.addAuthorization(v, at)
	case sessionCookie(name) || classifyJOSE(v) == jws || isToken(v):
		p.addToken(v, schemeCookie, at)
	case secretish(v):
		p.addValue(v, rankCookie)
	}
}

// lookQuery takes the parameters of a query string that bear credentials by their names.
func (p *Pass) lookQuery(query string, r rank, kind string) {
	for query != "" {
		end := parameterEnd(query, 0, true)
		p.lookPair(query[:end], r, kind)
		query = query[min(end+1, len(query)):]
	}
}

func (p *Pass) lookPair(pair string, r rank, kind string) {
	name, v, ok := strings.Cut(pair, "=")
	if !ok || v == "" {
		return
	}
	if strings.IndexByte(name, '%') >= 0 {
		name = decodeOnce(name)
	}
	scheme, ruled := p.rules.parameter(name)
	n, bears := lookupName(name)
	if !ruled && !bears {
		return
	}
	sent := v
	if strings.IndexByte(v, '%') >= 0 {
		v = decodeOnce(v) // what the server compares
	}
	if !ruled && !n.fits(v) && !placeholder(v) {
		return // "?key=color", "?session=morning": ordinary words under names that are sometimes a credential's
	}
	if v != sent {
		p.addValue(sent, rankOther)
	}
	at := place{r, kind, name}
	if ruled {
		p.addRuled(v, scheme, at)
		return
	}
	p.addParameter(n, v, at)
}

func (p *Pass) addParameter(n named, v string, at place) {
	switch {
	case !n.login:
		p.addValue(v, at.rank)
	case placeholder(v):
		p.noteStandIn(v, at, schemeAPIKey)
	default:
		p.addNamed(n, v, at)
	}
}

// lookPath takes what the segments of a request's target hold by position and by name.
func (p *Pass) lookPath(target string) {
	path, _, _ := strings.Cut(target, "?")
	path = cutFragment(path)
	path = path[pathStart(path):]
	if p.rules != nil {
		for i := range p.rules.paths {
			t := &p.rules.paths[i]
			if start, end, ok := t.match(path); ok {
				token := path[start:end]
				if strings.IndexByte(token, '%') >= 0 {
					p.addValue(token, rankPath)
					token = decodeOnce(token)
				}
				p.addRuled(token, t.scheme, place{rankPath, placePath, ""})
			}
		}
	}
	for { // matrix parameters: /orders;token=…/42, /shop;jsessionid=…
		i := strings.IndexByte(path, ';')
		if i < 0 {
			return
		}
		path = path[i+1:]
		p.lookPair(path[:matrixEnd(path, 0)], rankPath, placePath)
	}
}

// pathStart is where the path of a target begins: behind the scheme and the host, if it has them.
func pathStart(target string) int {
	if strings.HasPrefix(target, "/") {
		return 0
	}
	i := strings.Index(target, "://")
	if i < 0 {
		return 0
	}
	i += len("://")
	if j := strings.IndexByte(target[i:], '/'); j >= 0 {
		return i + j
	}
	return len(target)
}
