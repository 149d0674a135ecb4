package secret

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/event"
)

const robotSubject = "CN=robot,O=Shop"

func clientCertificate(t testing.TB, subject pkix.Name) (der []byte, text string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: subject, NotAfter: time.Unix(2e9, 0)}
	der, err = x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	require.NoError(t, err)
	return der, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// TestClientCertificates reads who the client is from every dialect; the certificate itself is not kept.
func TestClientCertificates(t *testing.T) {
	der, text := clientCertificate(t, pkix.Name{CommonName: "robot", Organization: []string{"Shop"}})
	bare := base64.StdEncoding.EncodeToString(der)
	sum := sha256.Sum256(der)
	hexSum := hex.EncodeToString(sum[:])
	const h = "http.request.header."
	subject := wantID(t, "mtls", robotSubject)
	byName := func(s string) string { return wantID(t, "mtls", s) }
	bySum := wantID(t, "mtls_fingerprint", hexSum)
	for _, tc := range []struct{ name, key, value, want, location string }{
		{"nginx", h + "x-ssl-client-s-dn", robotSubject, subject, "header.x-ssl-client-s-dn"},
		{"nginx, cgi form", h + "ssl_client_s_dn", robotSubject, subject, "header.ssl_client_s_dn"},
		{"custom", h + "x-client-cert-dn", robotSubject, subject, "header.x-client-cert-dn"},
		{"aws", h + "x-amzn-mtls-clientcert-subject", robotSubject, subject, "header.x-amzn-mtls-clientcert-subject"},
		{"semantic convention", "tls.client.subject", robotSubject, subject, "mtls"},
		{"semantic convention, sum", "tls.client.hash.sha256", strings.ToUpper(hexSum), bySum, "mtls"},
		{"nginx field", "nginx.ssl_client_s_dn", robotSubject, subject, "mtls"},
		{"haproxy field", "haproxy.ssl_c_s_dn", robotSubject, subject, "mtls"},
		{"envoy field", "envoy.downstream_peer_subject", robotSubject, subject, "mtls"},
		{"envoy field, sum", "envoy.downstream_peer_fingerprint_256", hexSum, bySum, "mtls"},
		{"traefik field", "traefik.TLSClientSubject", robotSubject, subject, "mtls"},
		{"sum with colons", h + "x-client-cert-sha256", colons(hexSum), bySum, "header.x-client-cert-sha256"},
		{"google, sum in base64", h + "x-client-cert-hash", base64.StdEncoding.EncodeToString(sum[:]), bySum, "header.x-client-cert-hash"},
		{"envoy", h + "x-forwarded-client-cert", `By=spiffe://shop/api;Hash=` + hexSum + `;Subject="` + robotSubject + `";URI=spiffe://shop/robot`, subject, "header.x-forwarded-client-cert"},
		{"envoy, quotes in it", h + "x-forwarded-client-cert", `Hash=` + hexSum + `;Subject="CN=\"a;b, c\",O=Shop"`, byName(`CN="a;b, c",O=Shop`), "header.x-forwarded-client-cert"},
		{"envoy, workload", h + "x-forwarded-client-cert", `By=spiffe://shop/api;Hash=` + hexSum + `;URI=spiffe://shop/robot`, byName("spiffe://shop/robot"), "header.x-forwarded-client-cert"},
		{"envoy, sum", h + "x-forwarded-client-cert", "Hash=" + hexSum, bySum, "header.x-forwarded-client-cert"},
		{"envoy, certificate", h + "x-forwarded-client-cert", `Cert="` + url.PathEscape(text) + `"`, subject, "header.x-forwarded-client-cert"},
		{"pem, escaped", h + "x-ssl-client-cert", url.QueryEscape(text), subject, "header.x-ssl-client-cert"},
		{"pem, indented", h + "x-ssl-cert", strings.ReplaceAll(text, "\n", "\n\t"), subject, "header.x-ssl-cert"},
		{"pem, one line", h + "x-client-cert", strings.ReplaceAll(text, "\n", " "), subject, "header.x-client-cert"},
		{"pem in xfcc", h + "x-forwarded-client-cert", url.PathEscape(text), subject, "header.x-forwarded-client-cert"},
		{"traefik", h + "x-forwarded-tls-client-cert", bare + "," + bare, subject, "header.x-forwarded-tls-client-cert"},
		{"traefik, info", h + "x-forwarded-tls-client-cert-info", url.QueryEscape(`Subject="` + robotSubject + `";NB="1"`), subject, "header.x-forwarded-tls-client-cert-info"},
		{"azure", h + "x-arr-clientcert", bare, subject, "header.x-arr-clientcert"},
		{"rfc 9440", h + "client-cert", ":" + bare + ":", subject, "header.client-cert"},
		{"semantic convention, pem", "tls.client.certificate", text, subject, "mtls"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r, out := seal(t, event.Auth{}, tc.key, tc.value)
			assert.Equal(t, tc.want, r.Attrs.Str(event.KeyFingerprint), dump(r))
			assert.Equal(t, "mtls "+tc.location, r.Attrs.Str(event.KeyTokenScheme)+" "+r.Attrs.Str(event.KeyTokenLocation))
			assert.Equal(t, event.VisibilityVisible, out.Visibility)
			assert.NotContains(t, dump(r), bare[60:100])
			if strings.Contains(tc.value, "By=") {
				assert.Contains(t, dump(r), "spiffe://shop/api", "who the client is stays")
			}
		})
	}
}

