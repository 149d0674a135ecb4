package fingerprint

import "testing"

func BenchmarkStamp(b *testing.B) {
	r, d := vectorRing(b), CredentialDigest([]byte("example-token-0001"))
	b.ReportAllocs()
	for b.Loop() {
		r.Stamp(Credential, d)
	}
}

// BenchmarkToken is all of it: digest, both epochs in overlap, text.
func BenchmarkToken(b *testing.B) {
	r, token := vectorRing(b), []byte("example-token-0001")
	b.ReportAllocs()
	for b.Loop() {
		d := CredentialDigest(token)
		_ = r.Stamp(Credential, d).String()
		if id, ok := r.Previous(Credential, d); ok {
			_ = id.String()
		}
	}
}
