//go:build scenario

package scenarios

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/testbed/harness"
)

// What `make demo` promises: it ends with the alerts of the incident, nothing about well-behaved tokens, and the
// leaked token's trail is found from the raw token with its owner on every event.
func TestDemo(t *testing.T) {
	dir := harness.Dir(t)
	cmd := exec.Command(harness.Bin(t, "keytrail"), "demo")
	cmd.Dir = dir
	cmd.Env = os.Environ()
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "9464/metrics")

	tok := harness.Keytrail(t, dir, "", "demo", "token")
	require.Zero(t, tok.Code)
	leaked := strings.TrimSpace(tok.Stdout)
	got := trail(t, dir, leaked)
	require.Greater(t, len(got), 700)
	for _, r := range got {
		require.Equal(t, "a-ci-storefront", r["token.owner.id"], r["time"])
	}

	alerts := rows(t, harness.Keytrail(t, dir, "", "alerts", "--output", "json").Stdout)
	byOwner := map[string]map[string]bool{}
	for _, a := range alerts {
		owner, _ := a["token.owner.id"].(string)
		if byOwner[owner] == nil {
			byOwner[owner] = map[string]bool{}
		}
		byOwner[owner][a["keytrail.alert.detector"].(string)] = true
		require.NotEmpty(t, a["keytrail.alert.explanation"])
		require.NotEmpty(t, a["keytrail.alert.next"])
	}
	require.True(t, byOwner["a-ci-storefront"]["new_endpoint"], alerts)
	require.True(t, byOwner["a-ci-storefront"]["usage_spike"], alerts)
	require.True(t, byOwner["a-hourly-sync"]["dead_token"], alerts)
	delete(byOwner, "a-ci-storefront")
	delete(byOwner, "a-hourly-sync")
	require.Empty(t, byOwner, "no alert for a well-behaved token")

	harness.NoLeakBelow(t, dir+"/data", leaked)
	harness.NoLeak(t, "what the demo printed", string(out), leaked)
}
