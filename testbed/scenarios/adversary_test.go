//go:build scenario

package scenarios

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/testbed/harness"
)

// quickstart starts the embedded default in a fresh folder.
func quickstart(t *testing.T, args ...string) (*harness.Collector, string) {
	t.Helper()
	dir := harness.Dir(t)
	return harness.Start(t, harness.Options{Dir: dir, Config: "embedded:quickstart", Ready: "localhost:4380", Args: args}), dir
}

func ingest(t *testing.T, format, body string) {
	t.Helper()
	url := "http://localhost:4380/ingest"
	if format != "" {
		url += "/" + format
	}
	status, answer, err := harness.Post(url, "application/json", []byte(body))
	require.NoError(t, err)
	require.Equal(t, 200, status, answer)
	require.Contains(t, answer, `"rejected":0`, answer)
}

func kong(t *testing.T, change func(request, headers, record map[string]any)) string {
	t.Helper()
	headers := map[string]any{"host": "api.example.com", "user-agent": "curl/8"}
	request := map[string]any{"id": "r", "method": "GET", "uri": "/v1/a", "url": "http://api.example.com/v1/a", "querystring": map[string]any{}, "headers": headers, "size": 1}
	record := map[string]any{
		"request": request, "response": map[string]any{"status": 200, "size": 1, "headers": map[string]any{}}, "client_ip": "192.0.2.1",
		"started_at": time.Now().UnixMilli(), "service": map[string]any{"name": "a"}, "upstream_status": "200", "source": "upstream",
		"latencies": map[string]any{"kong": 1, "proxy": 1, "request": 2},
	}
	change(request, headers, record)
	b, err := json.Marshal(record)
	require.NoError(t, err)
	return string(b)
}

func wait(t *testing.T, dir, token string, n int, args ...string) []row {
	t.Helper()
	var got []row
	harness.Eventually(t, 10*time.Second, fmt.Sprintf("%d events", n), func() error {
		if got = trail(t, dir, token, args...); len(got) < n {
			return fmt.Errorf("%d so far", len(got))
		}
		return nil
	})
	require.Len(t, got, n)
	return got
}

