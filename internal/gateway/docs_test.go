package gateway

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/event"
)

const formatPages = "../../docs/formats"

// noRemedy are the words by which a page says that its format always shows what there is to see.
const noRemedy = "needs no setting"

// The page of each format shows every setting that keytrail doctor prints, as it prints it.
func TestEveryRemedyIsOnThePageOfItsFormat(t *testing.T) {
	for _, f := range formats {
		t.Run(f.name, func(t *testing.T) {
			b, err := os.ReadFile(filepath.Join(formatPages, f.name+".md"))
			require.NoError(t, err)
			if len(f.remedies) == 0 && f.name != FormatLogfmt {
				require.Contains(t, strings.Join(strings.Fields(string(b)), " "), noRemedy)
			}
			for _, r := range f.remedies {
				require.True(t, shows(string(b), r.Setting), "the page lacks\n%s", r.Setting)
			}
		})
	}
}

// shows reports whether page has the lines of text, all indented alike.
func shows(page, text string) bool {
	lines, want := strings.Split(page, "\n"), strings.Split(strings.TrimRight(text, "\n"), "\n")
	for at := range lines[:max(0, len(lines)-len(want)+1)] {
		indent, found := strings.CutSuffix(lines[at], want[0])
		if !found || strings.TrimLeft(indent, " ") != "" {
			continue
		}
		same := func(have, want string) bool { return have == strings.TrimRight(indent+want, " ") }
		if slices.EqualFunc(lines[at:at+len(want)], want, same) {
			return true
		}
	}
	return false
}

// A remedy is printed in a terminal, under what it mends.
func TestRemediesAreFitToPrint(t *testing.T) {
	blind := []string{event.VisibilityMasked, event.VisibilityTruncated, event.VisibilityID, event.VisibilityNone}
	for _, name := range Formats() {
		for _, r := range Remedies(name) {
			require.Contains(t, blind, r.Blind, name)
			require.NotEmpty(t, r.Advice, name)
			require.NotEmpty(t, strings.TrimSpace(r.Setting), name)
			require.NotContains(t, r.Advice, "\n", name)
			for _, c := range r.Advice + r.Setting {
				require.True(t, c == '\n' || c >= ' ' && c != 0x7f, "%s: control character %q", name, c)
			}
		}
	}
	require.Empty(t, Remedies("no such format"))
}
