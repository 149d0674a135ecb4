package event

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

func sample() Record {
	return Record{
		Time:     1_790_000_000_123_456_789,
		Observed: 1_790_000_001_000_000_000,
		Name:     NameRequest,
		Severity: 13,
		TraceID:  [16]byte{1, 2, 3},
		SpanID:   [8]byte{4, 5},
		Scope:    Scope{Ring: "r-1", Epoch: 2, Check: "abcd"},
		Classes:  []string{"full", "trail"},
		Resource: Attrs{{KeyServiceName, String("orders")}},
		Attrs: Attrs{
			{KeyMethod, String("GET")},
			{KeyStatus, Int(403)},
			{KeyDuration, Double(0.25)},
			{KeyTokenTruncated, Bool(true)},
			{PrefixRequestHeader + "accept", Strings([]string{"a", "b"})},
			{"kong.tries", JSON(`[{"ip":"10.0.0.1"}]`)},
			{"empty", Value{}},
		},
	}
}

var cmpValue = cmp.Comparer(func(a, b Value) bool { return a.Equal(b) })

func TestCodecRoundTrip(t *testing.T) {
	want := sample()
	b := want.Append(nil)
	var got Record
	require.NoError(t, got.Decode(b))
	require.Empty(t, cmp.Diff(want, got, cmpValue))

	// A record is reused for the next payload: nothing of the first may stay.
	other := Record{Name: NameAnomaly}
	require.NoError(t, got.Decode(other.Append(nil)))
	require.Equal(t, NameAnomaly, got.Name)
	require.Empty(t, got.Attrs)
}

func TestDecodeRefusesWhatItDoesNotKnow(t *testing.T) {
	r := sample()
	good := r.Append(nil)
	var got Record
	require.ErrorContains(t, got.Decode(append([]byte{99}, good[1:]...)), "encoding version 99 is not known")
	require.ErrorIs(t, got.Decode(append(good, 0)), errCorrupt)
	for n := range good {
		require.Error(t, got.Decode(good[:n]), "cut at %d", n)
	}
}

func FuzzDecode(f *testing.F) {
	r := sample()
	f.Add(r.Append(nil))
	f.Add([]byte{1, 0, 255, 255, 255})
	f.Fuzz(func(t *testing.T, b []byte) {
		var got, again Record
		if got.Decode(b) != nil {
			return
		}
		require.NoError(t, again.Decode(got.Append(nil)))
		require.Empty(t, cmp.Diff(got, again, cmpValue))
	})
}

// Every kind of value must come back from the JSON text the archive keeps it as.
func TestValueJSONRoundTrip(t *testing.T) {
	for _, v := range []Value{
		{}, String(""), String("plain"), String("quote \" and \n <é> \x7f"), String("42"), String("true"), String("null"),
		Int(0), Int(-7), Int(math.MaxInt64), Double(42), Double(0.1), Double(1e300), Double(math.Copysign(0, -1)), Bool(true), Bool(false),
		Strings([]string{}), Strings([]string{"a", `"b"`}), JSON(`{"a":[1,2]}`), JSON(`[1,2]`),
	} {
		text := string(v.AppendJSON(nil))
		got := ParseJSON(text)
		require.True(t, v.Equal(got), "%s became %s (kind %d, want %d)", text, got.AppendJSON(nil), got.Kind(), v.Kind())
	}
}

func TestBoundTime(t *testing.T) {
	arrival := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	f := func(claimed time.Time, kept bool) {
		t.Helper()
		var r Record
		out := r.BoundTime(claimed, arrival, DefaultWindow)
		require.Equal(t, kept, !out)
		if kept {
			require.Equal(t, claimed.UnixNano(), r.Time)
			return
		}
		require.Equal(t, arrival.UnixNano(), r.Time)
		require.Equal(t, claimed.Format(time.RFC3339Nano), r.Attrs.Str(KeyTimeClaimed))
	}
	f(arrival, true)
	f(arrival.Add(-30*24*time.Hour), true)
	f(arrival.Add(10*time.Minute), true)
	f(arrival.Add(10*time.Minute+1), false)
	f(time.Unix(0, 0).UTC(), false)
	f(time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC), false)

	var r Record
	require.False(t, r.BoundTime(time.Time{}, arrival, DefaultWindow), "no claim is no lie")
	require.Equal(t, arrival.UnixNano(), r.Time)
}

