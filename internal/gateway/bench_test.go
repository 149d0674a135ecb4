package gateway

import (
	"os"
	"testing"

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
