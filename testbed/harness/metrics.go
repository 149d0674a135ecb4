package harness

import (
	"regexp"
	"strconv"
	"testing"
)

// metricLine is one sample of the Prometheus text format: name, labels, value.
var metricLine = regexp.MustCompile(`(?m)^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$`)

// labelPair is one label of a sample, its value still escaped.
var labelPair = regexp.MustCompile(`([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"`)

// Metric sums the samples of a metric that have all the given labels; name leaves out the Collector's otelcol_.
func Metric(t testing.TB, url, name string, labels ...string) float64 {
	t.Helper()
	sum := 0.0
	for _, m := range metricLine.FindAllStringSubmatch(Get(t, url), -1) {
		if m[1] != "otelcol_"+name || !hasLabels(m[2], labels) {
			continue
		}
		v, err := strconv.ParseFloat(m[3], 64)
		if err != nil {
			t.Fatalf("%s: %v", m[0], err)
		}
		sum += v
	}
	return sum
}

func hasLabels(text string, want []string) bool {
	have := map[string]string{}
	for _, m := range labelPair.FindAllStringSubmatch(text, -1) {
		have[m[1]] = m[2]
	}
	for i := 0; i+1 < len(want); i += 2 {
		if have[want[i]] != want[i+1] {
			return false
		}
	}
	return true
}