// An attacker controls headers, paths, agents, request ids and bodies. None of it hides a request or frames a token.
func TestAdversary(t *testing.T) {
	c, dir := quickstart(t)
	token := func(name string) string { return "adversary-" + name + "-0123456789abcdef" }

	t.Run("one forged request id for a hundred requests hides none", func(t *testing.T) {
		var body strings.Builder
		for i := range 100 {
			body.WriteString(kong(t, func(req, h, _ map[string]any) {
				req["id"], req["uri"], h["x-api-key"] = "forged", fmt.Sprintf("/v1/item/x%d", i), token("forged")
			}) + "\n")
		}
		ingest(t, "kong", body.String())
		wait(t, dir, token("forged"), 100)
	})
	t.Run("identical records with one request id in one body stay", func(t *testing.T) {
		one := kong(t, func(req, h, _ map[string]any) { req["id"], h["x-api-key"] = "same", token("same") })
		ingest(t, "kong", one+"\n"+one)
		wait(t, dir, token("same"), 2)
		ingest(t, "kong", one+"\n"+one) // and the re-sent body is invisible
		wait(t, dir, token("same"), 2)
	})
	t.Run("equal log lines of one second stay", func(t *testing.T) {
		line := fmt.Sprintf(`192.0.2.7 - - [%s] "GET /v1/a?api_key=%s HTTP/1.1" 200 12 "-" "curl/8"`, time.Now().UTC().Format("02/Jan/2006:15:04:05 -0700"), token("lines"))
		ingest(t, "nginx", line+"\n"+line+"\n"+line+"\n")
		wait(t, dir, token("lines"), 3)
	})
	t.Run("a junk bearer beside a stolen key leaves the key's trail whole", func(t *testing.T) {
		ingest(t, "kong", kong(t, func(_, h, _ map[string]any) {
			h["authorization"], h["x-api-key"] = "Bearer junk-junk-junk-junk", token("stolen")
		}))
		wait(t, dir, token("stolen"), 1)
	})
	t.Run("a key equal to the caller's address or to GET removes no evidence", func(t *testing.T) {
		for _, value := range []string{"192.0.2.77", "GET"} {
			ingest(t, "kong", kong(t, func(req, h, rec map[string]any) {
				req["uri"], h["x-api-key"], h["apikey"], rec["client_ip"] = "/v1/evidence", value, token("evidence"+value), "192.0.2.77"
			}))
			got := wait(t, dir, token("evidence"+value), 1)
			require.Equal(t, "192.0.2.77", got[0]["client.address"])
			require.Equal(t, "GET", got[0]["http.request.method"])
		}
	})
	t.Run("a time in 1970 or 2099 is kept and found", func(t *testing.T) {
		for i, ms := range []int64{1, time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()} {
			ingest(t, "kong", kong(t, func(_, h, rec map[string]any) { h["x-api-key"], rec["started_at"] = token(fmt.Sprint("time", i)), ms }))
			got := wait(t, dir, token(fmt.Sprint("time", i)), 1, "--since", "10m")
			require.NotEmpty(t, got[0]["keytrail.time.claimed"])
		}
	})
	t.Run("terminal escapes in an agent reach no terminal", func(t *testing.T) {
		ingest(t, "kong", kong(t, func(_, h, _ map[string]any) {
			h["x-api-key"], h["user-agent"] = token("escape"), "\x1b]0;owned\x07\x1b[2J\u202eevil\u009b31m"
		}))
		wait(t, dir, token("escape"), 1)
		for _, out := range []string{"table", "json", "csv"} {
			res := harness.Keytrail(t, dir, token("escape"), "trail", "--token-stdin", "--output", out)
			for _, bad := range []string{"\x1b", "\x07", "\u202e", "\u009b"} {
				require.NotContains(t, res.Stdout, bad, out)
			}
			require.Contains(t, res.Stdout, "owned", out)
		}
	})
	t.Run("preset token attributes over OTLP are stripped", func(t *testing.T) {
		attr := func(k, v string) string { return fmt.Sprintf(`{"key":%q,"value":{"stringValue":%q}}`, k, v) }
		body := fmt.Sprintf(`{"resourceLogs":[{"resource":{"attributes":[%s]},"scopeLogs":[{"logRecords":[{"timeUnixNano":"%d","attributes":[%s]}]}]}]}`,
			attr("token.owner.id", "framed"), time.Now().UnixNano(), strings.Join([]string{
				attr("http.request.method", "GET"), attr("url.path", "/v1/otlp"), attr("http.request.header.x-api-key", token("otlp")),
				attr("token.fingerprint", "kt1_00000000000000000000000000000000"), attr("token.owner.id", "framed"),
				attr("token.state", "revoked"), attr("keytrail.redaction", "done"), attr("keytrail.event.id", "00000000000000000000000000000000"),
			}, ","))
		status, answer, err := harness.Post("http://localhost:4318/v1/logs", "application/json", []byte(body))
		require.NoError(t, err)
		require.Equal(t, 200, status, answer)
		got := wait(t, dir, token("otlp"), 1)
		require.NotEqual(t, "framed", got[0]["token.owner.id"])
		require.NotEqual(t, "revoked", got[0]["token.state"])
		require.NotEqual(t, "00000000000000000000000000000000", got[0]["keytrail.event.id"])
		require.NotEqual(t, "kt1_00000000000000000000000000000000", got[0]["token.fingerprint"])
	})

	c.Stop()
	var all []string
	for _, n := range []string{"forged", "same", "lines", "stolen", "evidenceGET", "time0", "escape", "otlp"} {
		all = append(all, token(n))
	}
	harness.NoLeak(t, "the log", c.Log(), all...)
	harness.NoLeakBelow(t, filepath.Join(dir, "data"), all...)
}
