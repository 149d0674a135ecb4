package privacy

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/fingerprint"
)

// ring is a fixed dummy, so that the form of pseudonyms is frozen.
const ring = `ring: tests
keys:
  - epoch: 1
    secret: ZHVtbXkgc2VjcmV0IG9mIHRoZSBwcml2YWN5IHRlc3RzIDAwMDE=
    kcv: 206b945cd63502ba
    created: 2026-01-01T00:00:00Z
    not_before: 2026-01-01T00:00:00Z
`

const rotated = ring + `  - epoch: 2
    secret: ZHVtbXkgc2VjcmV0IG9mIHRoZSBwcml2YWN5IHRlc3RzIDAwMDI=
    kcv: 5ea54a98d5f1d5bf
    created: 2026-02-01T00:00:00Z
    not_before: 2026-02-01T00:00:00Z
`

func pseudonyms(t testing.TB, text string) *Pseudonyms {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keyring.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	r, err := fingerprint.Load(path)
	require.NoError(t, err)
	p, err := NewPseudonyms(r)
	require.NoError(t, err)
	return p
}

func rules(t testing.TB, s Settings) *Rules {
	t.Helper()
	p, err := New(Config{Settings: s})
	require.NoError(t, err)
	return p.For("")
}

// Changing this orphans the pseudonyms already stored.
func TestAPseudonymIsFrozenAndOfOneEpoch(t *testing.T) {
	p := pseudonyms(t, ring)
	require.Equal(t, "email_a38238882ef04efe", p.Email("alice@example.com"))
	require.Equal(t, p.Email("alice@example.com"), pseudonyms(t, ring).Email("alice@example.com"))
	require.NotEqual(t, p.Email("alice@example.com"), p.Email("bob@example.com"))
	require.NotEqual(t, p.Email("alice@example.com"), pseudonyms(t, rotated).Email("alice@example.com"),
		"a rotation gives everybody another name")
}

func TestNothingAskedIsNoPolicy(t *testing.T) {
	p, err := New(Config{Settings: Settings{ClientAddress: Keep, IgnoredKeys: []string{"x"}}})
	require.NoError(t, err)
	require.Nil(t, p)
	require.Nil(t, p.For("production"))
}

func TestAnEnvironmentOverridesWhatItNames(t *testing.T) {
	p, err := New(Config{
		Settings: Settings{ClientAddress: Truncate, AllowedKeys: []string{"a"}},
		Environments: map[string]Settings{
			"production": {UserAgent: Family, AllowedKeys: []string{"b"}},
			"lab":        {ClientAddress: Keep, AllowedKeys: []string{}},
		},
	})
	require.NoError(t, err)
	prod := p.For("production")
	require.Equal(t, []Treatment{Truncate, Family, Keep}, []Treatment{prod.address, prod.agent, prod.email})
	require.True(t, prod.allowed.has("b"))
	require.False(t, prod.allowed.has("a"))
	require.Nil(t, p.For("lab"), "there everything is kept")
	require.True(t, p.For("elsewhere").allowed.has("a"))
}

// field is a key, its text, and what becomes of it: another text, or nothing where it is to go.
type field struct{ key, text, want string }

func (f field) check(t *testing.T, p *Pass) {
	t.Helper()
	switch v := p.Key(f.key, true); v {
	case Look:
		got, changed := p.Text(f.key, f.text)
		require.Equal(t, f.want, got, f.key)
		require.Equal(t, f.want != f.text, changed, f.key)
		again, changed := p.Text(f.key, got)
		require.Equal(t, got, again, "%s: twice is once", f.key)
		require.False(t, changed)
	case Leave:
		require.Equal(t, f.want, f.text, f.key)
	case Block:
		require.Equal(t, f.want, Blocked, f.key)
	case Remove, ToFamily:
		require.Empty(t, f.want, f.key)
	}
}

