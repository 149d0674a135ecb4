package gateway

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/event"
)

// envelopes are the shippers, each as what it makes of a record.
var envelopes = map[string]func(record string) string{
	"fluent_bit": func(s string) string {
		return object("date", 1795428000.25, "log", s, "kubernetes", map[string]any{"pod_name": "edge-1"})
	},
	"vector": func(s string) string {
		return object("timestamp", "2026-11-23T10:00:00Z", "host", "web-1", "source_type", "file", "message", s)
	},
	"logstash": func(s string) string {
		return object("@timestamp", "2026-11-23T10:00:00Z", "@version", "1", "event", map[string]any{"original": s}, "message", s)
	},
	"docker": func(s string) string {
		return object("log", s+"\n", "stream", "stdout", "time", "2026-11-23T10:00:00.1Z")
	},
	"journald": func(s string) string { return object("MESSAGE", s, "_HOSTNAME", "web-1") },
	"cri":      func(s string) string { return "2026-11-23T10:00:00.1Z stdout F " + s },
	"rfc5424":  func(s string) string { return "<134>1 2026-11-23T10:00:00Z web-1 edge 1 - - " + s },
	"rfc3164":  func(s string) string { return "<134>Nov 23 10:00:00 web-1 edge[1]: " + s },
	"merged": func(s string) string { // Merge_Log_Key, remap: the object itself
		if s[0] != '{' || !json.Valid([]byte(s)) {
			s = object("log", s)
		}
		return `{"date":1795428000.25,"log":` + s + `}`
	},
	"docker in fluent_bit in vector": func(s string) string {
		return object("source_type", "http", "message", object("date", 1, "log", object("log", s, "stream", "stdout", "time", "2026-11-23T10:00:00Z")))
	},
}

func object(pairs ...any) string {
	m := map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i].(string)] = pairs[i+1]
	}
	b, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// TestShippersChangeNothing: a record of any golden story says the same within any shipper's envelope, for its own
// format and for auto.
func TestShippersChangeNothing(t *testing.T) {
	files, err := filepath.Glob("testdata/*/*.txtar")
	require.NoError(t, err)
	seen := 0
	for _, file := range files {
		format := filepath.Base(filepath.Dir(file))
		if format == "auto" {
			continue
		}
		story, err := txtar.ParseFile(file)
		require.NoError(t, err)
		bundle, err := Open(section(story, "in"), OpenLimits{})
		if err != nil {
			continue
		}
		for _, rec := range bundle.Records {
			for _, parser := range []string{format, FormatAuto} {
				p, err := New(parser, storyOptions(t, story))
				if err != nil { // a mapping, which its own format has
					continue
				}
				seen += checkEnvelopes(t, p, file, string(rec.Raw))
			}
		}
	}
	require.Greater(t, seen, 1000)
}

func checkEnvelopes(t *testing.T, p Parser, file, raw string) (seen int) {
	t.Helper()
	raw = strings.TrimSpace(raw)
	var want event.Record
	claimed, err := p.Parse([]byte(raw), &want)
	if err != nil || raw[0] == '{' && !json.Valid([]byte(raw)) {
		return 0
	}
	for name, wrap := range envelopes {
		if rest, _ := cutPrefix(raw); rest != "" && strings.Count(name, " in ") == maxShippers-1 {
			continue // the prefix of the line itself is one envelope more
		}
		var got event.Record
		at, err := p.Parse([]byte(wrap(raw)), &got)
		require.NoError(t, err, "%s: %s: %s", file, name, raw)
		for _, a := range want.Attrs {
			v, ok := got.Attrs.Get(a.Key)
			require.True(t, ok && string(v.AppendJSON(nil)) == string(a.Value.AppendJSON(nil)), "%s: %s: %s of %s", file, name, a.Key, raw)
		}
		require.Equal(t, want.Auth, got.Auth)
		require.Equal(t, want.Unkept, got.Unkept)
		if !claimed.IsZero() {
			require.Equal(t, claimed, at, "%s: %s: the gateway's own time counts", file, name)
		}
		seen++
	}
	return seen
}

