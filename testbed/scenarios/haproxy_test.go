//go:build scenario

package scenarios

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/testbed/harness"
)

// syslog is a UDP socket that takes what it is sent, as a shipper would.
type syslog struct{ conn net.PacketConn }

func listenSyslog(t *testing.T) *syslog {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	return &syslog{conn}
}

// collect waits for n datagrams more.
func (s *syslog) collect(t *testing.T, n int) []byte {
	t.Helper()
	buf := make([]byte, 1<<16)
	var body bytes.Buffer
	for range n {
		require.NoError(t, s.conn.SetReadDeadline(time.Now().Add(10*time.Second)))
		size, _, err := s.conn.ReadFrom(buf)
		require.NoError(t, err, "after %d of %d lines", bytes.Count(body.Bytes(), []byte("\n")), n)
		body.Write(bytes.TrimRight(buf[:size], "\n"))
		body.WriteByte('\n')
	}
	return body.Bytes()
}

// startHAProxy starts Debian's HAProxy with a shipped file and a frontend of its own before a small upstream.
func startHAProxy(t *testing.T, dir, shipped, frontend string, to *syslog, env ...string) string {
	port := harness.FreePort(t)
	conf := filepath.Join(dir, "haproxy.cfg")
	text := fmt.Sprintf(`defaults servers
  mode http
  timeout connect 5s
  timeout server 30s
%s
  bind 127.0.0.1:%s
  http-request deny deny_status 401 if { path_beg /refused }
  default_backend api
backend api
  server s1 %s
`, frontend, port, strings.TrimPrefix(harness.Upstream(t).URL, "http://"))
	require.NoError(t, os.WriteFile(conf, []byte(text), 0o600))
	harness.Run(t, dir, append(env, "KEYTRAIL_SYSLOG="+to.conn.LocalAddr().String()),
		harness.Program(t, "haproxy", "haproxy"), "-db", "-f", filepath.Join(harness.Root(t), "config/gateways/haproxy", shipped), "-f", conf)
	harness.Answers(t, "http://127.0.0.1:"+port+"/ready")
	to.collect(t, 1)
	return "http://127.0.0.1:" + port
}

func refused(t *testing.T, url, token string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, url+"/refused", nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	resp.Body.Close()
	require.Equal(t, http.StatusUnauthorized, resp.StatusCode)
}

func deliver(t *testing.T, path string, body []byte, records int) {
	t.Helper()
	status, answer, err := harness.Post("http://localhost:4380/ingest/"+path, "text/plain", body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status, answer)
	require.Contains(t, answer, fmt.Sprintf(`"accepted":%d,"rejected":0`, records))
}

// All that HAProxy is sent comes out of its syslog, with the shipped log-format.
func TestHAProxyJSONBySyslog(t *testing.T) {
	dir := harness.Dir(t)
	socket := listenSyslog(t)
	url := startHAProxy(t, dir, "keytrail.cfg", "frontend api from keytrail", socket)
	c := harness.Start(t, harness.Options{Dir: dir, Config: "embedded:quickstart", Ready: "localhost:4380", Args: debugLog})
	hs := holders()
	drive(t, url, hs)
	long := "canary-long-" + strings.Repeat("Zq7", 1500)
	refused(t, url, long)
	deliver(t, "haproxy", socket.collect(t, 3*len(hs)+1), 3*len(hs)+1)
	checkTrails(t, dir, hs, true)
	for _, r := range trail(t, dir, hs[0].token, "--status", "403") {
		require.Equal(t, "upstream", r["keytrail.answered_by"])
		require.Equal(t, "api", r["service.name"])
	}
	got := wait(t, dir, long, 1)
	require.Equal(t, "gateway", got[0]["keytrail.answered_by"])
	require.Equal(t, "token_invalid", got[0]["keytrail.deny.reason"])
	checkNoLeak(t, c, dir, append(credentials(hs), long))
}

// captured is the source of a line with captures; HAProxy writes them without their names.
const captured = `receivers:
  api_log:
    sources:
      - name: edge
        path: /ingest/edge
        format: haproxy
        mapping:
          http.request.header.authorization: request.1 8192
          http.request.header.x-api-key: request.2 512
          http.request.header.apikey: request.3 40
          http.request.header.user-agent: request.4 256
          http.request.header.cookie: cookie 512
`

// The default line of HAProxy, in a time zone that it does not write, with captures; one of them is too short.
func TestHAProxyLineBySyslog(t *testing.T) {
	dir := harness.Dir(t)
	socket := listenSyslog(t)
	url := startHAProxy(t, dir, "captures.cfg", `frontend api from keytrail-captures
  capture cookie session len 512
  http-request capture req.fhdr(authorization) len 8192
  http-request capture req.fhdr(x-api-key) len 512
  http-request capture req.fhdr(apikey) len 40
  http-request capture req.fhdr(user-agent) len 256`, socket, "TZ=IST-5:30")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "captured.yaml"), []byte(captured), 0o600))
	c := harness.Start(t, harness.Options{Dir: dir, Config: "embedded:quickstart", Ready: "localhost:4380",
		Args: append([]string{"--config=captured.yaml"}, debugLog...)})
	hs := holders()
	drive(t, url, hs)
	cut := &holder{token: "canary-cut-" + strings.Repeat("Zq7", 12)}
	cut.put = header("apikey", cut.token)
	drive(t, url, []*holder{cut})
	refused(t, url, hs[0].token)
	deliver(t, "edge", socket.collect(t, 3*len(hs)+4), 3*len(hs)+4)

	hs[0].sent = append(hs[0].sent, sent{method: "GET", path: "/refused", agent: "Go-http-client/1.1", status: 401, at: time.Now()})
	checkTrails(t, dir, hs, false)
	for _, r := range trail(t, dir, hs[0].token, "--status", "401") {
		require.Equal(t, "gateway", r["keytrail.answered_by"])
	}
	require.Empty(t, trail(t, dir, cut.token))
	require.Empty(t, trail(t, dir, cut.token[:40]), "half a token is no token")
	res := harness.Keytrail(t, dir, "", "trail", "--output", "json", "--limit", "1000")
	require.Zero(t, res.Code, res.Stderr)
	blind := 0
	for _, r := range rows(t, res.Stdout) {
		if r["token.truncated"] == true {
			require.NotContains(t, r, "token.fingerprint")
			require.Equal(t, "truncated", r["token.visibility"])
			blind++
		}
	}
	require.Equal(t, 3, blind)
	checkNoLeak(t, c, dir, append(credentials(hs), cut.token, cut.token[:40]))
}
