//go:build scenario

package scenarios

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/testbed/harness"
)

// service is what stands behind a gateway: it counts what reaches it.
type service struct {
	*httptest.Server
	mu    sync.Mutex
	calls map[string]int
}

func startService(t *testing.T) *service {
	s := &service{calls: map[string]int{}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		s.calls[r.Method+" "+r.URL.Path+" "+string(body)]++
		s.mu.Unlock()
		if strings.HasPrefix(r.URL.Path, "/breaks") {
			panic(http.ErrAbortHandler) // the connection breaks before an answer
		}
		fmt.Fprint(w, `{"ok":true}`)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *service) times(call string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[call]
}

// captureGateway is a real gateway that hands live requests to port 4381, and its addresses by kind of capture.
type captureGateway struct {
	name  string
	start func(t *testing.T, dir, service string) map[string]string
}

func startCapturingNGINX(t *testing.T, dir, service string) map[string]string {
	auth, mirror := harness.FreePort(t), harness.FreePort(t)
	for mirror == auth {
		mirror = harness.FreePort(t)
	}
	conf := filepath.Join(dir, "nginx.conf")
	text := fmt.Sprintf(`daemon off;
master_process off;
pid %[1]s/nginx.pid;
error_log %[1]s/error.log;
events {}
http {
    client_body_temp_path %[1]s/body;
    proxy_temp_path %[1]s/proxy;
    fastcgi_temp_path %[1]s/fastcgi;
    uwsgi_temp_path %[1]s/uwsgi;
    scgi_temp_path %[1]s/scgi;
    access_log off;
    include %[2]s/capture-upstream.conf;
    server {
        listen 127.0.0.1:%[3]s;
        include %[2]s/capture.conf;
        location / { auth_request /_keytrail/auth; proxy_pass %[5]s; }
    }
    server {
        listen 127.0.0.1:%[4]s;
        include %[2]s/capture.conf;
        location / { mirror /_keytrail/mirror; proxy_pass %[5]s; }
    }
}
`, dir, filepath.Join(harness.Root(t), "config/gateways/nginx"), auth, mirror, service)
	require.NoError(t, os.WriteFile(conf, []byte(text), 0o600))
	harness.Run(t, dir, nil, harness.Program(t, "nginx", "nginx-light"), "-c", conf, "-p", dir)
	urls := map[string]string{"auth": "http://127.0.0.1:" + auth, "mirror": "http://127.0.0.1:" + mirror}
	harness.Answers(t, urls["auth"]+"/ready")
	return urls
}

// startCapturingCaddy runs the Caddyfile that the head of the shipped file shows.
func startCapturingCaddy(t *testing.T, dir, service string) map[string]string {
	shipped := filepath.Join(harness.Root(t), "config/gateways/caddy/capture.caddy")
	b, err := os.ReadFile(shipped)
	require.NoError(t, err)
	var shown strings.Builder
	for line := range strings.Lines(string(b)) {
		if site, ok := strings.CutPrefix(line, "#     "); ok {
			shown.WriteString(site)
		}
	}
	port := harness.FreePort(t)
	conf := filepath.Join(dir, "Caddyfile")
	text := strings.NewReplacer(
		"/etc/caddy/keytrail/capture.caddy", shipped, "api.example.com", "http://127.0.0.1:"+port,
		"localhost:8080", strings.TrimPrefix(service, "http://"),
	).Replace(shown.String())
	require.NoError(t, os.WriteFile(conf, []byte("{\n\tadmin off\n}\n"+text), 0o600))
	harness.Run(t, dir, []string{"HOME=" + dir, "XDG_DATA_HOME=" + dir, "XDG_CONFIG_HOME=" + dir},
		harness.Program(t, "caddy", "caddy"), "run", "--config", conf, "--adapter", "caddyfile")
	harness.Answers(t, "http://127.0.0.1:"+port+"/ready")
	return map[string]string{"auth": "http://127.0.0.1:" + port}
}

// A gateway that asks or mirrors gives the trail its requests while they are served, and serves them as well when
// Keytrail hangs or is gone.
func TestLiveCapture(t *testing.T) {
	for _, gw := range []captureGateway{{"nginx", startCapturingNGINX}, {"caddy", startCapturingCaddy}} {
		t.Run(gw.name, func(t *testing.T) {
			dir := harness.Dir(t)
			behind := startService(t)
			c := startCapturing(t, dir, gw.name)
			home := filepath.Join(dir, "gateway")
			require.NoError(t, os.Mkdir(home, 0o700))
			urls := gw.start(t, home, behind.URL)

			var all []string
			for kind, url := range urls {
				hs := capturable(kind)
				driveLive(t, url, hs)
				checkCaptured(t, dir, kind, hs)
				all = append(all, credentials(hs)...)
			}

			breaksOnce(t, behind, urls, "well")
			require.NoError(t, syscall.Kill(c.Pid(), syscall.SIGSTOP))
			hung := serves(t, behind, urls, "hung")
			require.NoError(t, syscall.Kill(c.Pid(), syscall.SIGCONT))
			for kind, url := range urls {
				all = append(all, capturesAgain(t, dir, kind, url))
			}
			checkNoLeak(t, c, dir, all)
			gone := serves(t, behind, urls, "gone")
			t.Logf("longest of 40 requests: %s while Keytrail hangs, %s while it is gone", hung, gone)
			breaksOnce(t, behind, urls, "gone")
		})
	}
}

func startCapturing(t *testing.T, dir, gateway string) *harness.Collector {
	overlay := filepath.Join(dir, "capture.yaml")
	require.NoError(t, os.WriteFile(overlay, []byte(`receivers:
  api_log:
    capture: { gateway: `+gateway+`, source: edge }
    sources: [{ name: edge, service: orders, trusted_proxies: [127.0.0.1] }]
`), 0o600))
	return harness.Start(t, harness.Options{
		Dir: dir, Config: "embedded:quickstart", Ready: "localhost:4381", Args: append([]string{"--config=file:" + overlay}, debugLog...),
	})
}

// capturable are credentials that belong to one kind of capture.
func capturable(kind string) []*holder {
	tok := func(name string) string { return "canary-" + kind + "-" + name + "-" + strings.Repeat("Zq7", 6) + name }
	return []*holder{
		{name: "bearer", token: tok("bearer"), put: header("Authorization", "Bearer "+tok("bearer"))},
		{name: "basic token", token: tok("basic"), put: func(r *http.Request) { r.SetBasicAuth(tok("basic"), "") }},
		{name: "x-api-key", token: tok("xapikey"), put: header("X-API-Key", tok("xapikey"))},
		{name: "query access_token", token: tok("accesstoken"), put: query("access_token", tok("accesstoken"))},
		{name: "cookie", token: tok("cookie"), put: func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "session", Value: tok("cookie")}) }},
	}
}

