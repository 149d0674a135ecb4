package gateway

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestCutMark: what a len may have cut is marked, unless it proves to be whole or nobody would take it for a
// credential.
func TestCutMark(t *testing.T) {
	f := func(length int, v string, cut bool) {
		t.Helper()
		got := capture{len: length}.mark(v)
		require.Equal(t, cut, strings.HasSuffix(got, cutMark), "%d %q", length, v)
		require.Equal(t, v, strings.TrimSuffix(got, cutMark))
	}
	jwt := "eyJhbGciOiJub25lIn0.eyJzdWIiOiJkdW1teSJ9." // 41
	f(20, "Bearer dummy-token-1", true)
	f(21, "Bearer dummy-token-1", false)
	f(64, "", false)
	f(0, "Bearer dummy-token-1", true)   // 20
	f(0, "Bearer dummy-token-12", false) // 21
	f(0, strings.Repeat("a", 31), true)
	f(0, strings.Repeat("a", 32), true)
	f(0, strings.Repeat("a", 33), false)
	f(0, "short", false)
	f(0, "Mozilla/5.0 (X11; Linux x86_64) dummy/12", false) // 40
	f(0, "Bearer "+jwt+"xx", false)                         // 50, and whole
	f(0, "Bearer "+jwt[:33], true)                          // 40, and not
}

func TestDecodeHAProxy(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "plain": "plain", "#22q#22": `"q"`, "a#7Cb#7B#7D": "a|b{}", "#23": "#", "##": "##", "#2": "#2", "#zz#22": `#zz"`,
		"end#": "end#",
	} {
		require.Equal(t, want, decodeHAProxy(in), in)
	}
}

// TestHAProxyZone: the zone of %tr follows from when the line was carried, if that is near enough.
func TestHAProxyZone(t *testing.T) {
	local := time.Date(2026, 11, 23, 15, 30, 0, 0, time.UTC)
	f := func(carried time.Time, took float64, want time.Time) {
		t.Helper()
		d := &draft{start: local, duration: seconds{took, true}}
		d.outer.time = carried
		d.placeHAProxyTime()
		require.Equal(t, want, d.start)
	}
	utc := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	f(time.Time{}, 0, local)
	f(local, 0, local)
	f(utc, 0, utc)                                      // India
	f(utc.Add(3*time.Second), 2, utc)                   // written when it was over
	f(utc.Add(time.Hour+time.Second), 3600, utc)        // a long one
	f(local.Add(-15*time.Hour), 0, local)               // no such zone
	f(local.Add(30*24*time.Hour), 0, local)             // carried a month late
	f(local.Add(10*time.Hour), 1e300, local.Add(36e12)) // nonsense
}

// TestHAProxyLines: only HAProxy's own head makes a line HAProxy's.
func TestHAProxyLines(t *testing.T) {
	const date = "[23/Nov/2026:10:00:00.808] fe be/s1"
	for line, want := range map[string]bool{
		"203.0.113.9:42500 " + date:                                true,
		"2001:db8::9:42500 " + date:                                true,
		"unix:1 " + date:                                           true,
		"haproxy[12]: 203.0.113.9:42500 " + date:                   true,
		`haproxy[12]: {"client_ip":"203.0.113.9"}`:                 true,
		"203.0.113.9 - 203.0.113.9:42500 " + date:                  false,
		"203.0.113.9 - - [23/Nov/2026:10:00:00 +0000] \"GET / H\"": false,
		"somebody " + date:                                         false,
		" [":                                                       false, "": false, "[23/Nov/2026:10:00:00.808] x": false,
	} {
		require.Equal(t, want, isHAProxyLine(line), line)
	}
}