func TestContentIDIgnoresTheKeyEpochAndTellsContentApart(t *testing.T) {
	r := sample()
	id := ContentID("kong", &r, []string{"kt1_a"}, 0)
	require.Len(t, id, 32)

	rotated := r.Clone()
	rotated.Attrs.Set(KeyFingerprint, String("kt2_b"))
	rotated.Attrs.Set(KeyOwnerID, String("u-1"))
	require.Equal(t, id, ContentID("kong", &rotated, []string{"kt1_a"}, 0), "a rotation between a send and its retry")

	require.NotEqual(t, id, ContentID("kong", &r, []string{"kt1_b"}, 0), "another credential")
	require.NotEqual(t, id, ContentID("nginx", &r, []string{"kt1_a"}, 0), "another source")
	require.NotEqual(t, id, ContentID("kong", &r, []string{"kt1_a"}, 1), "a second equal record of one body")
	forged := r.Clone()
	forged.Time++
	require.NotEqual(t, id, ContentID("kong", &forged, []string{"kt1_a"}, 0), "one request id forged for another request")
}

func TestIDsOfDifferentWaysNeverMeet(t *testing.T) {
	require.NotEqual(t, LineID("s", "p", 0, "l"), BodyID("s", "p", 0))
	require.NotEqual(t, LineID("s", "pl", 0, ""), LineID("s", "p", 0, "l"))
	require.NotEqual(t, BodyID("s", "d", 0), BodyID("s", "d", 1))
}

func TestRequestKey(t *testing.T) {
	trace := [16]byte{9}
	require.NotEqual(t, RequestKey(trace, "kt1_a", "", ""), RequestKey(trace, "kt1_b", "", ""))
	require.Equal(t, RequestKey([16]byte{}, "kt1_a", "req", "kong"), RequestKey([16]byte{}, "", "req", "kong"))
	require.Empty(t, RequestKey([16]byte{}, "kt1_a", "", "kong"))
}

func TestReserved(t *testing.T) {
	for _, k := range ReservedKeys() {
		require.True(t, Reserved(k), k)
	}
	require.True(t, Reserved("token.claimed.email"))
	require.False(t, Reserved("token.colour"), "only the documented keys are ours")
	require.False(t, Reserved(KeyMethod))
}

func TestNetwork(t *testing.T) {
	for in, want := range map[string]string{
		"203.0.113.17": "203.0.113.0/24", "203.0.113.17:443": "203.0.113.0/24", "2001:db8:1:2::3": "2001:db8:1::/48",
		"::ffff:203.0.113.17": "203.0.113.0/24", "fe80::1%eth0": "fe80::/48", "host.example": "", "": "",
	} {
		require.Equal(t, want, Network(in), in)
	}
}

// What is kept long names no person, no path and nothing that others can look up.
func TestSkeletonIsPseudonymous(t *testing.T) {
	for _, k := range []string{
		KeyPath, KeyQuery, KeyUserAgent, KeyUserName, KeyOwnerID, KeyOwnerName, KeyOwnerContact, KeyTokenName, KeyJWTSubject, KeyRequestID,
		KeyCredentialID, KeyPeerAddress, PrefixRequestHeader + "host",
	} {
		require.False(t, Skeleton(k), k)
	}
	for _, k := range []string{KeyFingerprint, KeyTemplate, KeyStatus, KeyOwnerPseudonym, KeyClientAddress} {
		require.True(t, Skeleton(k), k)
	}
}