// TestExplicitFormat: a source that names its format takes any line of it, and no record of another.
func TestExplicitFormat(t *testing.T) {
	f := func(format, raw, want string) {
		t.Helper()
		r, err := parse(t, format, Options{}, raw)
		if err != nil {
			require.EqualError(t, err, "record rejected: "+want)
			return
		}
		require.Equal(t, want, r.Attrs.Str(event.KeyPath))
	}
	kong := `{"request":{"uri":"/kong","method":"GET"},"latencies":{}}`
	line := `203.0.113.9 - - [23/Nov/2026:10:00:01 +0000] "GET /line HTTP/1.1" 200 12`
	f(FormatKong, object("log", kong), "/kong")
	f(FormatKong, object("log", line), string(ReasonMissingFields))
	f(FormatNginx, object("log", line), "/line")
	f(FormatNginx, object("log", "nothing of the kind"), string(ReasonUnknownFormat))
	f(FormatLogfmt, object("log", "method=GET path=/logfmt"), "/logfmt")
	f(FormatJSON, object("log", object("method", "GET", "path", "/json")), "/json")
	f(FormatJSON, object("log", line), string(ReasonMissingFields))
	f(FormatJSON, object("method", "GET", "log", object("path", "/forged")), "")
	f(FormatNginx, object("remote_addr", "203.0.113.9", "uri", "/own", "log", line), "/own")
}

// TestMappingWithinEnvelope: a mapping is of the record, or of the envelope where it names a field of that.
func TestMappingWithinEnvelope(t *testing.T) {
	f := func(path, raw, want string) {
		t.Helper()
		r, err := parse(t, FormatJSON, Options{Mapping: map[string]string{"url.path": path, "http.request.method": "verb"}}, raw)
		require.NoError(t, err)
		require.Equal(t, want, r.Attrs.Str(event.KeyPath))
	}
	f("call.target", object("log", object("call", map[string]any{"target": "/inner"})), "/inner")
	f("log.target", object("log", map[string]any{"target": "/outer"}), "/outer")
	f("target", object("target", "/outer", "log", object("target", "/forged")), "/outer")
}

// TestOuterTime: a shipper's time counts where the record has none, the innermost shipper's first.
func TestOuterTime(t *testing.T) {
	f := func(raw, want string) {
		t.Helper()
		p, err := New(FormatAuto, Options{})
		require.NoError(t, err)
		at, err := p.Parse([]byte(raw), new(event.Record))
		require.NoError(t, err)
		got := ""
		if !at.IsZero() {
			got = at.Format(time.RFC3339Nano)
		}
		require.Equal(t, want, got)
	}
	bare := object("method", "GET", "path", "/a", "request_time", 0.5)
	f(bare, "")
	f(object("date", 1795428000.25, "log", bare), "2026-11-23T09:59:59.75Z")
	f(object("date", 1795428000, "log", object("time", "2026-11-23T09:00:00Z", "stream", "stdout", "log", bare)), "2026-11-23T08:59:59.5Z")
	f(object("date", "soon", "log", bare), "")
	f(object("date", 1795428000, "log", object("method", "GET", "time", "2026-11-23T09:00:00Z")), "2026-11-23T09:00:00Z")
}

func TestServiceOfLabels(t *testing.T) {
	f := func(record string, labels map[string]any, want string) {
		t.Helper()
		r, err := parse(t, FormatAuto, Options{}, object("log", record, "kubernetes", map[string]any{"labels": labels}))
		require.NoError(t, err)
		require.Equal(t, want, r.Resource.Str(event.KeyServiceName))
	}
	bare := object("method", "GET", "path", "/a")
	f(bare, map[string]any{"app": "edge"}, "edge")
	f(bare, map[string]any{"app": "edge", "app.kubernetes.io/name": "orders"}, "orders")
	f(object("method", "GET", "path", "/a", "service", "named"), map[string]any{"app": "edge"}, "named")
	f(bare, map[string]any{"tier": "web"}, "")
}

