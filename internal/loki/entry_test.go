package loki

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/event"
)

const fingerprint = "kt1_51aabbccddeeff00112233445566778f" // 0x51 = 81, shard 17

func request(change func(*event.Record)) *event.Record {
	r := &event.Record{Time: 1_790_000_000_123_456_789, Observed: 5, Name: event.NameRequest, TraceID: [16]byte{1}}
	r.Resource.Add(event.KeyServiceName, event.String("orders"))
	r.Resource.Add(event.KeyDeploymentEnv, event.String("production"))
	r.Attrs.Add(event.KeyEventID, event.String("0123456789abcdef0123456789abcdef"))
	r.Attrs.Add(event.KeyMethod, event.String("GET"))
	r.Attrs.Add(event.KeyRoute, event.String("/v1/orders/{id}"))
	r.Attrs.Add(event.KeyStatus, event.Int(403))
	r.Attrs.Add(event.KeyDuration, event.Double(0.0124))
	r.Attrs.Add(event.KeyFingerprint, event.String(fingerprint))
	if change != nil {
		change(r)
	}
	return r
}

func field(e Entry, name string) string {
	for _, f := range e.Metadata {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}

func TestAnEntryAsLokiShowsIt(t *testing.T) {
	e := Encode(request(nil), "trail")
	require.Equal(t, `{deployment_environment="production", fp_shard="17", retention_class="trail", service_name="orders"}`, e.Labels.String())
	require.Equal(t, "GET /v1/orders/{id} 403 12ms", e.Line)
	var got strings.Builder
	for _, f := range e.Metadata {
		fmt.Fprintf(&got, "%s=%s\n", f.Name, f.Value)
	}
	require.Equal(t, `event_name=keytrail.api.request
http_request_method=GET
http_response_status_code=403
http_route=/v1/orders/{id}
keytrail_duration=0.0124
keytrail_event_id=0123456789abcdef0123456789abcdef
level=warn
token_fingerprint=kt1_51aabbccddeeff00112233445566778f
trace_id=01000000000000000000000000000000
`, got.String())
}

// A record that is sent again arrives later, is looked at again, and may have its attributes in another order.
func TestAReSentRecordIsTheSameEntry(t *testing.T) {
	first := request(func(r *event.Record) { r.Attrs.Add(event.KeyOwnerAsOf, event.String("2026-01-01T00:00:00Z")) })
	again := request(func(r *event.Record) {
		r.Observed = 99
		r.Attrs.Set(event.KeyOwnerAsOf, event.String("2026-02-02T00:00:00Z"))
		for i, j := 0, len(r.Attrs)-1; i < j; i, j = i+1, j-1 {
			r.Attrs[i], r.Attrs[j] = r.Attrs[j], r.Attrs[i]
		}
	})
	require.Equal(t, Encode(first, "full"), Encode(again, "full"))
}

func TestLines(t *testing.T) {
	f := func(want string, change func(*event.Record)) {
		t.Helper()
		require.Equal(t, want, Line(request(change)))
	}
	set := func(k string, v event.Value) func(*event.Record) {
		return func(r *event.Record) { r.Attrs.Set(k, v) }
	}
	f("GET /v1/orders/{id} 403 1.24s", set(event.KeyDuration, event.Double(1.2399)))
	f("GET /v1/orders/{id} 403 380µs", set(event.KeyDuration, event.Double(0.00038)))
	f("GET /a? 403 12ms", set(event.KeyRoute, event.String("/a\x1b")))
	f("GET /a?b 403 12ms", set(event.KeyRoute, event.String("/a\nb")))
	f("GET /a?b 403 12ms", set(event.KeyRoute, event.String("/a\u202eb")))
	f("- - -", func(r *event.Record) { r.Attrs = nil })
	f("alert new_network high start token seen from 7 networks", func(r *event.Record) {
		r.Name = event.NameAnomaly
		r.Attrs.Add(event.KeyAlertDetector, event.String("new_network"))
		r.Attrs.Add(event.KeyAlertSeverity, event.String("high"))
		r.Attrs.Add(event.KeyAlertState, event.String("start"))
		r.Attrs.Add(event.KeyAlertExplanation, event.String("token seen from 7 networks"))
	})
}

// Whoever writes a header or sends attributes of their own cannot take the name of a field of ours, or of a label.
func TestNamesOfOthersNeverHideOurs(t *testing.T) {
	e := Encode(request(func(r *event.Record) {
		r.Attrs.Add("token_fingerprint", event.String("framed"))
		r.Attrs.Add("token-fingerprint", event.String("framed twice"))
		r.Attrs.Add("fp.shard", event.String("63"))
		r.Attrs.Add("level", event.String("debug"))
	}), "full")
	require.Equal(t, fingerprint, field(e, "token_fingerprint"))
	require.Equal(t, "framed twice", field(e, "token_fingerprint_2"))
	require.Equal(t, "framed", field(e, "token_fingerprint_3"))
	require.Equal(t, "63", field(e, "fp_shard_2"))
	require.Empty(t, field(e, "fp_shard"))
	require.Equal(t, "warn", field(e, "level"))
}

func TestNames(t *testing.T) {
	f := func(key, want string) {
		t.Helper()
		require.Equal(t, want, Name(key))
	}
	f("http.response.status_code", "http_response_status_code")
	f("http.request.header.x-request-id", "http_request_header_x_request_id")
	f("__stream_shard__", "stream_shard_")
	f("2fa", "key_2fa")
	f("...", "attribute")
	f("", "attribute")
	f("größe", "gr_e")
}

func TestAFloodOfHeadersIsCutAndTheRequestStays(t *testing.T) {
	e := Encode(request(func(r *event.Record) {
		for i := range 200 {
			r.Attrs.Add(fmt.Sprintf("%sx-%03d", event.PrefixRequestHeader, i), event.String(strings.Repeat("v", 1000)))
		}
		r.Attrs.Add(event.PrefixRequestHeader+"a", event.String(strings.Repeat("é", 9000)))
	}), "full")
	size := 0
	for _, f := range e.Metadata {
		size += len(f.Name) + len(f.Value)
		require.True(t, utf8.ValidString(f.Value))
	}
	require.LessOrEqual(t, len(e.Metadata), 128)
	require.LessOrEqual(t, size, 64<<10)
	require.Positive(t, e.Cut)
	require.Equal(t, fmt.Sprint(e.Cut), field(e, "keytrail_loki_cut"))
	require.Equal(t, fingerprint, field(e, "token_fingerprint"))
	require.Len(t, field(e, "http_request_header_a"), 8<<10)
}

func TestLabelsAreBounded(t *testing.T) {
	f := func(service, want string) {
		t.Helper()
		require.Equal(t, want, labelValue(service))
	}
	f("", "unknown")
	f("  ", "unknown")
	f("a\"};b", "a___b")
	f("größe/v1", "größe/v1")
	f(strings.Repeat("a", 5000), strings.Repeat("a", 256))
	e := Encode(request(func(r *event.Record) { r.Resource.Set(event.KeyServiceName, event.String("a'b")) }), "full")
	require.Equal(t, "a_b", e.Labels.Service)
	require.Equal(t, "a'b", field(e, "service_name_full"))
}

func TestShards(t *testing.T) {
	require.Equal(t, 17, Shard(fingerprint))
	require.Equal(t, "05", ShardLabel(Shard("kc12_45000000000000000000000000000000")))
	require.Equal(t, 0, Shard(""))
	require.Equal(t, 0, Shard("kt1_zz"))
}

func TestMoreServicesThanStreamsBecomeOther(t *testing.T) {
	s := newStreams(4 * Shards) // three groups and one in reserve for what overflows
	var over int
	for i := range 10 {
		e, o := s.admit(Encode(request(func(r *event.Record) {
			r.Resource.Set(event.KeyServiceName, event.String(fmt.Sprintf("service-%d", i)))
		}), "full"))
		if o {
			over++
			require.Equal(t, "other", e.Labels.Service)
			require.Equal(t, fmt.Sprintf("service-%d", i), field(e, "service_name_full"))
		}
	}
	require.Equal(t, 7, over)
	_, o := s.admit(Encode(request(func(r *event.Record) { r.Resource.Set(event.KeyServiceName, event.String("service-0")) }), "full"))
	require.False(t, o, "a service keeps its name once it has it")
}

func FuzzEncode(f *testing.F) {
	f.Add("service", "key", "value")
	f.Add("", "...", "\xff\x00")
	f.Add("a\"b", "token_fingerprint", "x")
	f.Fuzz(func(t *testing.T, service, key, value string) {
		e := Encode(request(func(r *event.Record) {
			r.Resource.Set(event.KeyServiceName, event.String(service))
			r.Attrs.Add(key, event.String(value))
			r.Attrs.Set(event.KeyRoute, event.String(value))
		}), "full")
		require.Equal(t, fingerprint, field(e, "token_fingerprint"))
		require.NotContains(t, e.Line, "\n")
		require.True(t, utf8.ValidString(e.Line))
		seen := map[string]bool{}
		for _, m := range e.Metadata {
			require.False(t, seen[m.Name], m.Name)
			seen[m.Name] = true
			require.Regexp(t, `^[a-zA-Z][a-zA-Z0-9_]*$`, m.Name)
			require.True(t, utf8.ValidString(m.Value))
		}
		_, err := encode(byStream([]Entry{e}))
		require.NoError(t, err)
	})
}
