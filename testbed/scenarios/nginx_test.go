//go:build scenario

package scenarios

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/testbed/harness"
)

// sent is one request through nginx and what its trail must say.
type sent struct {
	method, path, agent string
	status              int
	at                  time.Time
}

// holder is one credential in one place.
type holder struct {
	name  string
	token string // what a person would paste into --token-stdin
	put   func(*http.Request)
	sent  []sent
}

func header(key, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(key, value) }
}

func query(key, value string) func(*http.Request) {
	return func(r *http.Request) { r.URL.RawQuery = key + "=" + value }
}

func holders() []*holder {
	tok := func(name string) string { return "canary-" + name + "-" + strings.Repeat("Zq7", 6) + name }
	jwt := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." +
		base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"https://id.example","sub":"robot-9","jti":"j-1"}`)) + "." +
		base64.RawURLEncoding.EncodeToString([]byte("not a signature, just its length"))
	return []*holder{
		{name: "bearer", token: tok("bearer"), put: header("Authorization", "Bearer "+tok("bearer"))},
		{name: "jwt", token: jwt, put: header("Authorization", "Bearer "+jwt)},
		{name: "token scheme", token: tok("tokenscheme"), put: header("Authorization", "Token "+tok("tokenscheme"))},
		{name: "basic token", token: tok("basic"), put: func(r *http.Request) { r.SetBasicAuth(tok("basic"), "") }},
		{name: "basic filler", token: tok("filler"), put: func(r *http.Request) { r.SetBasicAuth("x-access-token", tok("filler")) }},
		{name: "x-api-key", token: tok("xapikey"), put: header("X-API-Key", tok("xapikey"))},
		{name: "apikey", token: tok("apikey"), put: header("apikey", tok("apikey"))},
		{name: "query access_token", token: tok("accesstoken"), put: query("access_token", tok("accesstoken"))},
		{name: "query api_key", token: tok("queryapikey"), put: query("page=2&api_key", tok("queryapikey"))},
		{name: "cookie", token: tok("cookie"), put: func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "session", Value: tok("cookie")}) }},
	}
}

// nginx is Debian's nginx with the shipped log format before a small upstream.
type nginx struct{ url, log string }

func startNGINX(t *testing.T, dir string) nginx {
	port := harness.FreePort(t)
	n := nginx{url: "http://127.0.0.1:" + port, log: filepath.Join(dir, "access.json")}
	conf := filepath.Join(dir, "nginx.conf")
	text := fmt.Sprintf(`daemon off;
