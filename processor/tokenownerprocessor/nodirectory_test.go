package tokenownerprocessor

import (
	"encoding/base64"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/fingerprint"
	"github.com/keytrail/keytrail/internal/owner"
	"github.com/keytrail/keytrail/internal/secret"
)

// TestOwnersWithoutADirectory seals what gateways say of their callers as api_log does, and looks for the owner by rules
// alone.
func TestOwnersWithoutADirectory(t *testing.T) {
	b := newBench(t, func(c *Config) {
		c.Owners.Gateway = []owner.Rule{{Preset: "kong"}, {Preset: "mtls"}, {Preset: "credential_id"}}
		c.Owners.Claims = []owner.Rule{{Preset: "kubernetes"}, {Preset: "github_actions"}, {Preset: "gitlab_ci"}, {Preset: "client"}, {Preset: "subject"}}
	})
	sealer := secret.New(fingerprint.Static(ring(t)), secret.Options{Issuer: "edge", Verify: func(string) bool { return true }})
	const authorization = event.PrefixRequestHeader + "authorization"
	for _, tc := range []struct {
		name, want, kind string
		auth             event.Auth
		attrs            []string
	}{
		{"a Kong consumer", "orders-app", "", event.Auth{Kind: "kong", CredentialID: "cred-1", Principal: "c-1", Authenticated: true},
			[]string{"kong.consumer.username", "orders-app"}},
		{"an API Gateway key id", "key-17", "", event.Auth{Kind: "apigateway", CredentialID: "key-17", Authenticated: true}, nil},
		{"a key id that was refused", "", "", event.Auth{Kind: "apigateway", CredentialID: "key-17"}, nil},
		{"a checked client certificate", "CN=checkout,O=shop", "service", event.Auth{MTLSSubject: "CN=checkout,O=shop", MTLSVerified: true}, nil},
		{"a client certificate that nobody checked", "", "", event.Auth{MTLSSubject: "CN=checkout,O=shop"}, nil},
		{"a certificate in a header", "", "", event.Auth{}, []string{event.PrefixRequestHeader + "x-ssl-client-s-dn", "CN=checkout,O=shop"}},
		{"a certificate beside a token", "", "", event.Auth{MTLSSubject: "CN=proxy", MTLSVerified: true}, []string{authorization, "Bearer " + dummyToken()}},
		{"JWT claims", "orders-client", "service", event.Auth{}, []string{authorization, "Bearer " + dummyJWT(`{"iss":"https://idp.example","sub":"u-1","client_id":"orders-client"}`)}},
		{"a Kubernetes service account", "shop/checkout", "service", event.Auth{},
			[]string{authorization, "Bearer " + dummyJWT(`{"iss":"https://k8s.example","sub":"system:serviceaccount:shop:checkout"}`)}},
		{"GitHub Actions", "octo/site", "automation", event.Auth{},
			[]string{authorization, "Bearer " + dummyJWT(`{"iss":"https://token.actions.githubusercontent.com","sub":"repo:octo/site:ref:refs/heads/main"}`)}},
		{"GitLab CI", "group/app", "automation", event.Auth{},
			[]string{authorization, "Bearer " + dummyJWT(`{"iss":"https://gitlab.example","sub":"project_path:group/app:ref_type:branch:ref:main"}`)}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := event.Record{Auth: tc.auth}
			for i := 0; i < len(tc.attrs); i += 2 {
				r.Attrs.Add(tc.attrs[i], event.String(tc.attrs[i+1]))
			}
			sealer.Record(&r)
			a := b.passed(t, r.Attrs.Str(event.KeyFingerprint), r.Attrs.Str(event.KeyPrincipal), r.Attrs.Str(event.KeyPrincipalBasis), func(a pcommon.Map) {
				for _, at := range r.Attrs {
					if at.Value.Kind() == event.KindString {
						a.PutStr(at.Key, at.Value.Str())
					}
				}
			})
			require.Equal(t, tc.want, strOf(a, event.KeyOwnerID))
			require.Equal(t, tc.kind, strOf(a, event.KeyOwnerType))
			if tc.want == "" {
				require.Equal(t, event.BasisCredential, r.Attrs.Str(event.KeyPrincipalBasis))
			}
		})
	}
}

// dummyJWT is a JWT in form, signed by nobody.
func dummyJWT(claims string) string {
	part := base64.RawURLEncoding.EncodeToString
	return part([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + part([]byte(claims)) + "." + part([]byte("signed by nobody"))
}
