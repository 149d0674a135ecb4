//go:build scenario

package scenarios

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/testbed/harness"
)

const canaries = 1000

// shapes are the kinds of credentials that are planted; each call gives a new one.
var shapes = []func(*rand.Rand) string{
	func(r *rand.Rand) string { return letters(r, 32) },
	func(r *rand.Rand) string { return "ghp_" + letters(r, 36) },
	func(r *rand.Rand) string { return "glpat-" + letters(r, 20) },
	func(r *rand.Rand) string { return "npm_" + letters(r, 36) },
	func(r *rand.Rand) string { b := letters(r, 20); return hex.EncodeToString([]byte(b)) },
	func(r *rand.Rand) string { return letters(r, 12) + "+/" + letters(r, 10) + "==" },
	func(r *rand.Rand) string {
		part := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
		return part(`{"alg":"RS256"}`) + "." + part(`{"sub":"`+letters(r, 12)+`"}`) + "." + part(letters(r, 32))
	},
}

func letters(r *rand.Rand, n int) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[r.IntN(len(alphabet))]
	}
	return string(b)
}

// call is a request as a gateway would log it, with one credential somewhere.
type call struct {
	uri     string
	headers map[string]string
}

// places puts a credential where people put them.
var places = []func(tok string) call{
	func(t string) call { return call{"/v1/a", map[string]string{"authorization": "Bearer " + t}} },
	func(t string) call { return call{"/v1/a", map[string]string{"authorization": "token " + t}} },
	func(t string) call { return call{"/v1/a", map[string]string{"authorization": "ApiKey " + t}} },
	func(t string) call {
		return call{"/v1/a", map[string]string{"authorization": "Basic " + base64.StdEncoding.EncodeToString([]byte("x-access-token:"+t))}}
	},
	func(t string) call {
		return call{"/v1/a", map[string]string{"authorization": "Basic " + base64.StdEncoding.EncodeToString([]byte("ada:"+t))}}
	},
	func(t string) call { return call{"/v1/a", map[string]string{"proxy-authorization": "Bearer " + t}} },
	func(t string) call { return call{"/v1/a", map[string]string{"x-api-key": t}} },
	func(t string) call { return call{"/v1/a", map[string]string{"apikey": t}} },
	func(t string) call { return call{"/v1/a", map[string]string{"x-auth-token": t}} },
	func(t string) call { return call{"/v1/a", map[string]string{"private-token": t}} },
	func(t string) call { return call{"/v1/a", map[string]string{"cookie": "lang=en; session=" + t}} },
	func(t string) call { return call{"/v1/a?api_key=" + url.QueryEscape(t), nil} },
	func(t string) call { return call{"/v1/a?x=1&access_token=" + url.QueryEscape(t) + "&y=2", nil} },
	func(t string) call {
		return call{"/v1/a?token=" + strings.ToLower(url.QueryEscape(t[:1])) + url.QueryEscape(t[1:]), nil}
	},
	func(t string) call { return call{"/bot12345678:" + url.PathEscape(t) + "/sendMessage", nil} },
	func(t string) call {
		return call{"/v1/a", map[string]string{"referer": "https://app.example.com/cb?access_token=" + url.QueryEscape(t), "authorization": "Bearer " + t}}
	},
	func(t string) call {
		body, _ := json.Marshal(map[string]any{"user": "ada", "nested": map[string]string{"client_secret": t}})
		return call{"/v1/a", map[string]string{"x-debug": string(body)}}
	},
}

