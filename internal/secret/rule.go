package secret

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/keytrail/keytrail/internal/event"
)

// Rule names one more place in which a source's clients send credentials. Exactly one place is set.
type Rule struct {
	Header string `mapstructure:"header"` // a request header, in any case
	Query  string `mapstructure:"query"`  // a query parameter, as the server compares it
	Cookie string `mapstructure:"cookie"`
	Field  string `mapstructure:"field"` // a flat attribute key of the event, such as nginx.my_key
	Path   string `mapstructure:"path"`  // a template, such as /hooks/{token}/**
	// Scheme is how the credential is sent. Empty means a bare key, or whatever scheme word it begins with.
	Scheme string `mapstructure:"scheme"`
}

// ruleSchemes are what Rule.Scheme may say: token.scheme is a label, its values are a closed set.
var ruleSchemes = []string{
	schemeAPIKey, schemeBasic, schemeBearer, schemeCookie, schemeDigest, schemeMTLS, schemeSigV4, schemeToken,
}

// longestRuleName bounds the name of a place. Longer ones are folded or cut before a rule could see them.
const longestRuleName = 128

// Validate reports what is wrong with r, naming the key of the configuration.
func (r Rule) Validate() error {
	var set []string
	for _, at := range []struct{ key, value string }{
		{"header", r.Header}, {"query", r.Query}, {"cookie", r.Cookie}, {"field", r.Field}, {"path", r.Path},
	} {
		if at.value == "" {
			continue
		}
		set = append(set, at.key)
		if len(at.value) > longestRuleName {
			return fmt.Errorf("`%s` must be at most %d bytes, found %d", at.key, longestRuleName, len(at.value))
		}
	}
	if len(set) != 1 {
		return fmt.Errorf("exactly one of `header`, `query`, `cookie`, `field` and `path` must be set, found %d", len(set))
	}
	if r.Scheme != "" && !slices.Contains(ruleSchemes, r.Scheme) {
		return fmt.Errorf("`scheme` must be one of %s, found %q", strings.Join(ruleSchemes, ", "), r.Scheme)
	}
	return r.validatePlace()
}

func (r Rule) validatePlace() error {
	for i := 0; i < len(r.Query); i++ {
		if !nameByte(r.Query[i]) || len(r.Query) > longestMember {
			return fmt.Errorf("`query` must be at most %d letters, digits and _-.[], found %q", longestMember, r.Query)
		}
	}
	for _, at := range []struct{ key, value, refused string }{
		{"header", r.Header, " \t:\r\n"}, {"cookie", r.Cookie, "=;, \t\r\n"}, {"field", r.Field, " \t\r\n"},
	} {
		if i := strings.IndexAny(at.value, at.refused); i >= 0 {
			return fmt.Errorf("`%s` must not hold %q, found %q", at.key, at.value[i], at.value)
		}
	}
	if r.Field != "" && (Typed(r.Field) || event.Reserved(r.Field)) {
		return fmt.Errorf("`field` must not be a key of Keytrail's own or of a closed domain, found %q", r.Field)
	}
	if r.Path == "" {
		return nil
	}
	_, err := parseTemplate(r.Path)
	return err
}

// rules are the rules of a sealer, ready to be looked up. A nil *rules holds none.
type rules struct {
	keys    map[string]*keyClass // by attribute key: headers and fields
	query   map[string]string    // scheme by parameter name
	cookies map[string]string    // scheme by cookie name
	paths   []template
}

// newRules compiles what Validate accepts; a rule that it refuses matches nothing.
func newRules(list []Rule) *rules {
	rs := &rules{keys: map[string]*keyClass{}, query: map[string]string{}, cookies: map[string]string{}}
	for _, r := range list {
		if r.Validate() == nil {
			rs.add(r)
		}
	}
	if len(rs.keys)+len(rs.query)+len(rs.cookies)+len(rs.paths) == 0 {
		return nil
	}
	return rs
}

func (rs *rules) add(r Rule) {
	switch {
	case r.Header != "":
		name := strings.ToLower(r.Header)
		for _, spelling := range []string{name, strings.ReplaceAll(name, "_", "-"), strings.ReplaceAll(name, "-", "_")} {
			rs.addKey(event.PrefixRequestHeader+spelling, r.Scheme)
		}
	case r.Field != "":
		rs.addKey(r.Field, r.Scheme)
	case r.Query != "":
		rs.query[r.Query] = r.Scheme
	case r.Cookie != "":
		rs.cookies[strings.ToLower(r.Cookie)] = r.Scheme
	case r.Path != "":
		t, _ := parseTemplate(r.Path)
		t.scheme = r.Scheme
		rs.paths = append(rs.paths, t)
	}
}

func (rs *rules) addKey(key, scheme string) {
	c := computeClass(key)
	c.means, c.bears = named{rule: ruleValue, strength: strong, login: true}, true
	_, c.common = common[key]
	c.key = key
	c.ruled, c.scheme = true, scheme
	c.settle()
	rs.keys[key] = &c
}

func (rs *rules) keyed(key string) (*keyClass, bool) {
	if rs == nil {
		return nil, false
	}
	c, ok := rs.keys[key]
	return c, ok
}

// parameter returns the scheme of a query parameter that a rule names.
func (rs *rules) parameter(name string) (scheme string, ok bool) {
	if rs == nil {
		return "", false
	}
	scheme, ok = rs.query[name]
	return scheme, ok
}

func (rs *rules) cookie(name string) (scheme string, ok bool) {
	if rs == nil || len(rs.cookies) == 0 {
		return "", false
	}
	scheme, ok = rs.cookies[strings.ToLower(name)]
	return scheme, ok
}

// addRuled takes the value of a place that a rule names.
func (p *Pass) addRuled(value, scheme string, at place) {
	value = strings.TrimSpace(value)
	switch scheme {
	case "":
		p.addKey(value, at)
	case schemeBasic:
		if _, rest := splitScheme(value); len(rest) < len(value) {
			value = rest
		}
		p.addBasic(value, at)
	case schemeMTLS:
		p.addSubject(value, at)
	case schemeSigV4:
		p.addAccessKey(value, at)
	case schemeDigest:
		p.addAuthorization(value, at)
	default:
		if word, rest := splitScheme(value); word == scheme {
			value = rest
		}
		p.addToken(value, scheme, at)
	}
}

var errNoTokenSegment = errors.New("`path` must hold {token} exactly once")