// TestUnkept: a body that a gateway logs is handed over to be searched, and is no attribute.
func TestUnkept(t *testing.T) {
	f := func(format, raw, secret string) {
		t.Helper()
		r, err := parse(t, format, Options{}, raw)
		require.NoError(t, err)
		require.Contains(t, strings.Join(r.Unkept, "\n"), secret)
		for _, a := range r.Attrs {
			require.NotContains(t, a.Value.Text(), secret, a.Key)
		}
	}
	const secret = "dummy-in-a-body"
	f(FormatAzure, `{"category":"GatewayLogs","properties":{"method":"GET","requestBody":"{\"k\":\"`+secret+`\"}"}}`, secret)
	f(FormatAzure, `{"category":"GatewayLogs","properties":{"method":"GET","backendResponseBody":"`+secret+`"}}`, secret)
	f(FormatGitHub, `{"action":"api.request","actor":"a","request_method":"POST","request_body":"`+secret+`"}`, secret)
	f(FormatGitLab, `{"method":"POST","status":201,"path":"/a","params":[{"key":"k","value":"`+secret+`"}]}`, secret)
	f(FormatVault, `{"type":"response","request":{"operation":"update","path":"a","data":{"k":{"d":"`+secret+`"}}}}`, secret)
	f(FormatVault, `{"type":"response","request":{"operation":"update","path":"a"},"response":{"auth":{"client_token":"`+secret+`"}}}`, secret)
	f(FormatTyk, `{"api_id":"a","response_code":200,"method":"GET","raw_request":"GET / HTTP/1.1\r\nA: b\r\n\r\n`+secret+`"}`, secret)
	f(FormatTyk, `{"api_id":"a","response_code":200,"method":"GET","raw_response":"HTTP/1.1 200 OK\n\n`+secret+`"}`, secret)
	f(FormatTyk, `{"api_id":"a","response_code":200,"method":"GET","raw_request":"`+secret+`"}`, secret)
}

// TestVaultHashesAreNoTokens: what Vault has hashed is neither a header nor a text to search.
func TestVaultHashesAreNoTokens(t *testing.T) {
	r, err := parse(t, FormatVault, Options{}, `{"type":"response","auth":{"client_token":"hmac-sha256:aa"},
		"request":{"operation":"read","path":"a","headers":{"x-vault-token":["hmac-sha256:bb"]},"data":{"token":"hmac-sha256:cc"}}}`)
	require.NoError(t, err)
	require.Empty(t, r.Unkept)
	require.Equal(t, "hmac-sha256:aa", r.Auth.CredentialID)
	for _, a := range r.Attrs {
		require.False(t, strings.HasPrefix(a.Key, event.PrefixRequestHeader), a.Key)
	}
}

func TestCutPrefix(t *testing.T) {
	f := func(s, want string) {
		t.Helper()
		rest, _ := cutPrefix(s)
		require.Equal(t, want, rest, s)
	}
	f("<134>Nov 23 10:00:00 h nginx: line", "line")
	f("<134>line", "line")
	f("<13x>line", "")
	f("<13456>line", "")
	f("<>line", "")
	f("<1", "")
	f("<134>1 2026-11-23T10:00:00Z h a p m - line", "line")
	f("<134>1 2026-11-23T10:00:00Z h a p m [x y=\"]\\\"\"] line", "line")
	f("<134>1 2026-11-23T10:00:00Z h a p m [open", "")
	f("<134>1 2026-11-23T10:00:00Z h", "")
	f("2026-11-23T10:00:00Z stdout F line of text", "line of text")
	f("2026-11-23T10:00:00Z stdin F line of text", "")
	f("2026-11-23T10:00:00Z h app: line", "line")
	f("Nov 23 10:00:00 h no tag here", "")
	f("Nov 33 10:00:00 h app: line", "")
	f("203.0.113.9 - - [23/Nov/2026:10:00:00 +0000] \"GET / HTTP/1.1\" 200 1", "")
	f("https 2026-11-23T10:00:00Z app/lb: 1", "")
	f("x", "")
}

func TestLogfmtObject(t *testing.T) {
	f := func(line, want string) {
		t.Helper()
		got := logfmtObject(line)
		require.True(t, json.Valid([]byte(got)), got)
		require.JSONEq(t, want, got, line)
	}
	f(`a=b c="d e" f`, `{"a":"b","c":"d e","f":true}`)
	f(`a="q \"x\" \\ \n" b=`, `{"a":"q \"x\" \\ \n","b":""}`)
	f(`a="open b=c`, `{"a":"\"open","b":"c"}`)
	f(`=x a=1`, `{"a":"1"}`)
	f("a=\x01b", `{"a":"\u0001b"}`)
	f(`  a=1   b=2  `, `{"a":"1","b":"2"}`)
	f(``, `{}`)
}
