package ownerhttp

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/owner"
)

var asked = func() owner.Keys {
	sum := sha256.Sum256([]byte("dummy-token"))
	return owner.Keys{
		SHA256: sum, HasSHA256: true, CredentialID: "kong/1 & 2", Fingerprint: "kt1_" + strings.Repeat("0a", 16),
		JWTIssuer: "https://issuer.example.test/", JWTSubject: "system:serviceaccount:ns:name", JWTClientID: "web?x=1", JWTID: "é/42",
	}
}()

func TestLookUpByTemplate(t *testing.T) {
	sum := asked.SHA256
	f := func(template, want string, keys ...string) {
		t.Helper()
		var got string
		addr, client := serve(t, func(w http.ResponseWriter, r *http.Request) {
			got = r.RequestURI
			_, _ = io.WriteString(w, `{"owner_id":"svc-orders"}`)
		})
		s := open(t, Config{LookupURL: addr + template, Client: client})
		assert.Equal(t, keys, s.Keys())
		row, err := s.Find(t.Context(), asked)
		require.NoError(t, err)
		require.NotNil(t, row)
		assert.Equal(t, "svc-orders", row.OwnerID)
		assert.Equal(t, want, got)
	}
	f("/tokens/{sha256_hex}", "/tokens/"+hex.EncodeToString(sum[:]), "sha256")
	f("/tokens/{sha256_base64url}.json", "/tokens/"+base64.RawURLEncoding.EncodeToString(sum[:])+".json", "sha256")
	f("/t?hash={sha256_base64}&v=1", "/t?hash="+strings.NewReplacer("+", "%2B", "/", "%2F", "=", "%3D").Replace(base64.StdEncoding.EncodeToString(sum[:]))+"&v=1", "sha256")
	f("/t/{fingerprint}", "/t/"+asked.Fingerprint, "fingerprint")
	f("/t/{credential_id}/owner", "/t/kong%2F1%20&%202/owner", "credential_id")
	f("?id={credential_id}", "/?id=kong%2F1+%26+2", "credential_id")
	f("/sa/{jwt_subject}", "/sa/system:serviceaccount:ns:name", "jwt_subject", "jwt_issuer")
	f("/{jwt_id}?iss={jwt_issuer}&c={jwt_client_id}", "/%C3%A9%2F42?iss=https%3A%2F%2Fissuer.example.test%2F&c=web%3Fx%3D1",
		"jwt_id", "jwt_issuer", "jwt_client_id")
}

func TestAnswersOfALookUp(t *testing.T) {
	find := func(c Config, h http.HandlerFunc) (*Source, *owner.Row, error) {
		addr, client := serve(t, h)
		c.LookupURL, c.Client = addr+"/dummy-secret/{sha256_hex}", client
		s := open(t, c)
		row, err := s.Find(t.Context(), asked)
		return s, row, err
	}
	known := func(body string) {
		t.Helper()
		_, row, err := find(Config{}, says(body))
		require.NoError(t, err, body)
		require.NotNil(t, row, body)
		assert.Equal(t, "alice", row.OwnerID)
		assert.True(t, row.HasDigest)
	}
	hash := hex.EncodeToString(asked.SHA256[:])
	known(`{"owner_id":"alice"}`)
	known(`{"owner_id":"alice","data":{"owner_id":"mallory"},"sha256":"` + hash + `"}`)
	known(`{"data":{"owner_id":"alice","sha256":"sha256:` + hash + `"}}`)
	known(`{"items":[{"owner_id":"alice"}]}`)
	known(`[{"owner_id":"alice"}]`)

	notKnown := func(h http.HandlerFunc) {
		t.Helper()
		s, row, err := find(Config{}, h)
		require.NoError(t, err)
		assert.Nil(t, row)
		assert.Equal(t, int64(1), s.Stats().NotKnown)
	}
	for _, code := range []int{404, 410, 204} {
		notKnown(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) })
	}
	for _, body := range []string{`[]`, `null`, `{"data":null}`, `{"results":[]}`} {
		notKnown(says(body))
	}

	fails := func(reason Reason, h http.HandlerFunc) {
		t.Helper()
		s, row, err := find(Config{}, h)
		assert.Nil(t, row)
		e := expect(t, err, reason, s)
		assert.NotContains(t, e.Error(), hash)
	}
	fails(BadRow, says(`{"owner_id":"mallory","sha256":"`+strings.Repeat("00", 32)+`"}`)) // another token's row
	fails(BadRow, says(`{"owner_id":""}`))
	fails(BadRow, says(`{"error":"attacker"}`))
	fails(Shape, says(`[{"owner_id":"a"},{"owner_id":"b"}]`))
	fails(Shape, says(`"attacker"`))
	fails(NotJSON, says(`attacker`))
	fails(BodyTooLarge, says(`"`+strings.Repeat("x", maxLookupBytes)+`"`))
	fails(ServerError, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	fails(RateLimited, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) })
	fails(Status, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) })
	fails(Redirect, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://attacker.example.test/", http.StatusFound)
	})
	_, row, err := find(Config{Rows: "a.b", Fields: map[string]string{"owner_id": "who"}}, says(`{"a":{"b":{"who":"alice"}}}`))
	require.NoError(t, err)
	assert.Equal(t, "alice", row.OwnerID)
}

