package ownerhttp

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/keytrail/keytrail/internal/owner"
)

// placeholder gives the text of one name and says which key of a token it needs.
type placeholder struct {
	key  string
	text func(*owner.Keys) string
}

var placeholders = map[string]placeholder{
	"sha256_hex":       {"sha256", sumText(hex.EncodeToString)},
	"sha256_base64":    {"sha256", sumText(base64.StdEncoding.EncodeToString)},
	"sha256_base64url": {"sha256", sumText(base64.RawURLEncoding.EncodeToString)},
	"fingerprint":      {"fingerprint", func(k *owner.Keys) string { return k.Fingerprint }},
	"credential_id":    {"credential_id", func(k *owner.Keys) string { return k.CredentialID }},
	"jwt_issuer":       {"jwt_issuer", func(k *owner.Keys) string { return k.JWTIssuer }},
	"jwt_subject":      {"jwt_subject", func(k *owner.Keys) string { return k.JWTSubject }},
	"jwt_client_id":    {"jwt_client_id", func(k *owner.Keys) string { return k.JWTClientID }},
	"jwt_id":           {"jwt_id", func(k *owner.Keys) string { return k.JWTID }},
}

func sumText(encode func([]byte) string) func(*owner.Keys) string {
	return func(k *owner.Keys) string {
		if !k.HasSHA256 {
			return ""
		}
		return encode(k.SHA256[:])
	}
}

// template is an address with placeholders in its path and query.
type template struct {
	parts []part
	keys  []string // what the answer depends on
	// byClaim says that only a JWT's claims name the token. Then its issuer must be known, too: two issuers may use one
	// name, even where the address has no place for the issuer.
	byClaim bool
}

func namesAlone(key string) bool {
	return key == "sha256" || key == "fingerprint" || key == "credential_id"
}

// part is a literal, or a placeholder and how it is escaped where it stands.
type part struct {
	literal string
	text    func(*owner.Keys) string
	escape  func(string) string
}

func parseTemplate(s string) (*template, error) {
	t := &template{}
	trial := "" // the address with a letter for each placeholder
	for rest := s; rest != ""; {
		literal, inner, open := strings.Cut(rest, "{")
		if strings.Contains(literal, "}") {
			return nil, errors.New("`lookup_url` must open each placeholder with {")
		}
		t.parts = append(t.parts, part{literal: literal})
		trial += literal
		if !open {
			break
		}
		name, after, closed := strings.Cut(inner, "}")
		p, known := placeholders[name]
		if !closed || !known {
			return nil, fmt.Errorf("`lookup_url` must have placeholders among {%s}", strings.Join(slices.Sorted(maps.Keys(placeholders)), "}, {"))
		}
		escape, err := escapeAt(trial)
		if err != nil {
			return nil, err
		}
		t.parts = append(t.parts, part{text: p.text, escape: escape})
		if !slices.Contains(t.keys, p.key) {
			t.keys = append(t.keys, p.key)
		}
		trial += "x"
		rest = after
	}
	if len(t.keys) == 0 {
		return nil, errors.New("`lookup_url` must have a placeholder such as {sha256_hex}")
	}
	if slices.Equal(t.keys, []string{"jwt_issuer"}) {
		return nil, errors.New("`lookup_url` must name a token, and {jwt_issuer} alone does not")
	}
	if _, err := parseURL(trial); err != nil {
		return nil, fmt.Errorf("`lookup_url` %w", err)
	}
	if t.byClaim = !slices.ContainsFunc(t.keys, namesAlone); t.byClaim && !slices.Contains(t.keys, "jwt_issuer") {
		t.keys = append(t.keys, "jwt_issuer")
	}
	return t, nil
}

// escapeAt is how a value is written after this much of an address. A value never picks the host.
func escapeAt(before string) (func(string) string, error) {
	_, rest, ok := strings.Cut(before, "://")
	if !ok || !strings.ContainsAny(rest, "/?") {
		return nil, errors.New("`lookup_url` must have placeholders after its host only")
	}
	if strings.Contains(rest, "?") {
		return url.QueryEscape, nil
	}
	return url.PathEscape, nil
}

// expand returns the address for one token; false where a value is missing or unfit.
func (t *template) expand(k *owner.Keys) (*url.URL, bool) {
	if t.byClaim && k.JWTIssuer == "" {
		return nil, false
	}
	var b strings.Builder
	for _, p := range t.parts {
		if p.text == nil {
			b.WriteString(p.literal)
			continue
		}
		value := p.text(k)
		if value == "" || unfit(value) {
			return nil, false
		}
		b.WriteString(p.escape(value))
	}
	if b.Len() > maxURLBytes {
		return nil, false
	}
	u, err := url.Parse(b.String())
	if err != nil || climbs(u.Path) {
		return nil, false
	}
	return u, true
}

// unfit finds what no id holds and a log of the server should not.
func unfit(value string) bool {
	return len(value) > owner.MaxFieldBytes || !utf8.ValidString(value) || strings.ContainsFunc(value, unicode.IsControl)
}

// climbs finds the segments that lead out of a path. Escaped slashes count, since proxies decode them: the names in a
// token are chosen by whoever asked for it.
func climbs(path string) bool {
	for segment := range strings.FieldsFuncSeq(path, func(c rune) bool { return c == '/' || c == '\\' }) {
		if segment == "." || segment == ".." {
			return true
		}
	}
	return false
}
