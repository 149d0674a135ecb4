package tokenownerprocessor

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/keytrail/keytrail/internal/event"
)

// envoyPairs is what Envoy's OpenTelemetry access logger makes of a json_format: strings, all of them.
func envoyPairs(token string) map[string]any {
	return map[string]any{
		"method": "GET", "path": "/v1/orders/4711", "protocol": "HTTP/1.1", "response_code": "403", "response_flags": "-",
		"response_code_details": "rbac_access_denied_matched_policy[none]", "duration": "12", "authority": "api.example.test",
		"downstream_remote_address": "203.0.113.9:50112", "x-request-id": "5f3c6a1e", "authorization": "Bearer " + token,
		"user-agent": "orders-sync/2.4", "route_name": "orders <default>",
	}
}

// envoyLogs is a record as Envoy sends it: the time and the trace stand in the record itself.
func envoyLogs(fill func(lr plog.LogRecord)) plog.Logs {
	ld := plog.NewLogs()
	rl := ld.ResourceLogs().AppendEmpty()
	rl.Resource().Attributes().PutStr("log_name", "edge")
	lr := rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	lr.SetTimestamp(pcommon.NewTimestampFromTime(envoyTime))
	lr.SetTraceID(envoyTrace)
	fill(lr)
	return ld
}

var (
	envoyTime  = time.Now().Add(-time.Minute).Truncate(time.Microsecond)
	envoyTrace = pcommon.TraceID{1, 2, 3}
)

func TestEnvoyOverOTLP(t *testing.T) {
	for name, fill := range map[string]func(plog.LogRecord, map[string]any){
		"a structured body": func(lr plog.LogRecord, pairs map[string]any) {
			require.NoError(t, lr.Body().SetEmptyMap().FromRaw(pairs))
		},
		"a JSON text in the body": func(lr plog.LogRecord, pairs map[string]any) {
			text, err := json.Marshal(pairs)
			require.NoError(t, err)
			lr.Body().SetStr(string(text))
		},
		"attributes and no body": func(lr plog.LogRecord, pairs map[string]any) {
			require.NoError(t, lr.Attributes().FromRaw(pairs))
		},
		"attributes and an empty body": func(lr plog.LogRecord, pairs map[string]any) {
			require.NoError(t, lr.Attributes().FromRaw(pairs))
			lr.Body().SetStr("")
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, func(c *Config) { c.Parse = "envoy" })
			token := dummyToken()
			pairs := envoyPairs(token)
			ld := envoyLogs(func(lr plog.LogRecord) { fill(lr, pairs) })
			again := plog.NewLogs()
			ld.CopyTo(again)
			out := b.sendLogs(t, context.Background(), ld)
			requireGone(t, logText(t, out), token)
			lr := records(out)[0]
			a := lr.Attributes()
			require.Equal(t, event.NameRequest, lr.EventName())
			require.Equal(t, pcommon.ValueTypeEmpty, lr.Body().Type())
			require.Equal(t, fingerprintOf(t, token), strOf(a, event.KeyFingerprint))
			require.Equal(t, "/v1/orders/4711", strOf(a, event.KeyPath))
			require.Equal(t, "203.0.113.9", strOf(a, event.KeyClientAddress))
			require.Equal(t, event.AnsweredByGateway, strOf(a, event.KeyAnsweredBy))
			require.Equal(t, event.DenyScope, strOf(a, event.KeyDenyReason))
			require.Equal(t, "orders <default>", strOf(a, "envoy.route_name"))
			require.True(t, envoyTime.Equal(lr.Timestamp().AsTime()))
			require.Equal(t, envoyTrace, lr.TraceID())
			for key := range pairs {
				_, left := a.Get(key)
				require.False(t, left, "%q was read, and must not stay beside", key)
			}
			require.Equal(t, idsOf(out), idsOf(b.sendLogs(t, context.Background(), again)), "a re-sent record repeats its id")
		})
	}
}

func TestEnvoysDefaultLineOverOTLP(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Parse = "envoy" })
	token := dummyToken()
	out := b.sendLogs(t, context.Background(), envoyLogs(func(lr plog.LogRecord) {
		lr.Body().SetStr("[" + envoyTime.UTC().Format(time.RFC3339Nano) + `] "GET /v1/orders?api_key=` + token +
			` HTTP/1.1" 200 - 0 18 12 9 "-" "curl/8" "-" "api.example.test" "10.1.0.4:8080"` + "\n")
	}))
	requireGone(t, logText(t, out), token)
	require.Equal(t, fingerprintOf(t, token), strOf(records(out)[0].Attributes(), event.KeyFingerprint))
}

// A record that tells only how it was collected holds no line, and one that is an event already is not read again.
func TestRecordsWithoutALine(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Parse = "envoy" })
	token := dummyToken()
	out := b.sendLogs(t, context.Background(), envoyLogs(func(lr plog.LogRecord) {
		lr.Attributes().PutStr(keyFilePath, "/var/log/access.log")
	}))
	require.Equal(t, "empty", strOf(records(out)[0].Attributes(), event.KeyParseError))
	out = b.sendLogs(t, context.Background(), withKeys("Bearer "+token))
	requireGone(t, logText(t, out), token)
	require.Equal(t, event.NameRequest, records(out)[0].EventName())
	require.Equal(t, fingerprintOf(t, token), strOf(records(out)[0].Attributes(), event.KeyFingerprint))
}
