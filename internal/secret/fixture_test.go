package secret

import (
	"crypto/sha256"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/fingerprint"
)

const testIssuer = "edge"

func testRing(t testing.TB) *fingerprint.Ring {
	t.Helper()
	data, err := os.ReadFile("../fingerprint/testdata/ring.yaml")
	require.NoError(t, err)
	ring, err := fingerprint.Parse(data, time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC))
	require.NoError(t, err)
	return ring
}

func testSealer(t testing.TB) *Sealer {
	t.Helper()
	return New(fingerprint.Static(testRing(t)), Options{Issuer: testIssuer})
}

// dice makes token-like text that is different in every test and obviously nobody's.
type dice struct{ *rand.Rand }

func newDice(seed uint64) dice { return dice{rand.New(rand.NewPCG(seed, 0))} }

func (d dice) letters(alphabet string, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[d.IntN(len(alphabet))]
	}
	return string(b)
}

const hexAlphabet = "0123456789abcdef"

func (d dice) base62(n int) string { return d.letters(base62Digits, n) }

// github makes a token of GitHub's and npm's scheme with a checksum that is right.
func (d dice) github(prefix string) string {
	body := d.base62(30)
	sum := crc32.ChecksumIEEE([]byte(body))
	tail := []byte("000000")
	for i := 5; i >= 0; i-- {
		tail[i] = base62Digits[sum%62]
		sum /= 62
	}
	return prefix + body + string(tail)
}

// routable makes a token of GitLab's routable form with a checksum that is right.
func (d dice) routable(prefix, version string) string {
	payload := rawURL.EncodeToString([]byte("o:1\nu:" + d.base62(20)))
	body := prefix + payload + version + fmt.Sprintf(".%02s", strconv.FormatInt(int64(len(payload)), 36))
	return body + fmt.Sprintf("%07s", strconv.FormatUint(uint64(crc32.ChecksumIEEE([]byte(body))), 36))
}

// jwt makes an unsigned-looking JWT of the given payload.
func (d dice) jwt(payload string) string {
	return b64(`{"alg":"HS256","typ":"JWT","kid":"k1"}`) + "." + b64(payload) + "." + d.base62(43)
}

func b64(s string) string { return rawURL.EncodeToString([]byte(s)) }

// sample is a credential of one kind.
type sample struct {
	name  string
	token string
}

func samples(d dice) []sample {
	return []sample{
		{"opaque", "Canary" + d.base62(26)},
		{"opaque symbols", "Canary/" + d.base62(8) + "+" + d.base62(8) + "="},
		{"uuid", d.letters(hexAlphabet, 8) + "-" + d.letters(hexAlphabet, 4) + "-4" + d.letters(hexAlphabet, 3) + "-a" + d.letters(hexAlphabet, 3) + "-" + d.letters(hexAlphabet, 12)},
		{"github_pat", d.github("ghp_")},
		{"github_server", d.github("ghs_")},
		{"github_fine_grained", "github_pat_" + d.base62(22) + "_" + d.base62(59)},
		{"gitlab", "glpat-" + d.base62(20)},
		{"npm", d.github("npm_")},
		{"slack", "xoxb-" + d.letters("0123456789", 12) + "-" + d.base62(24)},
		{"stripe", "sk_live_" + d.base62(24)},
		{"anthropic", "sk-ant-api03-" + d.base62(93) + "AA"},
		{"google", "AIza" + d.base62(35)},
		{"aws", "AKIA" + d.letters("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16)},
		{"jwt", d.jwt(`{"iss":"https://issuer.example","sub":"user-1","jti":"j1"}`)},
	}
}

func attrs(pairs ...string) event.Attrs {
	var a event.Attrs
	for i := 0; i+1 < len(pairs); i += 2 {
		if strings.HasPrefix(pairs[i], "http.request.header.") || strings.HasPrefix(pairs[i], "http.response.header.") {
			a.Add(pairs[i], event.Strings([]string{pairs[i+1]}))
			continue
		}
		a.Add(pairs[i], event.String(pairs[i+1]))
	}
	return a
}

// dump is everything that a record would show to anyone.
func dump(r *event.Record) string {
	var b strings.Builder
	for _, set := range []event.Attrs{r.Resource, r.Attrs} {
		for _, a := range set {
			b.WriteString(a.Key + "=" + a.Value.Text() + "\n")
		}
	}
	b.Write(r.Append(nil))
	return b.String()
}

func sumOf(s string) [sha256.Size]byte { return sha256.Sum256([]byte(s)) }
