package ownerhttp

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/keytrail/keytrail/internal/owner"
)

// Whatever a server sends: no panic, and either rows that follow the rules or an error with none of its text.
func FuzzPage(f *testing.F) {
	for _, s := range []string{
		`[]`, `[{"owner_id":"a","credential_id":"b"}]`, `{"items":[{"owner_id":"a","sha256":"QQ=="}],"next":"?p=2"}`,
		`{"data":null,"next_cursor":3}`, `{"tokens":[{"owner_id":1,"token_scopes":["x"],"created_at":1767312000,"credential_id":"c"}]}`,
		`{"links":{"next":"//evil.test/"},"results":[]}`, `{"next":"https://x.test:444/","items":[]}`, `"`, `{"items":[[]]}`,
	} {
		f.Add(s, `<https://x.test/t?p=2>; rel="next"`)
	}
	s, err := Open(Config{URL: "https://x.test/t"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body, link string) {
		seen := 0
		w := &walk{s: s, seen: map[string]struct{}{}, row: func(r *owner.Row) error {
			if seen++; r.OwnerID == "" || len(r.OwnerID) > owner.MaxFieldBytes {
				t.Fatalf("owner %q", r.OwnerID)
			}
			return nil
		}}
		next, err := w.page(s.list, &answer{status: 200, body: []byte(body), next: nextLink([]string{link}), from: s.list})
		if err != nil {
			if e := (*Error)(nil); !errors.As(err, &e) || strings.ContainsAny(err.Error(), "\n\x00") {
				t.Fatalf("error %q", err)
			}
			return
		}
		if next != nil && (next.Host != "x.test" && next.Host != "x.test:443" && !strings.EqualFold(next.Hostname(), "x.test") || next.Scheme != "https" || next.User != nil) {
			t.Fatalf("leads to %s", next)
		}
	})
}

// Whatever an answer about one token says, it is about that token.
func FuzzAnswer(f *testing.F) {
	for _, s := range []string{`{"owner_id":"a"}`, `[{"owner_id":"a"}]`, `{"data":{"owner_id":"a","credential_id":"other"}}`, `null`, `7`} {
		f.Add(s)
	}
	s, err := Open(Config{LookupURL: "https://x.test/{credential_id}"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body string) {
		k := owner.Keys{CredentialID: "c1"}
		row, err := s.found(&answer{status: 200, body: []byte(body)}, &k)
		if err == nil && row != nil && row.CredentialID != "c1" && row.CredentialID != "" {
			t.Fatalf("row of %q", row.CredentialID)
		}
	})
}

// Whatever a name holds, the address made of it has the origin, the path prefix and the query of the template.
func FuzzTemplate(f *testing.F) {
	for _, s := range []string{"a", "..", "a/../b", "?x", "#", "%2e", "\r\n", "@h", "é", `\..\`} {
		f.Add(s)
	}
	inPath, err := parseTemplate("https://x.test/t/{credential_id}/owner?v=1")
	if err != nil {
		f.Fatal(err)
	}
	inQuery, err := parseTemplate("https://x.test/t?id={credential_id}&v=1")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, id string) {
		k := &owner.Keys{CredentialID: id}
		for _, tp := range []*template{inPath, inQuery} {
			u, ok := tp.expand(k)
			if !ok {
				continue
			}
			again, err := url.Parse(u.String())
			if err != nil || again.Host != "x.test" || again.Fragment != "" || again.User != nil || again.Query().Get("v") != "1" {
				t.Fatalf("%q made %s", id, u)
			}
			escaped := strings.TrimSuffix(strings.TrimPrefix(again.EscapedPath(), "/t/"), "/owner")
			if tp == inPath && (again.Path != "/t/"+id+"/owner" || strings.Contains(escaped, "/")) {
				t.Fatalf("%q made %s", id, u)
			}
			if tp == inQuery && (again.Path != "/t" || again.Query().Get("id") != id) {
				t.Fatalf("%q made %s", id, u)
			}
		}
	})
}

func FuzzTemplateText(f *testing.F) {
	for _, s := range []string{"https://x/{sha256_hex}", "https://{jwt_id}", "{", "}", "https://x/{jwt_id}{jwt_id}?{jwt_issuer}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		tp, err := parseTemplate(s)
		if err != nil {
			return
		}
		if u, ok := tp.expand(&asked); ok && strings.Contains(u.Host, asked.CredentialID) {
			t.Fatalf("%q made %s", s, u.Host)
		}
	})
}