// styles write a call down as each supported gateway does.
var styles = map[string]func(t testing.TB, c call, tag string) string{
	"kong": func(t testing.TB, c call, tag string) string {
		path, rawQuery, _ := strings.Cut(c.uri, "?")
		args, _ := url.ParseQuery(rawQuery)
		querystring := map[string]any{}
		for k, v := range args {
			querystring[k] = v[0]
		}
		h := map[string]any{"host": "api.example.com", "user-agent": tag}
		for k, v := range c.headers {
			h[k] = v
		}
		return mustJSON(t, map[string]any{
			"request":  map[string]any{"id": tag, "method": "GET", "uri": c.uri, "url": "http://api.example.com" + c.uri, "querystring": querystring, "headers": h, "size": 1},
			"response": map[string]any{"status": 200, "size": 1, "headers": map[string]any{"set-cookie": "session=" + tag}}, "upstream_uri": c.uri,
			"latencies": map[string]any{"kong": 1, "proxy": 1, "request": 2}, "client_ip": "192.0.2.1", "started_at": time.Now().UnixMilli(), "service": map[string]any{"name": strings.Trim(path, "/")[:1]},
		})
	},
	"nginx": func(t testing.TB, c call, tag string) string {
		o := map[string]any{
			"time": time.Now().UTC().Format(time.RFC3339), "request_id": tag, "remote_addr": "192.0.2.1", "request": "GET " + c.uri + " HTTP/1.1",
			"request_uri": c.uri, "status": "200", "http_user_agent": tag, "host": "api.example.com",
		}
		for k, v := range c.headers {
			o["http_"+strings.ReplaceAll(k, "-", "_")] = v
		}
		return mustJSON(t, o)
	},
	"envoy": func(t testing.TB, c call, tag string) string {
		o := map[string]any{
			"start_time": time.Now().UTC().Format(time.RFC3339Nano), "method": "GET", "x-envoy-origin-path": c.uri, "protocol": "HTTP/1.1", "response_code": "200",
			"response_flags": "-", "bytes_received": "0", "bytes_sent": "3", "duration": "4", "user-agent": tag, "x-request-id": tag, ":authority": "api.example.com",
			"upstream_cluster": "a", "downstream_remote_address": "192.0.2.1:4000", "route_name": nil,
		}
		for k, v := range c.headers {
			o[k] = v
		}
		return mustJSON(t, o)
	},
	"traefik": func(t testing.TB, c call, tag string) string {
		o := map[string]any{
			"StartUTC": time.Now().UTC().Format(time.RFC3339Nano), "RequestMethod": "GET", "RequestPath": c.uri, "RequestProtocol": "HTTP/1.1", "RequestHost": "api.example.com",
			"DownstreamStatus": 200, "OriginStatus": 200, "Duration": 1000000, "ClientHost": "192.0.2.1", "ClientAddr": "192.0.2.1:4000", "ServiceName": "a@docker", "RouterName": "a",
			"request_User-Agent": tag,
		}
		for k, v := range c.headers {
			o["request_"+k] = v
		}
		return mustJSON(t, o)
	},
	"combined": func(_ testing.TB, c call, tag string) string {
		referer := c.headers["referer"]
		if referer == "" {
			referer = "-"
		}
		return fmt.Sprintf(`192.0.2.1 - - [%s] "GET %s HTTP/1.1" 200 12 "%s" "%s"`, time.Now().UTC().Format("02/Jan/2006:15:04:05 -0700"), c.uri, referer, tag)
	},
	"json": func(t testing.TB, c call, tag string) string {
		return mustJSON(t, map[string]any{"time": time.Now().UTC().Format(time.RFC3339), "method": "GET", "url": "https://api.example.com" + c.uri, "status": 200, "headers": c.headers, "user_agent": tag})
	},
}

func mustJSON(t testing.TB, v any) string {
	b, err := json.Marshal(v)
	require.NoError(t, err)
	return string(b)
}

// shown reports whether a style shows where the credential is: a combined line has no headers but the referer.
func shown(style string, c call, tok string) bool {
	return style != "combined" || strings.Contains(c.uri+c.headers["referer"], url.QueryEscape(tok)) || strings.Contains(c.uri, url.PathEscape(tok))
}

