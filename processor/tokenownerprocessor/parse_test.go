package tokenownerprocessor

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/fingerprint"
	"github.com/keytrail/keytrail/processor/tokenownerprocessor/internal/metadatatest"
)

// fileLines makes a batch as the file_log receiver does.
func fileLines(lines ...string) plog.Logs {
	ld := plog.NewLogs()
	sl := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty()
	offset := 0
	for _, line := range lines {
		lr := sl.LogRecords().AppendEmpty()
		lr.Body().SetStr(line)
		lr.Attributes().PutStr(keyFilePath, "/var/log/access.log")
		lr.Attributes().PutInt(keyFileOffset, int64(offset))
		offset += len(line) + 1
	}
	return ld
}

func combined(at time.Time, path string) string {
	return fmt.Sprintf(`203.0.113.9 - - [%s] "GET %s HTTP/1.1" 200 5 "-" "curl/8"`, at.Format("02/Jan/2006:15:04:05 -0700"), path)
}

func TestEqualLinesOfOneSecondStayTwoAndAReReadRepeatsTheirIDs(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Parse = "nginx" })
	line := combined(time.Now(), "/v1/orders?api_key="+dummyToken())
	ids := func() (all []string) {
		for _, lr := range records(b.sendLogs(t, context.Background(), fileLines(line, line))) {
			require.Equal(t, event.NameRequest, lr.EventName())
			all = append(all, strOf(lr.Attributes(), event.KeyEventID))
		}
		return all
	}
	first := ids()
	require.NotEqual(t, first[0], first[1])
	require.Equal(t, first, ids())
}

func TestAParsedEventHasItsTimeItsRouteAndAnEmptyBody(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Parse = "nginx" })
	at := time.Now().Add(-time.Hour).Truncate(time.Second)
	out := b.sendLogs(t, context.Background(), fileLines(combined(at, "/v1/orders/4711?page=2")))
	lr := records(out)[0]
	require.True(t, at.Equal(lr.Timestamp().AsTime()))
	require.WithinDuration(t, time.Now(), lr.ObservedTimestamp().AsTime(), time.Minute)
	require.Equal(t, pcommon.ValueTypeEmpty, lr.Body().Type())
	require.Equal(t, "/v1/orders/{id}", strOf(lr.Attributes(), event.KeyTemplate))
	require.Equal(t, "nginx", strOf(lr.Attributes(), event.KeyFormat))
	require.Equal(t, "edge", strOf(lr.Attributes(), event.KeySource))
	require.Equal(t, event.CaptureLog, strOf(lr.Attributes(), event.KeyCapture))
}

func TestBackfillWidensTheWindow(t *testing.T) {
	at := time.Now().Add(-90 * 24 * time.Hour).Truncate(time.Second)
	for _, back := range []time.Duration{event.DefaultWindow.Back, 100 * 24 * time.Hour} {
		b := newBench(t, func(c *Config) { c.Parse, c.Backfill = "nginx", back })
		lr := records(b.sendLogs(t, context.Background(), fileLines(combined(at, "/"))))[0]
		require.Equal(t, back > event.DefaultWindow.Back, at.Equal(lr.Timestamp().AsTime()))
	}
}

func TestALineInAnAttribute(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Parse, c.ParseAttribute = "nginx", "log.line" })
	token := dummyToken()
	ld := request(func(lr plog.LogRecord) {
		lr.Attributes().Clear()
		lr.Body().SetStr("kept")
		lr.Attributes().PutStr("log.line", combined(time.Now(), "/x?api_key="+token))
	})
	out := b.sendLogs(t, context.Background(), ld)
	requireGone(t, logText(t, out), token)
	lr := records(out)[0]
	require.Empty(t, strOf(lr.Attributes(), "log.line"))
	require.Equal(t, "kept", lr.Body().Str())
	require.Equal(t, fingerprintOf(t, token), strOf(lr.Attributes(), event.KeyFingerprint))
}

func TestALineThatDoesNotParseGoesOnRedactedAndCounted(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Parse = "kong" })
	token := dummyToken()
	ld := fileLines("not a kong record: Authorization: Bearer "+token, `{"request": [`)
	ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().AppendEmpty() // no line at all
	out := b.sendLogs(t, context.Background(), ld)
	requireGone(t, logText(t, out), token)
	all := records(out)
	require.Len(t, all, 3)
	for _, lr := range all {
		require.Empty(t, lr.EventName())
		require.NotEmpty(t, strOf(lr.Attributes(), event.KeyParseError))
		require.Equal(t, event.RedactionDone, strOf(lr.Attributes(), event.KeyRedaction))
	}
	metadatatest.AssertEqualProcessorTokenOwnerParseFailures(t, b.tel, append(
		point(2, attribute.String("reason", "malformed_json")), point(1, attribute.String("reason", "empty"))...),
		metricdatatest.IgnoreTimestamp())
}