pid %[1]s/nginx.pid;
error_log %[1]s/error.log;
events {}
http {
    include %[2]s/config/gateways/nginx/keytrail.conf;
    client_body_temp_path %[1]s/body;
    proxy_temp_path %[1]s/proxy;
    fastcgi_temp_path %[1]s/fastcgi;
    uwsgi_temp_path %[1]s/uwsgi;
    scgi_temp_path %[1]s/scgi;
    access_log %[3]s keytrail;
    server {
        listen 127.0.0.1:%[4]s;
        location / { proxy_pass %[5]s; }
    }
}
`, dir, harness.Root(t), n.log, port, harness.Upstream(t).URL)
	require.NoError(t, os.WriteFile(conf, []byte(text), 0o600))
	harness.Run(t, dir, nil, harness.Program(t, "nginx", "nginx-light"), "-c", conf, "-p", dir)
	harness.Answers(t, n.url+"/ready")
	return n
}

// drive sends three requests with each credential through a gateway; the second is refused by the API.
func drive(t *testing.T, url string, hs []*holder) {
	t.Helper()
	for round := range 3 {
		for i, h := range hs {
			s := sent{method: http.MethodGet, path: fmt.Sprintf("/v1/orders/%d%02d", round, i), agent: fmt.Sprintf("client-%d/1.%d", i, round), status: 200}
			if round == 1 {
				s.method, s.path = http.MethodPost, s.path+"/denied"
				s.status = http.StatusForbidden
			}
			req, err := http.NewRequest(s.method, url+s.path, nil)
			require.NoError(t, err)
			req.Header.Set("User-Agent", s.agent)
			req.Header.Set("Accept", "application/json")
			h.put(req)
			s.at = time.Now()
			resp, err := http.DefaultClient.Do(req)
			require.NoError(t, err)
			resp.Body.Close()
			require.Equal(t, s.status, resp.StatusCode)
			h.sent = append(h.sent, s)
		}
	}
}

type row map[string]any

func trail(t *testing.T, dir, token string, args ...string) []row {
	t.Helper()
	res := harness.Keytrail(t, dir, token, append([]string{"trail", "--token-stdin", "--output", "json"}, args...)...)
	require.Zero(t, res.Code, res.Stderr)
	return rows(t, res.Stdout)
}

func rows(t *testing.T, out string) []row {
	t.Helper()
	var all []row
	for line := range strings.Lines(out) {
		var r row
		require.NoError(t, json.Unmarshal([]byte(line), &r), line)
		all = append(all, r)
	}
	return all
}

// checkTrails asks for the trail of each credential. A log of only some headers holds no Accept and no Host.
func checkTrails(t *testing.T, dir string, hs []*holder, allHeaders bool) {
	t.Helper()
	for _, h := range hs {
		var got []row
		harness.Eventually(t, 20*time.Second, "the trail of "+h.name, func() error {
			if _, err := os.Stat(filepath.Join(dir, "data/archive")); err != nil {
				return err // a listener opens before the exporter has made its folders
			}
			if got = trail(t, dir, h.token); len(got) < len(h.sent) {
				return fmt.Errorf("%d events of %d", len(got), len(h.sent))
			}
			return nil
		})
		require.Len(t, got, len(h.sent), h.name)
		for i, s := range h.sent {
			require.Equal(t, s.method, got[i]["http.request.method"], h.name)
			require.Equal(t, s.path, got[i]["url.path"], h.name)
			require.EqualValues(t, s.status, got[i]["http.response.status_code"], h.name)
			require.Equal(t, s.agent, got[i]["user_agent.original"], h.name)
			require.Equal(t, "127.0.0.1", got[i]["client.address"], h.name)
			if allHeaders {
				require.Contains(t, got[i], "http.request.header.accept", h.name)
				require.Equal(t, "127.0.0.1", got[i]["server.address"], h.name)
			}
			at, err := time.Parse(time.RFC3339Nano, got[i]["time"].(string))
			require.NoError(t, err)
			require.WithinDuration(t, s.at, at, 2*time.Second, h.name)
		}
	}
}

func credentials(hs []*holder) []string {
	out := make([]string, len(hs))
	for i, h := range hs {
		out[i] = h.token
	}
	return out
}

// The same real access log, shipped in two ways, gives the same trails.
func TestNGINXLogByCommandAndByFile(t *testing.T) {
	dir := harness.Dir(t)
	n := startNGINX(t, dir)
	hs := holders()
	drive(t, n.url, hs)
	harness.Lines(t, n.log, 3*len(hs)+1) // and the one that asked whether nginx was ready

	t.Run("keytrail send", func(t *testing.T) {
		work := harness.Dir(t)
		c := harness.Start(t, harness.Options{Dir: work, Config: "embedded:quickstart", Ready: "localhost:4380", Args: debugLog})
		res := harness.Keytrail(t, work, "", "send", n.log)
		require.Zero(t, res.Code, res.Stderr)
		checkTrails(t, work, hs, true)
		checkNoLeak(t, c, work, credentials(hs))
	})
	t.Run("file_log", func(t *testing.T) {
		work := harness.Dir(t)
		c := harness.Start(t, harness.Options{
			Dir: work, Config: filepath.Join(harness.Root(t), "config/nginx-file.yaml"), Ready: "localhost:9464",
			Args: append([]string{"--feature-gates=stanza.synchronousLogEmitter"}, debugLog...), Env: []string{"KEYTRAIL_NGINX_LOG=" + n.log},
		})
		checkTrails(t, work, hs, true)
		checkNoLeak(t, c, work, credentials(hs))
	})
}

var debugLog = []string{"--set=service.telemetry.logs.level=debug"}

// checkNoLeak looks where a credential could have gone: the data, the process's own log, its metrics.
func checkNoLeak(t *testing.T, c *harness.Collector, dir string, credentials []string) {
	t.Helper()
	metrics := harness.Get(t, "http://localhost:8888/metrics") + harness.Get(t, "http://localhost:9464/metrics")
	c.Stop() // what lay in the journal is in blocks now, too
	harness.NoLeak(t, "the collector's log", c.Log(), credentials...)
	harness.NoLeak(t, "its metrics", metrics, credentials...)
	harness.NoLeakBelow(t, filepath.Join(dir, "data"), credentials...)
}