// driveLive sends three requests with each credential, one of them with a body, and tries to forge what was asked.
func driveLive(t *testing.T, url string, hs []*holder) {
	t.Helper()
	for round := range 3 {
		for i, h := range hs {
			s := sent{method: http.MethodGet, path: fmt.Sprintf("/v1/orders/%d%02d", round, i), agent: fmt.Sprintf("client-%d/1.%d", i, round)}
			var body io.Reader
			if round == 1 {
				s.method, body = http.MethodPut, strings.NewReader(strings.Repeat("x", 1<<20))
			}
			req, err := http.NewRequest(s.method, url+s.path, body)
			require.NoError(t, err)
			req.Header.Set("User-Agent", s.agent)
			for _, name := range []string{"X-Original-URI", "X-Original-Method", "X-Forwarded-Uri", "X-Forwarded-Method", "X-Real-IP"} {
				req.Header.Set(name, "203.0.113.66")
			}
			h.put(req)
			s.at = time.Now()
			resp, err := http.DefaultClient.Do(req)
			require.NoError(t, err)
			resp.Body.Close()
			require.Equal(t, http.StatusOK, resp.StatusCode)
			h.sent = append(h.sent, s)
		}
	}
}

func checkCaptured(t *testing.T, dir, kind string, hs []*holder) {
	t.Helper()
	for _, h := range hs {
		var got []row
		harness.Eventually(t, 20*time.Second, "the trail of "+h.name, func() error {
			if got = trail(t, dir, h.token); len(got) < len(h.sent) {
				return fmt.Errorf("%d events of %d", len(got), len(h.sent))
			}
			return nil
		})
		require.Len(t, got, len(h.sent), h.name)
		for i, s := range h.sent {
			require.Equal(t, kind, got[i]["keytrail.capture"], h.name)
			require.Equal(t, "edge", got[i]["keytrail.source"], h.name)
			require.Equal(t, "orders", got[i]["service.name"], h.name)
			require.Equal(t, s.method, got[i]["http.request.method"], h.name)
			require.Equal(t, s.path, got[i]["url.path"], h.name)
			require.Equal(t, s.agent, got[i]["user_agent.original"], h.name)
			require.Equal(t, "127.0.0.1", got[i]["client.address"], h.name)
			require.Equal(t, "127.0.0.1", got[i]["server.address"], h.name)
			require.NotContains(t, got[i], "http.response.status_code", h.name)
			at, err := time.Parse(time.RFC3339Nano, got[i]["time"].(string))
			require.NoError(t, err)
			require.WithinDuration(t, s.at, at, 2*time.Second, h.name)
		}
	}
}