// plant returns bodies by format, and the credentials in them: every place in every style with every shape. The empty
// format is the sniffed one, which gets records of all gateways side by side.
func plant(t *testing.T) (bodies map[string]string, planted []string) {
	rng := rand.New(rand.NewPCG(42, 42))
	names := []string{"kong", "nginx", "envoy", "traefik", "json", "combined"}
	bodies = map[string]string{}
	for i := range canaries {
		tok := shapes[i%len(shapes)](rng)
		style := names[(i/len(shapes))%len(names)]
		c := places[(i/(len(shapes)*len(names)))%len(places)](tok)
		if !shown(style, c, tok) {
			style = "nginx"
		}
		format := map[string]string{"combined": "nginx"}[style]
		if format == "" {
			format = style
		}
		if i%3 == 0 {
			format = ""
		}
		bodies[format] += styles[style](t, c, fmt.Sprintf("tag-%d", i)) + "\n"
		planted = append(planted, tok)
	}
	return bodies, planted
}

func TestCanary(t *testing.T) {
	bodies, planted := plant(t)
	require.Len(t, planted, canaries)

	t.Run("the embedded default", func(t *testing.T) {
		dir := harness.Dir(t)
		zpages := "localhost:" + harness.FreePort(t)
		c := harness.Start(t, harness.Options{
			Dir: dir, Config: "embedded:quickstart", Ready: "localhost:4380",
			Args: append([]string{"--set=extensions.zpages.endpoint=" + zpages, "--set=service.extensions=[file_storage/state,sealed_storage,health_check,zpages]",
				"--set=service.telemetry.traces.processors=[{simple: {exporter: {console: {}}}}]"}, debugLog...),
		})
		for format, body := range bodies {
			ingest(t, format, body)
		}
		for _, page := range []string{"/debug/servicez", "/debug/pipelinez", "/debug/extensionz", "/debug/featurez", "/debug/tracez"} {
			harness.NoLeak(t, page, harness.Get(t, "http://"+zpages+page), planted...)
		}
		found := 0
		harness.Eventually(t, 30*time.Second, "all events are listed", func() error {
			res := harness.Keytrail(t, dir, "", "tokens", "--output", "json")
			if found = strings.Count(res.Stdout, "\n"); found < canaries*8/10 {
				return fmt.Errorf("%d tokens", found)
			}
			harness.NoLeak(t, "keytrail tokens", res.Stdout+res.Stderr, planted...)
			return nil
		})
		t.Logf("%d planted, %d tokens listed (a login is one token whatever its password)", canaries, found)
		checkNoLeak(t, c, dir, planted)
	})
	t.Run("api_log straight to debug and file exporters", func(t *testing.T) {
		dir := harness.Dir(t)
		config := `receivers:
  api_log: {ingest: {endpoint: "localhost:4380"}, keyring: {path: ./keys/keyring.yaml, create: true}}
exporters:
  debug: {verbosity: detailed, sampling_initial: 100000}
  file: {path: ./out.json}
service:
  pipelines: {logs: {receivers: [api_log], exporters: [debug, file]}}
  telemetry: {logs: {level: debug}, metrics: {readers: [{pull: {exporter: {prometheus: {host: localhost, port: 8888}}}}]}}
`
		require.NoError(t, os.WriteFile(filepath.Join(dir, "config.yaml"), []byte(config), 0o600))
		c := harness.Start(t, harness.Options{Dir: dir, Config: "file:config.yaml", Ready: "localhost:4380"})
		for format, body := range bodies {
			ingest(t, format, body)
		}
		metrics := harness.Get(t, "http://localhost:8888/metrics")
		c.Stop()
		require.Contains(t, c.Log(), "token.fingerprint")
		harness.NoLeak(t, "the debug exporter", c.Log(), planted...)
		harness.NoLeak(t, "metrics", metrics, planted...)
		harness.NoLeakBelow(t, dir, planted...)
	})
}
