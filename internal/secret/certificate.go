package secret

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"strings"
)

// A client certificate identifies its bearer by its subject, or where a gateway gives none, by its SHA-256. A proxy
// that ends TLS passes them on in headers, of which there are many dialects. Whoever reaches the server past the
// proxy can write these headers as well, so they rank below every other place: they never push out what a gateway
// itself logs of the certificate, nor a token.

// certPart is what a header or field says of the client's certificate.
type certPart uint8

const (
	certNone      certPart = iota
	certSubject            // a distinguished name
	certSum                // SHA-256
	certWhole              // the certificate, in PEM or base64: read, then removed
	certForwarded          // Envoy's x-forwarded-client-cert
	certInfo               // Traefik's list of what was asked for
)

// Semantic conventions.
const (
	keyTLSSubject     = "tls.client.subject"
	keyTLSSum         = "tls.client.hash.sha256"
	keyTLSCertificate = "tls.client.certificate"
)

// certNames are the headers and fields, without separators and in lower case.
var certNames = map[string]certPart{
	"xforwardedclientcert":        certForwarded,
	"xforwardedtlsclientcertinfo": certInfo,

	"sslclientsdn": certSubject, "xsslclientsdn": certSubject, "sslclientdn": certSubject, "xsslclientdn": certSubject,
	"xclientcertdn": certSubject, "xclientdn": certSubject, "sslclientsubjectdn": certSubject,
	"sslclientsubject": certSubject, "xsslclientsubject": certSubject, "xsslsubject": certSubject,
	"xclientcertsubject": certSubject, "xclientsubjectdn": certSubject, "xclientcertsubjectdn": certSubject,
	"xamznmtlsclientcertsubject": certSubject, "cfcertsubjectdn": certSubject, "cfcertsubjectdnrfc2253": certSubject,
	"httpsslclientsdn": certSubject, "httpxsslclientsdn": certSubject, "sslcsdn": certSubject, "xsslcsdn": certSubject,
	"tlsclientsubject": certSubject, "xtlsclientsubject": certSubject, "xtlsclientdn": certSubject,
	"downstreampeersubject": certSubject, "downstreampeerurisan": certSubject, "xclientcertspiffe": certSubject,
	"clientcertsubject": certSubject, "xsslclientcertsubject": certSubject, "sslclientcertsubject": certSubject,

	"downstreampeerfingerprint256": certSum, "xclientcertsha256": certSum, "xclientcertfingerprint": certSum,
	"xsslclientsha256": certSum, "sslclientsha256": certSum, "xclientcerthash": certSum, "sslcsha256": certSum,
	"xsslclientfingerprint": certSum, "sslclientfingerprint": certSum, "cfcertfingerprintsha256": certSum,

	"xsslcert": certWhole, "xsslclientcert": certWhole, "sslclientcert": certWhole, "xclientcert": certWhole,
	"xclientcertificate": certWhole, "clientcertificate": certWhole, "clientcert": certWhole,
	"xforwardedtlsclientcert": certWhole, "xarrclientcert": certWhole, "xamznmtlsclientcert": certWhole,
	"xamznmtlsclientcertleaf": certWhole, "cfclientcertderbase64": certWhole, "xclientcertleaf": certWhole,
	"xclientcertpem": certWhole, "sslclientescapedcert": certWhole, "sslclientrawcert": certWhole,
	"downstreampeercert": certWhole, "xtlsclientcert": certWhole, "clientcertchain": certWhole, "xclientcertchain": certWhole,
}

// endsLikeCertificate holds the last bytes of the names above: most others are told apart by it alone.
var endsLikeCertificate = func() (t [256]bool) {
	for name := range certNames {
		c := name[len(name)-1]
		t[c] = true
		if 'a' <= c && c <= 'z' {
			t[c-'a'+'A'] = true
		}
	}
	return t
}()

const shortestCertName = 7

func lookupCertificate(name string) certPart {
	if len(name) < shortestCertName || len(name) > longestName || !endsLikeCertificate[name[len(name)-1]] {
		return certNone
	}
	var buf [longestName]byte
	return certNames[string(flatten(buf[:0], name))]
}

func (p *Pass) lookCertificate(c *keyClass, value string) {
	at := place{rank: rankMTLS, kind: placeMTLS}
	if c.header {
		at = place{rankClaimed, placeHeader, c.name}
	}
	if placeholder(value) {
		p.noteStandIn(value, at, schemeMTLS)
		return
	}
	part := c.cert
	if part == certForwarded && !strings.Contains(value, "=") || part == certForwarded && strings.Contains(value, "BEGIN%20") {
		part = certWhole // HAProxy and nginx users put a PEM there
	}
	switch part {
	case certSubject:
		p.addSubject(value, at)
	case certSum:
		p.addCertificate("", value, at)
	case certInfo:
		p.addSubject(forwardedElement(unescapeForm(value)).subject, at)
	case certForwarded:
		p.lookForwarded(value, at)
	case certWhole:
		p.readCertificate(value, at)
	}
}

// maxForwarded is how many certificates of a chain of proxies are taken, the nearest first.
const maxForwarded = 4

// lookForwarded takes the elements of x-forwarded-client-cert, one for each proxy that the request passed.
func (p *Pass) lookForwarded(value string, at place) {
	var elements [maxForwarded]string
	n := 0
	for value != "" {
		elements[n%maxForwarded], value = cutItem(value, ',')
		n++
	}
	for i := n - 1; i >= max(0, n-maxForwarded); i-- {
		e := forwardedElement(elements[i%maxForwarded])
		switch {
		case e.subject != "" || e.sum != "":
			p.addCertificate(e.subject, e.sum, at)
		case e.cert != "":
			p.readCertificate(e.cert, at)
		}
	}
}