func colons(s string) string {
	var parts []string
	for i := 0; i < len(s); i += 2 {
		parts = append(parts, s[i:i+2])
	}
	return strings.Join(parts, ":")
}

// TestAForgedHeaderDoesNotOutrankTheGateway: whoever writes a certificate header is below what the gateway saw.
func TestAForgedHeaderDoesNotOutrankTheGateway(t *testing.T) {
	r, _ := seal(t, event.Auth{MTLSSubject: robotSubject}, "http.request.header.x-ssl-client-s-dn", "CN=victim")
	assert.Equal(t, wantID(t, "mtls", robotSubject), r.Attrs.Str(event.KeyFingerprint))
	others, _ := r.Attrs.Get(event.KeyOthers)
	assert.Equal(t, []string{wantID(t, "mtls", "CN=victim") + " header.x-ssl-client-s-dn mtls"}, others.Strings())
}

func TestTheNearestProxyIsAskedFirst(t *testing.T) {
	r, _ := seal(t, event.Auth{}, "http.request.header.x-forwarded-client-cert", `Subject="CN=forged",Subject="CN=first";Hash=x, Subject="CN=second"`)
	assert.Equal(t, wantID(t, "mtls", "CN=second"), r.Attrs.Str(event.KeyFingerprint))
}

func TestGatewayGivesOnlyTheSumOfACertificate(t *testing.T) {
	sum := strings.Repeat("ab", 32)
	r, _ := seal(t, event.Auth{MTLSFingerprint: strings.ToUpper(sum)})
	assert.Equal(t, wantID(t, "mtls_fingerprint", sum), r.Attrs.Str(event.KeyFingerprint))
	r, _ = seal(t, event.Auth{MTLSFingerprint: sum, MTLSSubject: "CN=robot"})
	assert.Equal(t, wantID(t, "mtls", "CN=robot"), r.Attrs.Str(event.KeyFingerprint))
	assert.Empty(t, r.Attrs.Str(event.KeyOthers))
}

// TestOnlyACheckedCertificateNamesAPrincipal: anybody writes himself a certificate with any subject. Both are the same
// credential, so that a trail does not break where a gateway begins to say what it checked.
func TestOnlyACheckedCertificateNamesAPrincipal(t *testing.T) {
	for _, tc := range []struct {
		verified  bool
		basis, id string
	}{{true, event.BasisGateway, robotSubject}, {false, event.BasisCredential, ""}} {
		r, _ := seal(t, event.Auth{MTLSSubject: robotSubject, MTLSVerified: tc.verified})
		assert.Equal(t, wantID(t, "mtls", robotSubject), r.Attrs.Str(event.KeyFingerprint))
		assert.Equal(t, tc.basis, r.Attrs.Str(event.KeyPrincipalBasis))
		assert.Equal(t, tc.id, r.Attrs.Str(event.KeyCredentialID))
	}
}

// TestBrokenCertificatesAreRemoved: what cannot be read identifies nobody and is not kept either.
func TestBrokenCertificatesAreRemoved(t *testing.T) {
	_, text := clientCertificate(t, pkix.Name{})
	for _, v := range []string{text[:len(text)/2], strings.Repeat("A", 4000), strings.Repeat("!", 40000), "-----BEGIN CERTIFICATE-----" + strings.Repeat("A", 200)} {
		r, _ := seal(t, event.Auth{}, "http.request.header.x-ssl-client-cert", v)
		assert.Empty(t, r.Attrs.Str(event.KeyFingerprint))
		got, _ := r.Attrs.Get("http.request.header.x-ssl-client-cert")
		assert.Equal(t, []string{"[REDACTED:certificate]"}, got.Strings())
	}
	r, _ := seal(t, event.Auth{}, "http.request.header.x-ssl-client-cert", text)
	assert.NotEmpty(t, r.Attrs.Str(event.KeyFingerprint), "a certificate without a subject has its sum")
}
