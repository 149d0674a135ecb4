package secret

import (
	"strings"
	"testing"
	"unicode/utf8"
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
	f.Fuzz(func(t *testing.T, text string) {
		found, err := ParseToken([]byte(text), "a", "b")
		if (err == nil) == (len(found) == 0) {
			t.Fatal("neither an answer nor an error")
		}
	})
}
