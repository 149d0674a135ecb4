//go:build scenario

package scenarios

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/testbed/harness"
)

// caddy is Debian's Caddy with one site that logs credentials, by the shipped file, and one that does not.
type caddy struct{ open, closed, log, masked string }

func startCaddy(t *testing.T, dir string) caddy {
	open, closed := harness.FreePort(t), harness.FreePort(t)
	for closed == open {
		closed = harness.FreePort(t)
	}
	c := caddy{
		open: "http://127.0.0.1:" + open, closed: "http://127.0.0.1:" + closed,
		log: filepath.Join(dir, "keytrail.log"), masked: filepath.Join(dir, "masked.log"),
	}
	upstream := harness.Upstream(t).URL
	shipped := filepath.Join(harness.Root(t), "config/gateways/caddy/Caddyfile")
	start := func(name, port, head, log string) {
		home := filepath.Join(dir, name)
		require.NoError(t, os.Mkdir(home, 0o700))
		conf := filepath.Join(home, "Caddyfile")
		text := fmt.Sprintf("%s\nhttp://127.0.0.1:%s {\n\t%s\n\treverse_proxy %s\n}\n", head, port, log, upstream)
		require.NoError(t, os.WriteFile(conf, []byte(text), 0o600))
		harness.Run(t, home, []string{"HOME=" + home, "XDG_DATA_HOME=" + home, "XDG_CONFIG_HOME=" + home, "KEYTRAIL_CADDY_LOG=" + c.log},
			harness.Program(t, "caddy", "caddy"), "run", "--config", conf, "--adapter", "caddyfile")
		harness.Answers(t, "http://127.0.0.1:"+port+"/ready")
	}
	start("open", open, "import "+shipped, "import keytrail")
	start("closed", closed, "", fmt.Sprintf("log {\n\t\toutput file %s\n\t\tformat json\n\t}", c.masked))
	return c
}

func TestCaddyLogByCommandAndByFile(t *testing.T) {
	dir := harness.Dir(t)
	gw := startCaddy(t, dir)
	hs := holders()
	drive(t, gw.open, hs)
	harness.Lines(t, gw.log, 3*len(hs)+1) // and the one that asked whether Caddy was ready
	hidden := holders()
	drive(t, gw.closed, hidden)
	harness.Lines(t, gw.masked, 3*len(hidden)+1)

	t.Run("keytrail send", func(t *testing.T) {
		work := harness.Dir(t)
		c := harness.Start(t, harness.Options{Dir: work, Config: "embedded:quickstart", Ready: "localhost:4380", Args: debugLog})
		res := harness.Keytrail(t, work, "", "send", gw.log)
		require.Zero(t, res.Code, res.Stderr)
		checkTrails(t, work, hs, true)
		checkNoLeak(t, c, work, credentials(hs))
	})
	t.Run("file_log", func(t *testing.T) {
		work := harness.Dir(t)
		c := harness.Start(t, harness.Options{
			Dir: work, Config: filepath.Join(harness.Root(t), "config/nginx-file.yaml"), Ready: "localhost:9464",
			Args: append([]string{
				"--feature-gates=stanza.synchronousLogEmitter",
				"--set=processors::token_owner::parse=caddy", "--set=processors::token_owner::source=caddy",
			}, debugLog...),
			Env: []string{"KEYTRAIL_NGINX_LOG=" + gw.log},
		})
		checkTrails(t, work, hs, true)
		checkNoLeak(t, c, work, credentials(hs))
	})
	// Without log_credentials, what Authorization and Cookie held is known to be hidden, not to be absent.
	t.Run("masked", func(t *testing.T) {
		work := harness.Dir(t)
		c := harness.Start(t, harness.Options{Dir: work, Config: "embedded:quickstart", Ready: "localhost:4380", Args: debugLog})
		res := harness.Keytrail(t, work, "", "send", gw.masked)
		require.Zero(t, res.Code, res.Stderr)
		var visible, masked []*holder
		for _, h := range hidden {
			switch h.name {
			case "x-api-key", "apikey", "query access_token", "query api_key":
				visible = append(visible, h)
			default:
				masked = append(masked, h)
			}
		}
		checkTrails(t, work, visible, true)
		for _, h := range masked {
			require.Empty(t, trail(t, work, h.token), h.name)
		}
		res = harness.Keytrail(t, work, "", "trail", "--output", "json", "--limit", "1000")
		require.Zero(t, res.Code, res.Stderr)
		count := 0
		for _, r := range rows(t, res.Stdout) {
			if r["token.visibility"] == "masked" {
				require.NotContains(t, r, "token.fingerprint")
				count++
			}
		}
		require.Equal(t, 3*len(masked), count)
		checkNoLeak(t, c, work, credentials(hidden))
	})
}