// slowest is how long a request may take when Keytrail does not answer: the wait that the shipped settings allow, and
// room for a busy machine.
const slowest = 2 * time.Second

// serves sends requests at once and one after the other; each must reach the service once, with its body, and be
// answered within the time.
func serves(t *testing.T, behind *service, urls map[string]string, state string) (longest time.Duration) {
	t.Helper()
	for kind, url := range urls {
		took := make(chan time.Duration)
		send := func(i int) {
			began := time.Now()
			path := fmt.Sprintf("/%s/%s/%d", state, kind, i)
			code, answer, err := harness.Post(url+path, "text/plain", []byte("the whole body"))
			if err != nil || code != http.StatusOK || answer != `{"ok":true}` {
				t.Errorf("%s: %d %q %v", path, code, answer, err)
			}
			if n := behind.times("POST " + path + " the whole body"); n != 1 {
				t.Errorf("%s: reached the service %d times", path, n)
			}
			took <- time.Since(began)
		}
		for i := range 20 {
			go send(i)
		}
		for range 20 {
			longest = max(longest, <-took)
		}
		for i := range 20 {
			go send(20 + i)
			longest = max(longest, <-took)
		}
	}
	require.Less(t, longest, slowest)
	return longest
}

// capturesAgain waits until a request is in the trail again, and returns its token.
func capturesAgain(t *testing.T, dir, kind, url string) (token string) {
	t.Helper()
	token = "canary-again-" + kind + "-" + strings.Repeat("Zq7", 6)
	harness.Eventually(t, 30*time.Second, kind+" captures again", func() error {
		req, err := http.NewRequest(http.MethodGet, url+"/again", nil)
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer "+token)
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		resp.Body.Close()
		if len(trail(t, dir, token)) == 0 {
			return fmt.Errorf("nothing yet")
		}
		return nil
	})
	return token
}

// breaksOnce sends what breaks at the service: going on without Keytrail must not send it a second time.
func breaksOnce(t *testing.T, behind *service, urls map[string]string, state string) {
	t.Helper()
	for kind, url := range urls {
		path := "/breaks/" + state + "/" + kind
		code, _, err := harness.Post(url+path, "text/plain", []byte("once"))
		require.NoError(t, err)
		require.GreaterOrEqual(t, code, 500, kind)
		require.Equal(t, 1, behind.times("POST "+path+" once"), kind)
	}
}
