package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"
)

// metricsCmd serves a file as a collector serves its own metrics; $METRICS is its address.
func metricsCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: metrics file")
	}
	page := ts.ReadFile(args[0])
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(page)) }))
	ts.Defer(server.Close)
	ts.Setenv("METRICS", server.URL+"/metrics")
}

func TestSamplesOfTheTextFormat(t *testing.T) {
	f := func(line, name string, labels map[string]string, value float64) {
		t.Helper()
		n, l, v, ok := parseSample(line)
		require.True(t, ok, line)
		require.Equal(t, name, n)
		require.Equal(t, labels, l)
		require.InDelta(t, value, v, 1e-9)
	}
	f(`up 1`, "up", nil, 1)
	f(`a_total{} -2.5e3`, "a_total", map[string]string{}, -2500)
	f(`a{source="x",reason="b, \"c\"} \\ \n"} 3 1795420800000`, "a", map[string]string{"source": "x", "reason": "b, \"c\"} \\ \n"}, 3)
	f(`a{source="x",} 3`, "a", map[string]string{"source": "x"}, 3)
	for _, bad := range []string{"", "# HELP a b", "a", "a{", `a{b="c`, `a{b="c"`, `a{b} 1`, "a one", `a{b="c\`} {
		_, _, _, ok := parseSample(bad)
		require.False(t, ok, bad)
	}
}

func TestAPageThatIsNoCollectorsIsNoMetrics(t *testing.T) {
	for _, page := range []string{"", "<html>", "up 1\n"} {
		_, err := parseMetrics(strings.NewReader(page))
		require.ErrorIs(t, err, errNoMetrics)
	}
	m, err := parseMetrics(strings.NewReader("otelcol_receiver_api_log_limit_hits_total{limit=\"max_records\"} 2\n"))
	require.NoError(t, err)
	require.Equal(t, map[string]float64{"max_records": 2}, m.limits)
}

func FuzzMetrics(f *testing.F) {
	f.Add("otelcol_receiver_api_log_clock_skew_seconds{source=\"edge\"} -2.5\n")
	f.Add("x{a=\"\\\"} 1\n# TYPE\n\n")
	f.Fuzz(func(_ *testing.T, page string) { _, _ = parseMetrics(strings.NewReader(page)) })
}

func TestClocks(t *testing.T) {
	f := func(skew float64, want string) {
		t.Helper()
		require.Equal(t, want, strings.Join(clockNote(&skew), " "))
	}
	f(0.4, "")
	f(-0.5, "")
	f(-2.04, "the sender's clock is 2.04s ahead")
	f(-3600, "the sender's clock is 1h0m0s ahead")
	f(60, "")
	f(7200, "no record arrives sooner than 2h0m0s after its request: the sender's clock is behind, or it sends late")
	require.Empty(t, clockNote(nil))
}
