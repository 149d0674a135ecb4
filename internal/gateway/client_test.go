package gateway

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestForwarded(t *testing.T) {
	proxies := Proxies{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	f := func(want string, list ...string) {
		t.Helper()
		got, ok := proxies.Forwarded(list)
		require.Equal(t, want != "", ok)
		if ok {
			require.Equal(t, want, got.String())
		}
	}
	f("")
	f("", "")
	f("192.0.2.7", "192.0.2.7")
	f("192.0.2.7", "192.0.2.7, 10.0.0.1, 10.0.0.2")
	f("192.0.2.7", "203.0.113.9, 192.0.2.7, 10.0.0.1")
	f("192.0.2.7", "203.0.113.9", "192.0.2.7", "10.0.0.1")
	f("192.0.2.7", "192.0.2.7:4711, [fd00::1]:443")
	f("10.0.0.1", "10.0.0.1,10.0.0.2")
	f("10.0.0.2", "unknown, 10.0.0.2")
	f("", "192.0.2.7, _hidden")
	f("2001:db8::1", "[2001:db8::1], ::ffff:10.0.0.1")
}

func TestAddress(t *testing.T) {
	f := func(s, want string) {
		t.Helper()
		got, ok := Address(s)
		require.Equal(t, want != "", ok, s)
		if ok {
			require.Equal(t, want, got.String())
		}
	}
	f("192.0.2.7", "192.0.2.7")
	f("192.0.2.7:80", "192.0.2.7")
	f("2001:db8::1", "2001:db8::1")
	f("[2001:db8::1]", "2001:db8::1")
	f("[2001:db8::1]:80", "2001:db8::1")
	f("fe80::1%eth0", "fe80::1")
	f("::ffff:192.0.2.7", "192.0.2.7")
	f("", "")
	f("@", "")
	f("unix:", "")
	f("host.example.test:80", "")
}

func TestTraceparent(t *testing.T) {
	const trace, span = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	f := func(v string, traced, spanned bool) {
		t.Helper()
		gotTrace, gotSpan, ok := Traceparent(v)
		require.Equal(t, traced, ok, v)
		require.Equal(t, traced, gotTrace != [16]byte{}, v)
		require.Equal(t, spanned, gotSpan != [8]byte{}, v)
	}
	f("00-"+trace+"-"+span+"-01", true, true)
	f("cc-"+trace+"-"+span+"-01-what-comes", true, true)
	f("00-"+trace+"-xxxxxxxxxxxxxxxx-01", true, false)
	f("00-"+trace+"-0000000000000000-01", true, false)
	f("00-00000000000000000000000000000000-"+span+"-01", false, false)
	f("00-"+trace[1:]+"x-"+span+"-01", false, false)
	f("00-"+trace, false, false)
	f("", false, false)
}
