package privacy

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEmailAddressesInAnyText(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		got, _ := replaceEmails(text, func(a string) string { return "<" + a + ">" })
		require.Equal(t, want, got)
	}
	f("mail alice@example.com.", "mail <alice@example.com>.")
	f("Alice@Example.COM", "<alice@example.com>")
	f(`{"to":"alice+shop@mail.example.co.uk","n":1}`, `{"to":"<alice+shop@mail.example.co.uk>","n":1}`)
	f("email=alice%40example.com&x=1", "email=<alice@example.com>&x=1")
	f("email=alice%2Bshop%40example.com", "email=<alice+shop@example.com>")
	f("next=%2Fusers%2Falice%40example.com%2Forders", "next=%2Fusers%2F<alice@example.com>%2Forders")
	f(`{"to":"alice\u0040example.com"}`, `{"to":"<alice@example.com>"}`)
	f("'bob.o'brien@example.org'", "'<bob.o'brien@example.org>'")
	f("jörg@exämple.de", "<jörg@exämple.de>")
	f("a@example.com,b@example.com;c@xn--bcher-kva.xn--p1ai", "<a@example.com>,<b@example.com>;<c@xn--bcher-kva.xn--p1ai>")
	f("system:serviceaccount:alice@example.com:x", "system:serviceaccount:<alice@example.com>:x")
	f("https://alice@example.com/x", "https://<alice@example.com>/x")

	for _, same := range []string{
		"", "@", "a@", "@b.de", "alice@localhost", "logo@2x.png", "left-pad@1.3.0", "a@b.c", "a@.", "%40example.com",
		"user@10.0.0.1", "50%40", strings.Repeat("@", 1000), strings.Repeat("a@", 1000),
	} {
		f(same, same)
	}
}

// FuzzEmails: whatever the text, no address is left, and what was put there is none.
func FuzzEmails(f *testing.F) {
	f.Add("alice@example.com")
	f.Add("x=%2B%2b%40a.de%40")
	f.Add("a@b.cc@d.ee")
	f.Add(`\u0040a.bc@`)
	f.Fuzz(func(t *testing.T, text string) {
		clean, n := replaceEmails(text, func(string) string { return "email_0123456789abcdef" })
		if n == 0 && clean != text {
			t.Fatalf("%q became %q without an address", text, clean)
		}
		for range 4 { // a replacement may be the name before a sign that had none
			clean, n = replaceEmails(clean, func(string) string { return "email_0123456789abcdef" })
			if n == 0 {
				return
			}
		}
		if strings.Count(text, "@")+strings.Count(text, "%40")+strings.Count(text, `\u0040`) < 4 {
			t.Fatalf("%q still changes: %q", text, clean)
		}
	})
}
