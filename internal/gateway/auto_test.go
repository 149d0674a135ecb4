package gateway

import (
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/event"
)

// templated are the formats whose fields the user names: a record with few of the usual names has no mark, and auto
// reads it by the names that everybody uses.
var templated = map[string]bool{
	FormatNginx: true, FormatAPIGateway: true,
}

// TestAutoTellsFormatsApart gives every record of the golden stories to auto: it must be read as its own format reads
// it, and never as another gateway's.
func TestAutoTellsFormatsApart(t *testing.T) {
	files, err := filepath.Glob("testdata/*/*.txtar")
	require.NoError(t, err)
	told := map[string]int{}
	for _, file := range files {
		name := filepath.Base(filepath.Dir(file))
		if name == FormatAuto || name == FormatJSON {
			continue
		}
		story, err := txtar.ParseFile(file)
		require.NoError(t, err)
		own, err := New(name, storyOptions(t, story))
		require.NoError(t, err)
		o := storyOptions(t, story)
		if name != FormatLogfmt {
			o.Mapping = nil // of captures, which auto does not take
		}
		auto, err := New(FormatAuto, o)
		require.NoError(t, err)
		bundle, err := Open(section(story, "in"), OpenLimits{})
		require.NoError(t, err, file)
		for i, rec := range bundle.Records {
			var byOwn, byAuto event.Record
			if rec.Reject != "" {
				continue
			}
			if _, err := own.Parse(rec.Raw, &byOwn); err != nil {
				continue
			}
			_, err := auto.Parse(rec.Raw, &byAuto)
			require.NoError(t, err, "%s: record %d", file, i)
			got := byAuto.Attrs.Str(event.KeyFormat)
			if got == FormatJSON && templated[name] {
				continue
			}
			require.Equal(t, byOwn.Attrs.Str(event.KeyFormat), got, "%s: record %d: %s", file, i, rec.Raw)
			told[got]++
		}
	}
	for _, name := range Formats() {
		if name != FormatAuto && name != FormatJSON {
			require.NotZero(t, told[name], "auto never told %s", name)
		}
	}
}
