package tokentrailexporter

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/consumer/consumererror"

	"github.com/keytrail/keytrail/internal/event"
)

// planted is what a canary carries.
func planted() string { return event.CanaryPrefix + strings.Repeat("0a", 16) }

// canary is one as token_owner sends it: with nothing of its tokens left.
func canary(id string, attrs ...event.Attr) event.Record {
	r := request(id, attrs...)
	r.Name = event.NameCanary
	return r
}

func TestACanaryIsSeenAndNeverStored(t *testing.T) {
	cfg := testConfig(t)
	r := start(t, cfg)
	require.NoError(t, r.logs.ConsumeLogs(t.Context(), asLogs(canary("c-1"), request("e-1"), canary("c-2"))))
	require.Len(t, stored(t, cfg), 1)
	require.EqualValues(t, 2, r.sum("canary_seen", ""))
	require.Zero(t, r.sum("canary_leaked", ""))
	require.Zero(t, r.sum("rejected_records", ""))
	require.NotEqual(t, componentstatus.StatusRecoverableError, r.host.status())
}

func TestALeakIsFoundInEveryForm(t *testing.T) {
	for name, tc := range map[string]struct {
		write func(string) string
		form  string
	}{
		"raw":             {func(s string) string { return s }, "raw"},
		"upper case":      {strings.ToUpper, "raw"},
		"in a sentence":   {func(s string) string { return "seen " + s + "." }, "raw"},
		"percent":         {func(s string) string { return escapeEach(s, "%%%02X") }, "percent"},
		"percent, lower":  {func(s string) string { return escapeEach(s, "%%%02x") }, "percent"},
		"partly percent":  {func(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "_", "%5F") }, "percent"},
		"hex":             {func(s string) string { return hex.EncodeToString([]byte(s)) }, "hex"},
		"hex, upper":      {func(s string) string { return strings.ToUpper(hex.EncodeToString([]byte(s))) }, "hex"},
		"base64":          {func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }, "base64"},
		"base64 behind 1": {func(s string) string { return base64.StdEncoding.EncodeToString([]byte("=" + s)) }, "base64"},
		"base64 behind 2": {func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte("\xff\xfe" + s)) }, "base64"},
		"json":            {func(s string) string { return escapeEach(s, `\u%04x`) }, "json"},
		"json in json": {func(s string) string {
			b, _ := json.Marshal(map[string]string{"note": s})
			return string(b)
		}, "raw"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := testConfig(t)
			r := start(t, cfg)
			leak := canary("c-1", with("note", event.Strings([]string{"x", tc.write(planted())})))
			require.NoError(t, r.logs.ConsumeLogs(t.Context(), asLogs(leak)))
			require.EqualValues(t, 1, r.sum("canary_leaked", tc.form))
			require.EqualValues(t, 1, r.sum("canary_leaked", "canary"))
			require.Equal(t, componentstatus.StatusRecoverableError, r.host.status())
			require.Empty(t, stored(t, cfg))
		})
	}
}

func TestALeakThatStopsEverything(t *testing.T) {
	cfg := testConfig(t)
	cfg.Canary.StopOnLeak = true
	r := start(t, cfg)
	require.NoError(t, r.logs.ConsumeLogs(t.Context(), asLogs(request("before"))))
	err := r.logs.ConsumeLogs(t.Context(), asLogs(request("beside"), canary("c-1", with("note", event.String(planted())))))
	require.ErrorIs(t, err, errLeaked)
	require.True(t, consumererror.IsPermanent(err))
	require.NotContains(t, err.Error(), event.CanaryPrefix)
	require.ErrorIs(t, r.logs.ConsumeLogs(t.Context(), asLogs(request("after"))), errLeaked)
	require.Equal(t, componentstatus.StatusPermanentError, r.host.status())
	require.EqualValues(t, 2, r.sum("rejected_records", "leak"))
	require.Len(t, stored(t, cfg), 1)
}

// Anybody can write what looks like a canary's token into a request: that is counted, the request is kept, and nobody
// stops a collector by it.
func TestACallerCannotStopTheCollector(t *testing.T) {
	cfg := testConfig(t)
	cfg.Canary.StopOnLeak = true
	r := start(t, cfg)
	require.NoError(t, r.logs.ConsumeLogs(t.Context(), asLogs(request("e-1", with("note", event.String(planted()))))))
	require.NoError(t, r.logs.ConsumeLogs(t.Context(), asLogs(request("e-2"))))
	require.Len(t, stored(t, cfg), 2)
	require.EqualValues(t, 1, r.sum("canary_leaked", "other"))
	require.Zero(t, r.sum("canary_leaked", "canary"))
}

func TestWhatOnlyTalksOfCanariesIsNoLeak(t *testing.T) {
	for _, text := range []string{
		"[REDACTED:canary]", base64.StdEncoding.EncodeToString([]byte("\xff[REDACTED:canary]\x00")), "keytrail_canary", event.CanaryPrefix, event.CanaryPrefix + "prefix", event.NameCanary,
		"keytrail_canary" + "\x5f" + strings.Repeat("x", 95),
	} {
		require.Empty(t, findPlanted([]byte("note "+text+" and more text behind it")), text)
	}
}

func FuzzFindPlanted(f *testing.F) {
	f.Add([]byte(planted()))
	f.Add([]byte(event.CanaryPrefix))
	f.Fuzz(func(t *testing.T, b []byte) {
		_ = findPlanted(b)
		if findPlanted(append(append([]byte{}, b...), planted()...)) == "" {
			t.Fatal("a planted token was missed")
		}
	})
}

func BenchmarkFindPlanted(b *testing.B) {
	r := request("e-1")
	for _, h := range []string{"accept", "user-agent", "x-forwarded-for", "content-type", "x-request-id", "referer"} {
		r.Attrs.Set(event.PrefixRequestHeader+h, event.String(strings.Repeat("some usual text/1.0; ", 4)))
	}
	encoded := r.Append(nil)
	b.SetBytes(int64(len(encoded)))
	b.ReportAllocs()
	for b.Loop() {
		if findPlanted(encoded) != "" {
			b.Fatal("found")
		}
	}
}
