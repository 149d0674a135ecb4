package gateway

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/event"
)

func parse(t *testing.T, format string, o Options, raw string) (*event.Record, error) {
	t.Helper()
	p, err := New(format, o)
	require.NoError(t, err)
	r := new(event.Record)
	_, err = p.Parse([]byte(raw), r)
	return r, err
}

func TestNewRefuses(t *testing.T) {
	f := func(format string, mapping map[string]string, want string) {
		t.Helper()
		_, err := New(format, Options{Mapping: mapping})
		require.ErrorContains(t, err, want)
	}
	f("apache", nil, "format: must be one of "+strings.Join(Formats(), ", ")+`, found "apache"`)
	f("kong", map[string]string{"url.path": "p"}, `mapping: only the formats json, logfmt and haproxy take one, found format "kong"`)
	f("haproxy", map[string]string{"url.path": "request.1"}, `http.request.header.<name> is request.<n>`)
	f("haproxy", map[string]string{"http.request.header.a": "request.0"}, `must be one of request.1 to request.64, found "request.0"`)
	f("haproxy", map[string]string{"http.request.header.a": "response.1"}, `http.response.header.<name> is response.<n>`)
	f("haproxy", map[string]string{"http.request.header.a": "request.1 all"}, `found len "all"`)
	f("haproxy", map[string]string{"http.request.header.a": "request.1", "http.request.header.b": "request.1"}, `found "request.1" twice`)
	f("json", map[string]string{"url.path": " "}, `mapping: "url.path" must name a field, found an empty path`)
	f("json", map[string]string{"url.path": "p ms"}, `found unit "ms"`)
	f("json", map[string]string{"keytrail.duration": "p weeks"}, `found unit "weeks"`)
	f("json", map[string]string{"token.fingerprint": "p"}, `found "token.fingerprint"`)
	f("json", map[string]string{"keytrail.event.id": "p"}, `found "keytrail.event.id"`)
	f("json", map[string]string{"url.path": "p", "url.query": "p"}, `found "p" twice`)
}

func TestFormatsAreAllBuilt(t *testing.T) {
	for _, format := range Formats() {
		_, err := New(format, Options{})
		require.NoError(t, err, format)
	}
}

func TestRejects(t *testing.T) {
	f := func(format, raw string, want Reason) {
		t.Helper()
		_, err := parse(t, format, Options{}, raw)
		require.EqualError(t, err, "record rejected: "+string(want))
	}
	f("kong", " ", ReasonEmpty)
	f("auto", "", ReasonEmpty)
	f("kong", `{"request":`, ReasonMalformedJSON)
	f("kong", `[]`, ReasonNotAnObject)
	f("kong", `{"requests":{}}`, ReasonMissingFields)
	f("nginx", `{"time":"2026-11-23T10:00:00Z"}`, ReasonMissingFields)
	f("nginx", `hello`, ReasonUnknownFormat)
	f("nginx", `1.2.3.4 - - [yesterday] "GET / HTTP/1.1" 200 0`, ReasonUnknownFormat)
	f("auto", `{"a":`+strings.Repeat("[", MaxDepth)+strings.Repeat("]", MaxDepth)+`}`, ReasonTooDeep)
	f("auto", `{"a":[`+strings.Repeat("0,", MaxFields)+`0]}`, ReasonTooManyFields)
	f("auto", `{"a":"`+strings.Repeat("x", MaxRecordBytes)+`"}`, ReasonTooLarge)
}

// TestHeaderFlood: a caller who sends more headers than an event keeps hides none of them.
func TestHeaderFlood(t *testing.T) {
	var headers []string
	for i := range event.MaxHeaders {
		headers = append(headers, fmt.Sprintf(`"x-%03d":"v"`, i))
	}
	headers = append(headers, `"authorization":"Bearer dummy-flood-0001"`, `"`+strings.Repeat("n", 200)+`":"long"`)
	r, err := parse(t, "kong", Options{}, `{"request":{"uri":"/","headers":{`+strings.Join(headers, ",")+`}}}`)
	require.NoError(t, err)
	other, _ := r.Attrs.Get(event.KeyHeadersOther)
	require.Equal(t, []string{"authorization: Bearer dummy-flood-0001", strings.Repeat("n", 200) + ": long"}, other.Strings())
	_, ok := r.Attrs.Get(event.PrefixRequestHeader + "x-127")
	require.True(t, ok)
}

func TestFieldFlood(t *testing.T) {
	var fields []string
	for i := range maxRest + 2 {
		fields = append(fields, fmt.Sprintf(`"f%03d":%d`, i, i))
	}
	r, err := parse(t, "json", Options{}, `{"method":"GET",`+strings.Join(fields, ",")+`}`)
	require.NoError(t, err)
	other, _ := r.Attrs.Get("json.other")
	require.Equal(t, []string{"f192: 192", "f193: 193"}, other.Strings())
}

