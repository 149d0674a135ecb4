package apilogreceiver

import (
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/event"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// keyed is what depends on the key ring, which each run makes anew.
var (
	keyedFingerprint = regexp.MustCompile(`\bk([tcp])1_[0-9a-f]{32}`)
	keyedID          = regexp.MustCompile(`(keytrail\.(?:event\.id|request\.key)) = "[0-9a-f]{32}"`)
	dummy            = regexp.MustCompile(`dummy-[0-9a-z-]+`)
)

// Each testdata/*.txtar is a story: the body that a gateway sends to a path, the answer, the events.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			story, err := txtar.ParseFile(file)
			require.NoError(t, err)
			require.GreaterOrEqual(t, len(story.Files), 1)
			in := story.Files[0]
			r := start(t, testConfig(t))
			a := r.post("/"+in.Name, withToday(in.Data))
			got := []txtar.File{in, {Name: "answer", Data: fmt.Appendf(nil, "%d %s", a.code, a.body)}, {Name: "events", Data: render(r.events())}}
			for _, d := range dummy.FindAll(in.Data, -1) {
				assert.NotContains(t, r.everything(), string(d))
			}
			if *update {
				story.Files = got
				require.NoError(t, os.WriteFile(file, txtar.Format(story), 0o600))
				return
			}
			require.Len(t, story.Files, len(got))
			for i := range got {
				assert.Equal(t, string(story.Files[i].Data), string(got[i].Data), got[i].Name)
			}
		})
	}
}

func withToday(b []byte) []byte {
	return bytes.ReplaceAll(b, []byte("1795420800000"), fmt.Append(nil, noon().UnixMilli()))
}

func noon() time.Time {
	return time.Now().UTC().Truncate(24 * time.Hour).Add(-12 * time.Hour)
}

func render(events []event.Record) []byte {
	var b bytes.Buffer
	for i, e := range events {
		fmt.Fprintf(&b, "event %d: %s severity %d", i, e.Name, e.Severity)
		if time.Unix(0, e.Time).Equal(noon()) {
			fmt.Fprintf(&b, " at noon")
		}
		fmt.Fprintln(&b)
		for _, list := range []event.Attrs{e.Resource, e.Attrs} {
			list = list.Clone()
			slices.SortFunc(list, func(x, y event.Attr) int { return cmp.Compare(x.Key, y.Key) })
			for _, a := range list {
				fmt.Fprintf(&b, "    %s = %s\n", a.Key, a.Value.AppendJSON(nil))
			}
		}
	}
	text := keyedFingerprint.ReplaceAll(b.Bytes(), []byte("k${1}1_<fingerprint>"))
	return keyedID.ReplaceAll(text, []byte(`$1 = <id>`))
}
