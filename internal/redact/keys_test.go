package redact

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/keytrail/keytrail/internal/secret/search"
)

func found(s *Set, key, text string) string {
	var list []string
	for _, m := range s.Search(key, text, nil) {
		list = append(list, m.Rule+"="+text[m.Start:m.End])
	}
	return strings.Join(list, " ")
}

func random(seed uint64, set string, n int) string {
	r := rand.New(rand.NewPCG(seed, 3))
	b := make([]byte, n)
	for i := range b {
		b[i] = set[r.IntN(len(set))]
	}
	return string(b)
}

const hexes = "0123456789abcdef"

// TestTheKeyIsContext: a structured attribute is an assignment.
func TestTheKeyIsContext(t *testing.T) {
	s := newSet(t, Config{})
	secret := random(1, hexes, 32)
	for _, key := range []string{"adobe_client_id", "app.adobe.client.id", "http.request.header.x-adobe-id"} {
		assert.True(t, s.ReadsKey(key), key)
		assert.Contains(t, found(s, key, secret), "adobe-client-id="+secret, key)
		assert.Equal(t, "", found(s, "", secret), "without the key it is any digest")
	}
	assert.Equal(t, "", found(s, "adobe_client_id", "not a digest at all"))
	assert.Equal(t, "", found(s, "adobe.of.something.that.has.far.too.many.words.behind.it.to.be.meant.client_id", secret))
	assert.False(t, s.ReadsKey("http.request.header.x-request-start"))
}

func TestConnectionStrings(t *testing.T) {
	s := newSet(t, Config{DisableDefault: true})
	f := func(text, want string) {
		t.Helper()
		assert.Equal(t, want, found(s, "", text))
	}
	pass := "fake-" + random(2, hexes, 8)
	key := random(3, "ABCDEFabcdef0123456789+/", 86) + "=="
	f("dial app:"+pass+"@tcp(db.example:3306)/shop?tls=true", "dsn-password="+pass)
	f("app:"+pass+"@unix(/run/mysqld.sock)/shop", "dsn-password="+pass)
	f("Server=db;Database=shop;User Id=app;Password="+pass+";Encrypt=true", "connection-string-password="+pass)
	f("Driver={ODBC Driver 18};Server=db;UID=app;PWD={"+pass+"};", "connection-string-password="+pass)
	f("jdbc:postgresql://db.example/shop?user=app&password="+pass+"&ssl=true", "connection-string-password="+pass)
	f("host=db user=app password='"+pass+"' dbname=shop", "connection-string-password="+pass)
	f("DefaultEndpointsProtocol=https;AccountName=acme;AccountKey="+key+";EndpointSuffix=core.windows.net", "azure-shared-key="+key)
	f("Endpoint=sb://acme.example/;SharedAccessKeyName=root;SharedAccessKey="+key[:43]+"=", "azure-shared-key="+key[:43]+"=")
	f("PWD=/home/app OLDPWD=/", "")
	f("the password = must be set", "connection-string-password=must")
	f("password policy: at least 12 letters", "")
}

func TestPaymentCards(t *testing.T) {
	s := newSet(t, Config{DisableDefault: true})
	f := func(text, want string) {
		t.Helper()
		if want != "" {
			want = cardRule + "=" + want
		}
		assert.Equal(t, want, found(s, "", text))
	}
	// The numbers are the ones that issuers publish for tests.
	f("4242424242424242", "4242424242424242")
	f("paid with 4242 4242 4242 4242.", "4242 4242 4242 4242")
	f(`{"pan":"5555-5555-5555-4444"}`, "5555-5555-5555-4444")
	f("card=378282246310005&cvc=123", "378282246310005")
	f("3782 822463 10005", "3782 822463 10005")
	f("6011111111111117", "6011111111111117")
	f("4242424242424241", "")                       // wrong check digit
	f("a4242424242424242", "")                      // part of a word
	f("/orders/42424242424242424242424", "")        // too long
	f("9f42424242424242424242", "")                 // part of a digest
	f("1790000000000", "")                          // milliseconds
	f("4242 424242424242", "")                      // no card is written so
	f("00-42424242424242424242-0000", "")           // a trace
	f("4242424242424242.5", "")                     // a measure
	f("+49 30 4242 4242, +49 30 4242 4242", "")     // telephones
	f("2221-0000-0000-0009", "2221-0000-0000-0009") // Mastercard's second range
}

// TestWorkIsLinear: whatever text is made to meet as many keywords as possible, the expressions are given no more of it
// than a constant times its length, and twice the text is not more than twice the work.
func TestWorkIsLinear(t *testing.T) {
	s := newSet(t, Config{})
	words := strings.Join(s.words.words, "=")
	for name, unit := range map[string]string{
		"api": "api", "assigned": "api=", "every keyword": words + "=", "values": "api_key=" + random(4, hexes, 40) + "; ",
		"long values": "token=" + random(5, hexes, 3000) + " ", "digits": "4242 ", "quotes": `api"'"='"`, "curl": "curl -u a:b -H x ",
		"one run": "aaaaaaaaaaaaaaaa", "card digits": "42", "s.": "s.", "keywords and runs": "facebook " + random(6, hexes, 64) + "|",
	} {
		work := func(n int) int {
			text := strings.Repeat(unit, n/len(unit)+1)[:n]
			_, w := s.search("", text, nil)
			return w
		}
		small, large := work(8<<10), work(64<<10)
		assert.LessOrEqual(t, large, 10*small+4*(64<<10), name)
		assert.LessOrEqual(t, large, len(s.rules)*4*(64<<10), name)
		t.Logf("%s: %d bytes for 8 KiB, %d for 64 KiB", name, small, large)
	}
	long := strings.Repeat("api_", 60)
	_, work := s.search(long, strings.Repeat("x1Y2", 4<<10), nil)
	assert.LessOrEqual(t, work, len(s.rules)*maxWindow)
}

// FuzzSearch: any text under any key. Matches lie inside the text, and there are only so many.
func FuzzSearch(f *testing.F) {
	for _, seed := range []string{"api_key=" + random(8, hexes, 40), "4242 4242 4242 4242", "a:b@tcp(", "PWD={x};", "curl -u a:bcd \n-H 'X: y'",
		"\x80api\xff=\x00", "ſecret=K", "-----BEGIN PRIVATE KEY-----"} {
		f.Add("adobe_secret", seed)
	}
	s := newSet(f, Config{})
	ids := map[string]bool{}
	for _, id := range s.Rules() {
		ids[id] = true
	}
	f.Fuzz(func(t *testing.T, key, text string) {
		var list []search.Match
		for _, m := range s.Search(key, text, list) {
			if m.Start < 0 || m.Start >= m.End || m.End > len(text) || !ids[m.Rule] || !search.ValidRule(m.Rule) {
				t.Fatalf("%+v in %d bytes", m, len(text))
			}
		}
	})
}
