package gateway

import (
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestSettingsNameKnownFields: what config/gateways has a gateway log is known by its name here.
func TestSettingsNameKnownFields(t *testing.T) {
	f := func(file, pattern string, known names, kept ...string) {
		t.Helper()
		text, err := os.ReadFile("../../config/gateways/" + file)
		require.NoError(t, err)
		found := regexp.MustCompile(pattern).FindAllSubmatch(text, -1)
		require.Greater(t, len(found), 20, file)
		for _, m := range found {
			name := string(m[1])
			if _, ok := known[normal(name)]; !ok {
				require.Contains(t, kept, name, file)
			}
		}
	}
	f("apigateway/main.tf", `(\w+) += "\$context\.`, apigatewayNames, "apiId", "stage")
	f("cloudflare/README.md", `"([A-Z]\w+)"(?:,\s|\])`, cloudflareNames,
		"ParentRayID", "WorkerSubrequest", "CacheCacheStatus", "SecurityRuleIDs", "LeakedCredentialCheckResult", "BotScore", "JA4", "Keytrail")
}