// forwarded is one element: who the client is, in the order in which a proxy is likely to know it.
type forwarded struct{ subject, sum, cert string }

func forwardedElement(s string) forwarded {
	list := parameters{s, ';'}
	e := forwarded{subject: strings.ReplaceAll(list.get("Subject"), `\"`, `"`), sum: list.get("Hash"), cert: list.get("Cert")}
	if e.subject == "" {
		e.subject = list.get("URI") // the name of a workload
	}
	return e
}

const (
	// longestCertificate bounds what is decoded: a leaf certificate with a long list of names stays far below.
	longestCertificate = 16 << 10
	// shortestCertificate is below any X.509 certificate in base64.
	shortestCertificate = 128
	// maxCertificates is how many of one request are parsed, each some microseconds.
	maxCertificates = 2
)

func longEnoughForACertificate(s string) bool {
	return len(s) >= shortestCertificate && !placeholder(s)
}

// readCertificate takes the subject out of a certificate in PEM or bare base64, escaped or not.
func (p *Pass) readCertificate(text string, at place) {
	if len(text) > longestCertificate || p.certs >= maxCertificates {
		return
	}
	p.certs++
	der, err := base64.StdEncoding.DecodeString(bareCertificate(text))
	if err != nil {
		return
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return
	}
	sum := sha256.Sum256(cert.Raw)
	p.addCertificate(cert.Subject.String(), hex.EncodeToString(sum[:]), at)
}

// bareCertificate leaves the base64 of the first certificate: nginx indents its lines, Traefik drops lines and
// labels and separates certificates by commas, RFC 9440 wraps the base64 in colons.
func bareCertificate(text string) string {
	if strings.IndexByte(text, '%') >= 0 || strings.IndexByte(text, '\\') >= 0 {
		text = unescapeForm(text)
	}
	if _, after, ok := strings.Cut(text, "-----BEGIN CERTIFICATE-----"); ok {
		text, _, _ = strings.Cut(after, "-----END")
	}
	text, _, _ = strings.Cut(strings.Trim(text, `" `), ",")
	return strings.Map(func(r rune) rune {
		switch r {
		case ' ', '\t', '\r', '\n', ':':
			return -1
		}
		return r
	}, text)
}

// unescapeForm takes off percent-encoding; Traefik's has a plus for a space, and no other plus then.
func unescapeForm(s string) string {
	if strings.Contains(s, "%2B") || strings.Contains(s, "%3D") || strings.Contains(s, "BEGIN+") {
		s = strings.ReplaceAll(s, "+", " ")
	}
	return decodeOnce(s)
}

// ruleCertificate is the rule of a certificate that was read and is not kept.
const ruleCertificate = "certificate"

// findForwarded marks the certificates inside x-forwarded-client-cert; who the client is stays.
func (f *finder) findForwarded(l *layer) {
	for i := 0; i < len(l.text); {
		j := strings.IndexByte(l.text[i:], '=')
		if j < 0 {
			return
		}
		i += j
		name, _ := bareNameBefore(l.text, i)
		i++
		if !strings.EqualFold(name, "cert") && !strings.EqualFold(name, "chain") {
			continue
		}
		end := i
		if end < len(l.text) && l.text[end] == '"' {
			i++
			end = quoteEnd(l.text, i, '"')
		} else {
			for end < len(l.text) && l.text[end] != ';' && l.text[end] != ',' {
				end++
			}
		}
		f.markText(l, i, end, ruleCertificate)
		i = max(i, end)
	}
}

// addSubject takes the subject of a client certificate.
func (p *Pass) addSubject(subject string, at place) {
	subject = strings.TrimSpace(subject)
	if placeholder(subject) {
		return
	}
	p.add(credential{kind: kindID, digest: idDigest(schemeMTLS, p.issuer, subject), scheme: schemeMTLS, place: at})
}

// addPeer takes the client certificate that the gateway itself checked. Only there the subject is shown as the id of a
// credential: what stands in a header, or in a certificate that nobody checked, may be the caller's own text, and a
// directory would be asked about it.
func (p *Pass) addPeer(subject, sum string) {
	kind, id := schemeMTLS, strings.TrimSpace(subject)
	if placeholder(id) {
		kind, id = kindCertificate, plainSum(sum)
	}
	if id == "" {
		return
	}
	p.peer = id
	p.add(credential{
		kind: kindID, digest: idDigest(kind, p.issuer, id), id: id, scheme: schemeMTLS,
		place: place{rank: rankMTLS, kind: placeMTLS},
	})
}

// kindCertificate is the kind of a kc over a certificate's SHA-256, for a gateway that gives no subject.
const kindCertificate = "mtls_fingerprint"

// addCertificate takes what is known of one client certificate: its subject, else its SHA-256.
func (p *Pass) addCertificate(subject, sum string, at place) {
	if !placeholder(subject) {
		p.addSubject(subject, at)
		return
	}
	if sum = plainSum(sum); sum == "" {
		return
	}
	p.add(credential{kind: kindID, digest: idDigest(kindCertificate, p.issuer, sum), scheme: schemeMTLS, place: at})
}

// plainSum brings the SHA-256 of a certificate into one form, 64 lower hex digits; empty where it is none. Most
// gateways write hexadecimal, some with colons; Google's load balancer writes base64.
func plainSum(s string) string {
	sum, ok := decodeSum(strings.ReplaceAll(strings.TrimSpace(s), ":", ""))
	if !ok {
		return ""
	}
	return hex.EncodeToString(sum[:])
}