func TestARowFoundByAClaimIsThatOfItsIssuer(t *testing.T) {
	addr, client := serve(t, says(`{"owner_id":"svc-orders"}`))
	s := open(t, Config{LookupURL: addr + "/{jwt_subject}/{jwt_client_id}", Client: client})
	row, err := s.Find(t.Context(), asked)
	require.NoError(t, err)
	assert.Equal(t, asked.JWTIssuer+" "+asked.JWTSubject, row.JWTIssuer+" "+row.JWTSubject)
	assert.False(t, row.HasDigest, "it is every token's of that subject")
	k := asked
	k.JWTIssuer = ""
	row, err = s.Find(t.Context(), k)
	require.NoError(t, err)
	assert.Nil(t, row)
}

// Whoever asks an issuer for a token may choose a name in it.
func TestNamesThatAreNoPartOfAnAddress(t *testing.T) {
	reached := 0
	addr, client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		reached++
		w.WriteHeader(http.StatusNotFound)
	})
	s := open(t, Config{LookupURL: addr + "/t/{credential_id}/owner", Client: client})
	bad := []string{"", ".", "..", "../admin", `a/../../b`, `..\admin`, "a\r\nHost: b", "a\x00", "\xff", strings.Repeat("x", owner.MaxFieldBytes+1)}
	for _, id := range bad {
		row, err := s.Find(t.Context(), owner.Keys{CredentialID: id})
		require.NoError(t, err)
		assert.Nil(t, row)
	}
	assert.Zero(t, reached)
	assert.Equal(t, int64(len(bad)), s.Stats().Skipped)
	for _, id := range []string{"a..b", "...", "%2e%2e", "@attacker.example.test", "?x=1#y", "spiffe://a/b"} {
		_, err := s.Find(t.Context(), owner.Keys{CredentialID: id})
		require.NoError(t, err)
	}
	assert.Equal(t, 6, reached)
}

func TestConfigurationsThatAreRefused(t *testing.T) {
	f := func(want string, c Config) {
		t.Helper()
		err := c.Validate()
		require.ErrorContains(t, err, want)
		assert.NotContains(t, err.Error(), "dummy-secret")
	}
	const list = "https://x.example.test/tokens"
	require.NoError(t, Config{URL: list}.Validate())
	f("needs `url` or `lookup_url`", Config{})
	for _, u := range []string{"x", "ftp://x", "https://", "https://u:dummy-secret@x", list + "#dummy-secret", "https://x/%zz?dummy-secret"} {
		f("`url` must be an http or https address", Config{URL: u})
	}
	for template, want := range map[string]string{
		list:                                "must have a placeholder such as {sha256_hex}",
		"https://{credential_id}.test/":     "must have placeholders after its host only",
		"{credential_id}":                   "must have placeholders after its host only",
		list + "/{token}":                   "must have placeholders among {credential_id}, {fingerprint}",
		list + "/{sha256_hex":               "must have placeholders among",
		list + "/sha256_hex}":               "must open each placeholder with {",
		list + "/{jwt_issuer}":              "{jwt_issuer} alone does not",
		list + "#{sha256_hex}":              "without a user, a password or a fragment",
		"https://u:dummy-secret@x/{jwt_id}": "without a user, a password or a fragment",
	} {
		f(want, Config{LookupURL: template})
	}
	f("`fields` must map fields of a directory, found \"owner\"", Config{URL: list, Fields: map[string]string{"owner": "a"}})
	f("`fields::owner_id` must be a path such as owner.email, found \"a..b\"", Config{URL: list, Fields: map[string]string{"owner_id": "a..b"}})
	f("`fields` must map owner_id", Config{URL: list, Fields: map[string]string{"sha256": "a"}})
	f("`paging` must go by cursor or by page number, found both", Config{URL: list, Paging: Paging{PageParam: "p", CursorParam: "c"}})
	f("`max_pages` must not be negative, found -1", Config{URL: list, MaxPages: -1})

	_, err := open(t, Config{URL: list}).Find(t.Context(), asked)
	require.ErrorIs(t, err, errNoLookup)
	_, _, err = open(t, Config{LookupURL: list + "/{jwt_id}"}).Load(t.Context(), "", nil)
	require.ErrorIs(t, err, errNoList)
}

// The columns read by default are all that a directory has.
func TestEveryFieldOfADirectoryIsRead(t *testing.T) {
	_, err := owner.NewDecoder([]string{"dummy"})
	require.Error(t, err)
	_, all, _ := strings.Cut(err.Error(), "is not one of ")
	r, err := newRowReader(nil, nil)
	require.NoError(t, err)
	assert.ElementsMatch(t, strings.Split(all, ", "), r.columns, fmt.Sprint(r.columns))
}
