package secret

import (
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// Whoever reads a trail must be able to look up why a login counts as a token.
func TestFillerUsersAreDocumented(t *testing.T) {
	b, err := os.ReadFile("../../docs/formats/README.md")
	require.NoError(t, err)
	for user := range fillerUsers {
		require.Contains(t, string(b), "`"+user+"`")
	}
}

// TestExtractionIsDocumented: the closed sets that stand in events, and the lines that a reader may type.
func TestExtractionIsDocumented(t *testing.T) {
	b, err := os.ReadFile("../../docs/formats/extraction.md")
	require.NoError(t, err)
	doc := string(b)
	for i := range formats {
		require.Contains(t, doc, "`"+formats[i].name+"`")
	}
	for _, scheme := range authSchemes {
		require.Contains(t, doc, "`"+scheme+"`")
	}
	for _, scheme := range ruleSchemes {
		require.Contains(t, doc, "`"+scheme+"`")
	}
	lines := regexp.MustCompile(`printf '(.*)' \| keytrail fingerprint`).FindAllStringSubmatch(doc, -1)
	require.GreaterOrEqual(t, len(lines), 5)
	want, err := ParseToken([]byte(lines[0][1]))
	require.NoError(t, err)
	for _, line := range lines {
		got, err := ParseToken([]byte(line[1]))
		require.NoError(t, err)
		require.Equal(t, want[0].Digest, got[0].Digest, line[1])
	}
}