func TestTreatments(t *testing.T) {
	const chrome = "Mozilla/5.0 (X11; alice-laptop) Chrome/120.0 Safari/537.36"
	for name, tc := range map[string]struct {
		Settings
		fields []field
	}{
		"address cut": {Settings{ClientAddress: Truncate}, []field{
			{"client.address", "203.0.113.77", "203.0.113.0/24"},
			{"network.peer.address", "2001:db8:1:2::3", "2001:db8:1::/48"},
			{"net.peer.ip", "gateway.example", droppedAddress},
			{"client.port", "4711", ""},
			{"http.request.header.x-forwarded-for", "198.51.100.7, 10.1.2.3:80", "198.51.100.0/24, 10.1.2.0/24"},
			{"http.request.header.forwarded", `for="[2001:db8::17]:4711";proto=https;by=198.51.100.9`, `for="[2001:db8::/48]:4711";proto=https;by=198.51.100.0/24`},
			{"http.request.header.accept", "203.0.113.77", "203.0.113.0/24"},
			{"kong.note", "203.0.113.77:80 and 203.0.113.7 and 1203.0.113.77", "203.0.113.0/24:80 and 203.0.113.7 and 1203.0.113.77"},
			{"server.address", "203.0.113.77", "203.0.113.77"},
			{"user_agent.original", chrome, chrome},
		}},
		"address dropped": {Settings{ClientAddress: Drop}, []field{
			{"client.address", "203.0.113.77", ""},
			{"http.request.header.x-real-ip", "203.0.113.77", ""},
			{"body", "from 203.0.113.77", "from " + droppedAddress},
		}},
		"agent cut": {Settings{UserAgent: Family}, []field{
			{"user_agent.original", chrome, ""},
			{"user_agent.version", "120.0", ""},
			{"user_agent.name", "chrome", "chrome"},
			{"http.request.header.user-agent", chrome, "chrome"},
			{"http.request.header.sec-ch-ua-model", "Pixel", ""},
			{"body", `GET / 200 "` + chrome + `"`, `GET / 200 "chrome"`},
			{"http.request.header.x-agent-id", "robot-17", "robot-17"},
		}},
		"agent dropped": {Settings{UserAgent: Drop}, []field{
			{"user_agent.original", chrome, ""},
			{"user_agent.name", "chrome", ""},
			{"http.request.header.user-agent", chrome, ""},
			{"body", chrome, droppedAgent},
		}},
		"e-mail": {Settings{Email: Pseudonym}, []field{
			{"url.path", "/users/Alice@example.com", "/users/email_a38238882ef04efe"},
			{"token.jwt.subject", "alice@example.com", "email_a38238882ef04efe"},
			{"token.owner.contact", "alice@example.com", "alice@example.com"},
			{"token.claimed.owner.id", "alice@example.com", "alice@example.com"},
		}},
		"owner's e-mail": {Settings{OwnerEmail: Drop}, []field{
			{"token.owner.contact", "alice@example.com", droppedEmail},
			{"url.path", "/users/alice@example.com", "/users/alice@example.com"},
		}},
		"keys": {Settings{
			AllowedKeys: []string{"url.path", "http.request.header.*"}, IgnoredKeys: []string{"http.request.header.x-ours"},
			BlockedKeyPatterns: []string{`^http\.request\.header\.x-`, `subject$`}, Email: Drop,
		}, []field{
			{"url.path", "/a@b.cc", "/" + droppedEmail},
			{"url.query", "a=1", ""},
			{"http.request.method", "GET", "GET"},
			{"http.request.header.accept", "*/*", "*/*"},
			{"http.request.header.x-who", "alice", Blocked},
			{"http.request.header.x-ours", "a@b.cc", "a@b.cc"},
			{"token.jwt.subject", "alice", Blocked},
			{"token.jwt.issuer", "https://idp", "https://idp"},
			{"token.fingerprint", "kt1_0", "kt1_0"},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			p := rules(t, tc.Settings).Begin(pseudonyms(t, ring))
			for _, f := range tc.fields {
				p.Note(f.key, f.text)
			}
			for _, f := range tc.fields {
				f.check(t, &p)
			}
		})
	}
}

func TestWithoutAKeyAnAddressIsDropped(t *testing.T) {
	p := rules(t, Settings{Email: Pseudonym}).Begin(nil)
	got, changed := p.Text("body", "to alice@example.com")
	require.True(t, changed)
	require.Equal(t, "to "+droppedEmail, got)
	require.Equal(t, int64(1), p.Count()[EmailReplaced])
}

func TestBadSettingsNameKeyRuleAndValue(t *testing.T) {
	f := func(s Settings, want string) {
		t.Helper()
		require.EqualError(t, (&Config{Settings: s}).Validate(), want)
		require.EqualError(t, (&Config{Environments: map[string]Settings{"lab": s}}).Validate(), "`environments::lab`: "+want)
	}
	f(Settings{ClientAddress: "cut"}, "`client_address` must be one of keep, truncate, drop, found \"cut\"")
	f(Settings{UserAgent: Truncate}, "`user_agent` must be one of keep, family, drop, found \"truncate\"")
	f(Settings{Email: Family}, "`email` must be one of keep, pseudonym, drop, found \"family\"")
	f(Settings{OwnerEmail: "x"}, "`owner_email` must be one of keep, pseudonym, drop, found \"x\"")
	f(Settings{AllowedKeys: []string{"a", "*b"}}, "`allowed_keys::1` must be a key, or a prefix and an asterisk, found \"*b\"")
	f(Settings{IgnoredKeys: []string{""}}, "`ignored_keys::0` must be a key, or a prefix and an asterisk, found \"\"")
	f(Settings{BlockedKeyPatterns: []string{"("}}, "`blocked_key_patterns::0` must be a regular expression: error parsing regexp: missing closing ): `(`")
	f(Settings{BlockedKeyPatterns: make([]string, 65)}, "`blocked_key_patterns` must be at most 64, found 65")
	f(Settings{BlockedKeyPatterns: []string{""}}, "`blocked_key_patterns::0` must be 1 to 512 bytes, found 0")
}
