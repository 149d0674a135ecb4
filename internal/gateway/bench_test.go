package gateway

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/event"
)

// BenchmarkKong parses one record of 1.2 KB and 30 attributes, the shape that testbed/bench sends, with / as lua
// escapes it. The record keeps its memory, as the receiver's does.
func BenchmarkKong(b *testing.B) {
	raw, err := os.ReadFile("testdata/bench/kong.json")
	require.NoError(b, err)
	for _, format := range []string{FormatKong, FormatAuto} {
		b.Run(format, func(b *testing.B) {
			p, err := New(format, Options{})
			require.NoError(b, err)
			var r event.Record
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				r.Reset()
				if _, err := p.Parse(raw, &r); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(r.Attrs)), "attrs")
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

// BenchmarkFormats opens and parses the stories of each format's golden test.
func BenchmarkFormats(b *testing.B) {
	for _, format := range Formats() {
		files, err := filepath.Glob("testdata/" + format + "/*.txtar")
		require.NoError(b, err)
		b.Run(format, func(b *testing.B) {
			stories := map[*txtar.Archive]Parser{}
			for _, file := range files {
				story, err := txtar.ParseFile(file)
				require.NoError(b, err)
				stories[story], err = New(format, storyOptions(b, story))
				require.NoError(b, err)
			}
			var r event.Record
			events := 0
			b.ReportAllocs()
			for b.Loop() {
				for story, p := range stories {
					events += parseAll(p, section(story, "in"), &r)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(events), "ns/event")
		})
	}
}

func parseAll(p Parser, body []byte, r *event.Record) (events int) {
	bundle, _ := Open(body, OpenLimits{}) // a story may be of a body that is refused
	for i := range bundle.Records {
		r.Reset()
		if _, err := p.Parse(bundle.Records[i].Raw, r); err == nil {
			events++
		}
	}
	return events
}

// BenchmarkSplit cuts a batch of a hundred such records.
func BenchmarkSplit(b *testing.B) {
	raw, err := os.ReadFile("testdata/bench/kong.json")
	require.NoError(b, err)
	body := []byte{'['}
	for range 100 {
		body = append(append(body, raw...), ',')
	}
	body[len(body)-1] = ']'
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Split(body, 0); err != nil {
			b.Fatal(err)
		}
	}
}
