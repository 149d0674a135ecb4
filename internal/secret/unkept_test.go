package secret

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/keytrail/keytrail/internal/event"
)

// A body that a gateway logs is searched like the rest, and leaves nothing of itself.
func TestABodyIsSearchedAndNotKept(t *testing.T) {
	const token = "dummy7body9token4of8none"
	for name, body := range map[string]string{
		"a form":  "grant_type=client_credentials&client_id=shop&client_secret=" + token,
		"JSON":    `{"user":"ada","auth":{"access_token":"` + token + `"}}`,
		"running": "curl -H 'Authorization: Bearer " + token + "' https://api.example.com",
	} {
		r := event.Record{Unkept: []string{body}}
		r.Attrs.Add(event.KeyMethod, event.String("POST"))
		r.Attrs.Add("kong.note", event.String("seen "+token+" today"))
		out := testSealer(t).Record(&r)
		assert.False(t, out.Failed, name)
		assert.Empty(t, r.Unkept, name)
		assert.NotContains(t, string(r.Append(nil)), token, name)
		if name != "a form" { // a client's secret is removed, and not taken for the token of the call
			assert.NotEmpty(t, r.Attrs.Str(event.KeyFingerprint), name)
		}
	}
}

// A caller may write a credential in the form of our own replacements; the form makes nothing clean.
func TestACredentialInTheFormOfAReplacement(t *testing.T) {
	const token = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"
	r := event.Record{}
	r.Attrs.Add("http.request.header.authorization", event.Strings([]string{"Bearer " + token}))
	r.Attrs.Add("kong.note", event.String("seen [REDACTED:"+token+"] today"))
	testSealer(t).Record(&r)
	assert.NotContains(t, string(r.Append(nil)), token)
}
