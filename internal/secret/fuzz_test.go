package secret

import (
	"crypto/x509/pkix"
	"encoding/base64"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/keytrail/keytrail/internal/event"
)

// FuzzScrub: any text under any key, with a credential presented beside it. It never panics, scrubbing twice gives
// the same, what comes out is bounded printable text, and the credential is in it in no form.
func FuzzScrub(f *testing.F) {
	d := newDice(40)
	for _, smp := range samples(d) {
		for _, e := range echoes {
			f.Add("note", e.as(smp.token))
		}
	}
	f.Add("url.query", "api_key=%5BREDACTED%3Ax%5D&token=[REDACTED:jwt]tail&a=b")
	f.Add("body", `{"password":{"a":[1,2,{"b":"c"}],"token":"x\\\"y"},"cookie":`)
	f.Add("note", "Authorization: Basic \\u0041\x00\u202e%00=:@://:@;=,==")
	canary := "Canary" + d.base62(20)
	s := testSealer(f)
	f.Fuzz(func(t *testing.T, key, value string) {
		text := value + " " + canary + value
		p := s.Begin(testIssuer)
		defer p.End()
		p.Look(authorization, "Bearer "+canary)
		p.Look(key, text)
		once, _ := p.Scrub(key, text)
		if p.Failed() {
			t.Fatal("failed")
		}
		twice, changed := p.Scrub(key, once)
		if twice != once || changed {
			t.Fatalf("not idempotent:\n%q\n%q\n%q", text, once, twice)
		}
		if len(once) > maxText || !utf8.ValidString(once) {
			t.Fatalf("%d bytes, %q", len(once), once[:100])
		}
		if !Typed(key) && strings.Contains(once, canary) {
			t.Fatalf("canary in %q", once)
		}
	})
}

// FuzzLook: any header of a request. It never panics, and in what was sealed nothing is found again.
func FuzzLook(f *testing.F) {
	d := newDice(41)
	for _, smp := range samples(d) {
		for _, in := range presented {
			for _, a := range in.with(smp.token) {
				f.Add(a.Key, a.Value.Text())
			}
		}
	}
	s := testSealer(f)
	f.Fuzz(func(t *testing.T, key, value string) {
		r := kongEvent(key, value)
		out := s.Record(&r)
		if out.Failed {
			t.Fatal("failed")
		}
		if !printable(key) || !printable(value) {
			return // made visible, a text is a longer one, and may then be long enough for a rule
		}
		sealed := dump(&r)
		if again := s.Record(&r); again.Failed || len(again.Oldest) > 0 || again.Redacted > 0 {
			t.Fatalf("sealing a sealed record found more: %+v\n%s", again, sealed)
		}
	})
}

// FuzzParseToken: whatever is pasted, no panic and no echo.
func FuzzParseToken(f *testing.F) {
	f.Add("Authorization: Bearer x")
	f.Add(`Token token="a`)
	f.Add("Digest username=\"a\", response=b")
	f.Add("OAuth oauth_token=\"a%20\",oauth_signature=\"b\"")
	f.Add("GOOG4-RSA-SHA256 Credential=a@b/x/goog4_request, Signature=00")
	f.Fuzz(func(t *testing.T, text string) {
		found, err := ParseToken([]byte(text), "a", "b")
		if (err == nil) == (len(found) == 0) {
			t.Fatal("neither an answer nor an error")
		}
	})
}

// FuzzRules: any rule on any place. What Validate accepts never panics, and what it finds is gone everywhere.
func FuzzRules(f *testing.F) {
	f.Add("/hooks/{token}/**", "X-Ticket", "ticket", "/hooks/abc%2Fdef/x")
	f.Add("/bot{token}/*", "x_y", "a[]", "https://h/bot1/x?a[]=b;c=d")
	f.Add("/*/{token}", "", "", "//")
	f.Fuzz(func(t *testing.T, path, header, query, value string) {
		var list []Rule
		for _, r := range []Rule{{Path: path}, {Header: header}, {Query: query}, {Cookie: query, Scheme: "bearer"}, {Field: header, Scheme: "basic"}} {
			if r.Validate() == nil {
				list = append(list, r)
			}
		}
		s := ruledSealer(t, list...)
		r := event.Record{Attrs: attrs("url.path", value, "url.query", query+"="+value, "http.request.header.x-a", value,
			"http.request.header."+strings.ToLower(header), value, "http.request.header.cookie", query+"="+value, "url.full", "https://h.example"+value)}
		if out := s.Record(&r); out.Failed {
			t.Fatal("failed")
		}
		if !printable(value) || !printable(header) || !printable(query) {
			return
		}
		sealed := dump(&r)
		if again := s.Record(&r); again.Failed || len(again.Oldest) > 0 || again.Redacted > 0 {
			t.Fatalf("sealing a sealed record found more: %+v\n%s\n%s", again, sealed, dump(&r))
		}
	})
}

// FuzzCertificates: any text as a certificate header, and any proof. No panic, and a second pass finds nothing new.
func FuzzCertificates(f *testing.F) {
	der, text := clientCertificate(f, pkix.Name{CommonName: "robot"})
	f.Add(text, "")
	f.Add(base64.StdEncoding.EncodeToString(der), proofOf(newDice(42)))
	f.Add(`By=spiffe://a;Hash=ab;Subject="CN=\"a,b\"";Cert="%2D",Chain=x;URI=`, `{"typ":"dpop+jwt"}`)
	s := testSealer(f)
	f.Fuzz(func(t *testing.T, value, proof string) {
		for _, key := range []string{"http.request.header.x-forwarded-client-cert", "http.request.header.x-ssl-client-cert",
			"http.request.header.x-ssl-client-s-dn", "http.request.header.x-forwarded-tls-client-cert-info", "tls.client.hash.sha256"} {
			r := event.Record{Attrs: attrs(key, value, "http.request.header.dpop", proof, authorization, "DPoP "+proof)}
			if out := s.Record(&r); out.Failed {
				t.Fatal("failed")
			}
			if printable(value) && printable(proof) && len(value)+len(proof) < maxText {
				if again := s.Record(&r); again.Failed || again.Redacted > 0 {
					t.Fatalf("sealing a sealed record changed more: %+v\n%s", again, dump(&r))
				}
			}
		}
	})
}
