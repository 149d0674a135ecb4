package secret

import (
	"os"
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
