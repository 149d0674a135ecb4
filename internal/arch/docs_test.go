package arch

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/event"
)

// The keys that Keytrail reserves are the documented ones.
func TestEveryReservedKeyIsDocumented(t *testing.T) {
	doc := string(read(t, "docs/attributes.md"))
	for _, k := range event.ReservedKeys() {
		require.Contains(t, doc, "`"+k+"`")
	}
}

var link = regexp.MustCompile(`\]\(([^)#]+)(#[^)]*)?\)`)

// A link inside the repository leads somewhere.
func TestLinksInDocumentsLead(t *testing.T) {
	cmd := exec.Command("git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md")
	cmd.Dir = root(t)
	out, err := cmd.Output()
	require.NoError(t, err)
	for _, rel := range strings.Fields(string(out)) {
		for _, m := range link.FindAllStringSubmatch(string(read(t, rel)), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			_, err := os.Stat(filepath.Join(root(t), filepath.Dir(rel), m[1]))
			require.NoError(t, err, "%s links %s", rel, m[1])
		}
	}
}

func TestReadmeIsShortAndNamesTheTwoCommands(t *testing.T) {
	b := read(t, "README.md")
	require.LessOrEqual(t, bytes.Count(b, []byte("\n")), 150)
	first := strings.Join(strings.Split(string(b), "\n")[:12], "\n")
	require.Contains(t, first, "make demo")
	require.Contains(t, first, "make test")
}

func TestMakefileHasFewTargetsAndDescribesEach(t *testing.T) {
	targets := regexp.MustCompile(`(?m)^([a-z]+):(.*)$`).FindAllStringSubmatch(string(read(t, "Makefile")), -1)
	require.LessOrEqual(t, len(targets), 12)
	for _, m := range targets {
		require.Contains(t, m[2], "## ", m[1])
	}
}