// TestClient: X-Forwarded-For counts only behind a trusted proxy, and from the right.
func TestClient(t *testing.T) {
	trust := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	f := func(remote, xff, client, peer string) {
		t.Helper()
		raw := fmt.Sprintf(`{"method":"GET","remote_addr":%q,"http_x_forwarded_for":%q}`, remote, xff)
		r, err := parse(t, "nginx", Options{TrustedProxies: trust}, raw)
		require.NoError(t, err)
		require.Equal(t, [2]string{client, peer},
			[2]string{r.Attrs.Str(event.KeyClientAddress), r.Attrs.Str(event.KeyPeerAddress)}, raw)
	}
	f("203.0.113.9", "6.6.6.6", "203.0.113.9", "")
	f("10.0.0.1", "", "10.0.0.1", "")
	f("10.0.0.1", "6.6.6.6, 198.51.100.7", "198.51.100.7", "10.0.0.1")
	f("10.0.0.1", "6.6.6.6, 198.51.100.7, 10.0.0.2", "198.51.100.7", "10.0.0.1")
	f("10.0.0.1", "198.51.100.7:4711", "198.51.100.7", "10.0.0.1")
	f("fd00::1", "[2001:db8::1]:443", "2001:db8::1", "fd00::1")
	f("::ffff:10.0.0.1", "198.51.100.7", "198.51.100.7", "::ffff:10.0.0.1")
	f("10.0.0.1", "6.6.6.6, unknown, 10.0.0.2", "10.0.0.2", "10.0.0.1")
	f("10.0.0.1", "dummy-token-in-xff", "10.0.0.1", "")
	f("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3", "10.0.0.1")
	f("203.0.113.9:5123", "", "203.0.113.9", "")
	f("dummy-token-as-address", "", "", "")
}

func TestParseTime(t *testing.T) {
	f := func(s, want string) {
		t.Helper()
		got := ""
		if at := parseTime(s); !at.IsZero() {
			got = at.Format(time.RFC3339Nano)
		}
		require.Equal(t, want, got, s)
	}
	f("1795442400", "2026-11-23T14:00:00Z")
	f("1795442400.123456789", "2026-11-23T14:00:00.123456789Z")
	f("1795442400115", "2026-11-23T14:00:00.115Z")
	f("1795442400115.25", "2026-11-23T14:00:00.11525Z")
	f("1795442400115001", "2026-11-23T14:00:00.115001Z")
	f("1795442400115001002", "2026-11-23T14:00:00.115001002Z")
	f("1.7954424e9", "2026-11-23T14:00:00Z")
	f("23/Nov/2026:15:00:00 +0100", "2026-11-23T14:00:00Z")
	f("[23/Nov/2026:15:00:00 +0100]", "2026-11-23T14:00:00Z")
	f("2026-11-23T15:00:00+01:00", "2026-11-23T14:00:00Z")
	f("2026-11-23T15:00:00.5+0100", "2026-11-23T14:00:00.5Z")
	f("2026-11-23 14:00:00,5", "2026-11-23T14:00:00.5Z")
	f("Mon, 23 Nov 2026 14:00:00 GMT", "2026-11-23T14:00:00Z")
	for _, s := range []string{"", "-", "soon", "0", "-1795442400", "1795442400.x", "9999999999999999999999", "1e300"} {
		f(s, "")
	}
}

func TestTarget(t *testing.T) {
	f := func(line, want string) {
		t.Helper()
		d := new(draft)
		d.begin("", new(event.Record))
		d.as(FormatNginx)
		d.setRequestLine(line, "request")
		require.Equal(t, want, strings.Join([]string{d.method, d.scheme, d.host, d.path, d.query, d.proto}, " "), line)
	}
	f("GET / HTTP/1.1", "GET   /  1.1")
	f("GET /a?b=c?d HTTP/2.0", "GET   /a b=c?d 2")
	f("GET /a b HTTP/1.0", "GET   /a b  1.0")
	f("GET /a", "GET   /a  ")
	f("GET https://h.test:1/p?q HTTP/1.1", "GET https h.test:1 /p q 1.1")
	f("GET http://h.test?q#f HTTP/1.1", "GET http h.test / q 1.1")
	f("CONNECT h.test:443 HTTP/1.1", "CONNECT   h.test:443  1.1")
	f("OPTIONS * HTTP/1.1", "OPTIONS   *  1.1")
	f("G@T / HTTP/1.1", "   /  1.1")
	f("nonsense", "     ")
}

// TestInterner: a flood of names neither grows the table without end nor keeps out the common ones.
func TestInterner(t *testing.T) {
	in := newInterner(4, strings.ToUpper, "a")
	for i := range 100 {
		name := fmt.Sprintf("n%d", i)
		require.Equal(t, strings.ToUpper(name), in.get(name))
	}
	require.Len(t, *in.table.Load(), 4)
	require.Equal(t, "A", in.get("a"))
	require.Equal(t, strings.Repeat("X", 99), in.get(strings.Repeat("x", 99)))
}

// TestConcurrentUse: one parser serves every connection.
func TestConcurrentUse(t *testing.T) {
	p, err := New(FormatAuto, Options{})
	require.NoError(t, err)
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			var r event.Record
			for i := range 200 {
				r.Reset()
				path := fmt.Sprintf("/%d/%d", g, i)
				raw := fmt.Sprintf(`{"request":{"uri":"%s","headers":{"x-%d-%d":"1"}},"latencies":{"f%d":1}}`, path, g, i, i)
				if _, err := p.Parse([]byte(raw), &r); err != nil || r.Attrs.Str(event.KeyPath) != path {
					t.Errorf("got %q, %v, want %q", r.Attrs.Str(event.KeyPath), err, path)
				}
			}
		})
	}
	wg.Wait()
}

// TestPoolForgets: a pooled draft holds nothing of the record before it.
func TestPoolForgets(t *testing.T) {
	d := new(draft)
	d.begin(`{"request":{"uri":"/a?b=dummy","headers":{"apikey":"dummy"}},"x":"y"}`, new(event.Record))
	require.NoError(t, kongFormat.fill(d))
	d.release()
	d.doc, d.headers.list, d.rest.list, d.rest.path = draft{}.doc, nil, nil, nil
	require.Equal(t, draft{}, *d)
}