func TestLinesOfSeveralServicesGetTheirResources(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Parse = "traefik" })
	line := func(service, key string) string {
		return fmt.Sprintf(`{"RequestMethod":"GET","RequestPath":"/v1/x","DownstreamStatus":200,"ServiceName":%q,"request_X-Api-Key":%q}`,
			service, key)
	}
	first, second := dummyToken(), dummyToken()
	ld := fileLines(line("orders@docker", first), line("users@docker", second), line("orders@docker", first))
	res := ld.ResourceLogs().At(0).Resource().Attributes()
	res.PutStr("host.name", "web-1")
	res.PutStr("host.note", "leaked "+second)

	out := b.sendLogs(t, context.Background(), ld)
	requireGone(t, logText(t, out), first)
	requireGone(t, logText(t, out), second)
	services := map[string]int{}
	for _, rl := range out.ResourceLogs().All() {
		require.Equal(t, "web-1", strOf(rl.Resource().Attributes(), "host.name"))
		for _, sl := range rl.ScopeLogs().All() {
			require.Equal(t, "tests", strOf(sl.Scope().Attributes(), event.KeyRingID))
			services[strOf(rl.Resource().Attributes(), event.KeyServiceName)] += sl.LogRecords().Len()
		}
	}
	require.Len(t, services, 2)
	require.Len(t, records(out), 3)
}

// kongLine is a record as Kong's http-log sends it, with a request id that a caller can forge.
func kongLine(path, key string, at int64) string {
	return fmt.Sprintf(`{"request":{"id":"forged","method":"GET","uri":%q,"headers":{"apikey":%q}},"response":{"status":200},"started_at":%d}`,
		path, key, at)
}

// sentLines makes a batch of lines that say nothing of a file.
func sentLines(lines ...string) plog.Logs {
	ld := fileLines(lines...)
	for _, lr := range records(ld) {
		lr.Attributes().Clear()
	}
	return ld
}

func idsOf(ld plog.Logs) []string {
	var all []string
	for _, lr := range records(ld) {
		all = append(all, strOf(lr.Attributes(), event.KeyEventID))
	}
	return all
}

func TestAForgedRequestIDHidesNothing(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Parse = "kong" })
	key, at := dummyToken(), time.Now().UnixMilli()
	var lines []string
	for i := range 50 {
		lines = append(lines, kongLine(fmt.Sprintf("/v1/x/%d", i), key, at), kongLine("/v1/same", key, at))
	}
	ids := idsOf(b.sendLogs(t, context.Background(), sentLines(lines...)))
	distinct := map[string]bool{}
	for _, id := range ids {
		distinct[id] = true
	}
	require.Len(t, distinct, 100)
	require.Equal(t, ids, idsOf(b.sendLogs(t, context.Background(), sentLines(lines...))), "a re-sent batch repeats its ids")
	require.Equal(t, ids[:1], idsOf(b.sendLogs(t, context.Background(), sentLines(lines[:1]...))), "whatever it is batched with")
}

func TestAReSendAcrossARotationRepeatsItsIDs(t *testing.T) {
	keyring := t.TempDir() + "/keyring.yaml"
	_, err := fingerprint.Create(keyring)
	require.NoError(t, err)
	kong, file, body := kongLine("/v1/x", dummyToken(), 0), combined(time.Now(), "/v1/y?api_key="+dummyToken()), withKeys("Bearer "+dummyToken())
	ids := func() (all []string) {
		b := newBench(t, func(c *Config) { c.Parse, c.Keyring.Path = "auto", keyring })
		again := plog.NewLogs()
		body.CopyTo(again)
		all = append(all, idsOf(b.sendLogs(t, context.Background(), sentLines(kong)))...)
		all = append(all, idsOf(b.sendLogs(t, context.Background(), fileLines(file)))...)
		return append(all, idsOf(b.sendLogs(t, context.Background(), again))...)
	}
	before := ids()
	_, err = fingerprint.Rotate(keyring, fingerprint.RotateOptions{})
	require.NoError(t, err)
	require.Equal(t, before, ids())
}
