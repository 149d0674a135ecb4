//go:build scenario

package scenarios

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/testbed/harness"
)

var fileBlock = regexp.MustCompile("(?s)<!-- file: (\\S+) -->\n```[a-z]*\n(.*?)```")

// TestTheFirstScreenOfTheRedactionPageRuns writes the page's files into an empty folder and types its commands.
func TestTheFirstScreenOfTheRedactionPageRuns(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(harness.Root(t), "docs", "redaction.md"))
	require.NoError(t, err)
	dir := harness.Dir(t)
	blocks := fileBlock.FindAllStringSubmatch(string(page), -1)
	require.Len(t, blocks, 3)
	for _, b := range blocks {
		require.NoError(t, os.WriteFile(filepath.Join(dir, b[1]), []byte(b[2]), 0o600))
	}
	require.Contains(t, string(page), "otelcol-keytrail --config embedded:quickstart --config redact.yaml &")
	c := harness.Start(t, harness.Options{
		Dir: dir, Config: "embedded:quickstart", Ready: "localhost:4380", Args: []string{"--config", "redact.yaml"},
	})
	sent := harness.Keytrail(t, dir, "", command(t, page, "send")...)
	require.Zero(t, sent.Code, sent.Stderr)

	said := regexp.MustCompile(`"url\.query":"[^"]+"`).FindString(string(page))
	require.NotEmpty(t, said)
	ask := command(t, page, "trail")
	harness.Eventually(t, 10*time.Second, "the line of the page", func() error {
		if res := harness.Keytrail(t, dir, "", ask...); !strings.Contains(res.Stdout, said) {
			return errors.New("found " + res.Stdout + res.Stderr)
		}
		return nil
	})
	c.Stop()
	secret := regexp.MustCompile(`shop-0000\w+`).FindString(string(page))
	require.NotEmpty(t, secret)
	harness.NoLeak(t, "the log", c.Log(), secret)
	harness.NoLeakBelow(t, filepath.Join(dir, "data"), secret)
}

// command returns the arguments of a keytrail command as the page types it, without its comment.
func command(t *testing.T, page []byte, name string) []string {
	t.Helper()
	m := regexp.MustCompile(`(?m)^    keytrail (` + name + `[^#\n]*)`).FindSubmatch(page)
	require.NotNil(t, m)
	return strings.Fields(string(m[1]))
}
