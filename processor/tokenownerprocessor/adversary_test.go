package tokenownerprocessor

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/fingerprint"
	"github.com/keytrail/keytrail/internal/secret"
	"github.com/keytrail/keytrail/processor/tokenownerprocessor/internal/metadatatest"
)

func TestPresetKeysOfAnUntrustedProducerAreStripped(t *testing.T) {
	b := newBench(t, nil)
	ld := request(func(lr plog.LogRecord) {
		for _, key := range event.ReservedKeys() {
			lr.Attributes().PutStr(key, "forged")
		}
		lr.Attributes().PutStr(event.PrefixTokenClaimed+"sub", "forged")
		lr.SetEventName(event.NameAnomaly)
	})
	rl := ld.ResourceLogs().At(0)
	rl.Resource().Attributes().PutStr(event.KeyOwnerID, "forged")
	rl.ScopeLogs().At(0).Scope().Attributes().PutStr(event.KeyRingID, "forged")

	out := b.sendLogs(t, context.Background(), ld)
	require.NotContains(t, logText(t, out), "forged")
	require.Equal(t, event.NameRequest, records(out)[0].EventName())
	metadatatest.AssertEqualProcessorTokenOwnerStrippedKeys(t, b.tel, point(int64(len(event.ReservedKeys())+4)),
		metricdatatest.IgnoreTimestamp())

	td := serverSpan(func(sp ptrace.Span) {
		sp.Attributes().PutStr(event.KeyFingerprint, "forged")
		sp.Events().AppendEmpty().Attributes().PutStr(event.KeyPrincipal, "forged")
		sp.Links().AppendEmpty().Attributes().PutStr(event.KeyTokenState, "forged")
	})
	require.NotContains(t, traceText(t, b.sendTraces(t, context.Background(), td)), "forged")
}

func TestATrustedCallKeepsItsKeysAndIsNotSealedTwice(t *testing.T) {
	b := newBench(t, nil)
	fp := "kt7_" + strings.Repeat("ab", 16)
	ld := request(func(lr plog.LogRecord) {
		lr.Attributes().PutStr(event.KeyFingerprint, fp)
		lr.Attributes().PutStr(event.KeyRedaction, event.RedactionDone)
	})
	ld.ResourceLogs().At(0).ScopeLogs().At(0).Scope().Attributes().PutStr(event.KeyRingID, "upstream")
	want := plog.NewLogs()
	ld.CopyTo(want)
	out := b.sendLogs(t, event.Trusted(context.Background()), ld)
	require.Equal(t, logText(t, want), logText(t, out))
	require.Equal(t, []bool{true}, b.sink.trusted, "the next component is told that the data is sealed")
}

func TestAMarkWithoutTrustIsWorthNothing(t *testing.T) {
	b := newBench(t, nil)
	token := dummyToken()
	out := b.sendLogs(t, context.Background(), request(func(lr plog.LogRecord) {
		lr.Attributes().PutStr(event.KeyRedaction, event.RedactionDone)
		lr.Attributes().PutStr("authorization", "Bearer "+token)
	}))
	requireGone(t, logText(t, out), token)
}

func TestTrustUpstreamStillSealsWhatCameUnsealed(t *testing.T) {
	b := newBench(t, func(c *Config) { c.TrustUpstream = true })
	token, fp := dummyToken(), "kt7_"+strings.Repeat("ab", 16)
	ld := request(func(lr plog.LogRecord) {
		lr.Attributes().PutStr(event.KeyFingerprint, fp)
		lr.Attributes().PutStr(event.KeyRedaction, event.RedactionDone)
	})
	sl := ld.ResourceLogs().At(0).ScopeLogs().At(0)
	sl.Scope().Attributes().PutStr(event.KeyRingID, "upstream")
	open := sl.LogRecords().AppendEmpty()
	open.Attributes().PutStr(event.KeyFingerprint, fp)
	open.Attributes().PutStr(event.PrefixRequestHeader+"authorization", "Bearer "+token)

	out := b.sendLogs(t, context.Background(), ld)
	requireGone(t, logText(t, out), token)
	scopes := out.ResourceLogs().At(0).ScopeLogs()
	require.Equal(t, 2, scopes.Len(), "what two rings stamped stands in two scopes")
	require.Equal(t, "upstream", strOf(scopes.At(0).Scope().Attributes(), event.KeyRingID))
	require.Equal(t, fp, strOf(scopes.At(0).LogRecords().At(0).Attributes(), event.KeyFingerprint))
	require.Equal(t, "tests", strOf(scopes.At(1).Scope().Attributes(), event.KeyRingID))
	require.Equal(t, fingerprintOf(t, token), strOf(scopes.At(1).LogRecords().At(0).Attributes(), event.KeyFingerprint))
}

func TestSealedAndUnsealedSpansOfOneScopeAreParted(t *testing.T) {
	b := newBench(t, func(c *Config) { c.TrustUpstream = true })
	td := serverSpan(func(sp ptrace.Span) { sp.Attributes().PutStr(event.KeyRedaction, event.RedactionDone) })
	ss := td.ResourceSpans().At(0).ScopeSpans().At(0)
	ss.Scope().Attributes().PutStr(event.KeyRingID, "upstream")
	token := dummyToken()
	ss.Spans().AppendEmpty().SetName("GET /?api_key=" + token)
	out := b.sendTraces(t, context.Background(), td)
	requireGone(t, traceText(t, out), token)
	scopes := out.ResourceSpans().At(0).ScopeSpans()
	require.Equal(t, 2, scopes.Len())
	require.Equal(t, "upstream", strOf(scopes.At(0).Scope().Attributes(), event.KeyRingID))
	require.Equal(t, "tests", strOf(scopes.At(1).Scope().Attributes(), event.KeyRingID))
}

func TestAKeyChosenToEqualEvidenceRemovesNone(t *testing.T) {
	b := newBench(t, nil)
	for _, key := range []string{"203.0.113.77", "GET", "orders.example.net", "checkout-service"} {
		out := b.sendLogs(t, context.Background(), request(func(lr plog.LogRecord) {
			lr.Attributes().PutStr(event.KeyClientAddress, "203.0.113.77")
			lr.Attributes().PutStr(event.KeyServerAddress, "orders.example.net")
			lr.Attributes().PutStr(event.KeyServiceName, "checkout-service")
			lr.Attributes().PutStr(event.PrefixRequestHeader+"x-api-key", key)
		}))
		a := records(out)[0].Attributes()
		require.Equal(t, "203.0.113.77", strOf(a, event.KeyClientAddress))
		require.Equal(t, "orders.example.net", strOf(a, event.KeyServerAddress))
		require.Equal(t, "checkout-service", strOf(a, event.KeyServiceName))
		require.Equal(t, "GET", strOf(a, event.KeyMethod))
		require.NotEqual(t, key, strOf(a, event.PrefixRequestHeader+"x-api-key"))
	}
}

func TestAJunkBearerBesideAKeyHidesNothing(t *testing.T) {
	b := newBench(t, nil)
	junk, stolen := dummyToken(), dummyToken()
	out := b.sendLogs(t, context.Background(), request(func(lr plog.LogRecord) {
		lr.Attributes().PutStr(event.PrefixRequestHeader+"authorization", "Bearer "+junk)
		lr.Attributes().PutStr(event.PrefixRequestHeader+"x-api-key", stolen)
	}))
	a := records(out)[0].Attributes()
	require.Equal(t, fingerprintOf(t, junk), strOf(a, event.KeyFingerprint))
	others, ok := a.Get(event.KeyOthers)
	require.True(t, ok)
	require.Equal(t, fingerprintOf(t, stolen)+" header.x-api-key api_key", others.Slice().At(0).Str())
}

func TestEqualRecordsOfOneBatchStayTwoAndAReSendRepeatsTheirIDs(t *testing.T) {
	b := newBench(t, nil)
	batch := func() plog.Logs {
		ld := plog.NewLogs()
		sl := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty()
		for range 100 {
			lr := sl.LogRecords().AppendEmpty()
			lr.SetTimestamp(pcommon.NewTimestampFromTime(time.Now().Truncate(time.Hour)))
			lr.Attributes().PutStr(event.KeyMethod, "GET")
			lr.Attributes().PutStr(event.PrefixRequestHeader+"x-request-id", "forged")
		}
		return ld
	}
	ids := func(ld plog.Logs) (all []string) {
		seen := map[string]bool{}
		for _, lr := range records(ld) {
			id := strOf(lr.Attributes(), event.KeyEventID)
			require.Len(t, id, 32)
			require.False(t, seen[id])
			seen[id] = true
			all = append(all, id)
		}
		return all
	}
	first := ids(b.sendLogs(t, context.Background(), batch()))
	require.Equal(t, first, ids(b.sendLogs(t, context.Background(), batch())))
}

func TestAFarTimeIsKeptAndBounded(t *testing.T) {
	b := newBench(t, nil)
	for _, year := range []int{1970, 2099, 1800} {
		claimed := time.Date(year, 1, 2, 3, 4, 5, 0, time.UTC)
		began := time.Now()
		out := b.sendLogs(t, context.Background(), request(func(lr plog.LogRecord) {
			lr.SetTimestamp(pcommon.NewTimestampFromTime(claimed))
		}))
		lr := records(out)[0]
		require.WithinRange(t, lr.Timestamp().AsTime(), began.Add(-time.Second), time.Now())
		require.NotEmpty(t, strOf(lr.Attributes(), event.KeyTimeClaimed))

		td := b.sendTraces(t, context.Background(), serverSpan(func(sp ptrace.Span) {
			sp.SetStartTimestamp(pcommon.NewTimestampFromTime(claimed))
			sp.SetEndTimestamp(sp.StartTimestamp() + 5e6)
			sp.Attributes().PutStr(event.PrefixRequestHeader+"x-api-key", dummyToken())
		}))
		sp := firstSpan(td)
		require.WithinRange(t, sp.StartTimestamp().AsTime(), began.Add(-time.Second), time.Now())
		require.NotEmpty(t, strOf(sp.Attributes(), event.KeyTimeClaimed))
	}
}

func TestSpansWithoutIDsStayApart(t *testing.T) {
	b := newBench(t, nil)
	td := ptrace.NewTraces()
	ss := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty()
	token := dummyToken()
	for range 3 {
		sp := ss.Spans().AppendEmpty()
		sp.SetKind(ptrace.SpanKindServer)
		sp.Attributes().PutStr(event.PrefixRequestHeader+"x-api-key", token)
	}
	seen := map[string]bool{}
	for _, sp := range b.sendTraces(t, context.Background(), td).ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
		seen[strOf(sp.Attributes(), event.KeyEventID)] = true
	}
	require.Len(t, seen, 3)
}

func TestARecordTooLargeToWalkIsCutToItsSkeleton(t *testing.T) {
	b := newBench(t, nil)
	token := dummyToken()
	ld := request(func(lr plog.LogRecord) {
		lr.Attributes().PutStr(event.PrefixRequestHeader+"x-api-key", token)
		lr.Attributes().PutStr(event.KeyClientAddress, "203.0.113.77")
		lr.Attributes().PutStr(event.KeyTemplate, "/v1/orders/{id}")
		lr.Attributes().PutStr(event.KeyRoute, token)
		s := lr.Body().SetEmptySlice()
		s.EnsureCapacity(maxValues)
		for range maxValues {
			s.AppendEmpty().SetStr("key " + token)
		}
	})
	second := ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().AppendEmpty()
	second.Body().SetStr("goes on")

	out := b.sendLogs(t, context.Background(), ld)
	requireGone(t, logText(t, out), token)
	all := records(out)
	require.Len(t, all, 2)
	a := all[0].Attributes()
	require.Equal(t, event.RedactionFailed, strOf(a, event.KeyRedaction))
	require.Equal(t, fingerprintOf(t, token), strOf(a, event.KeyFingerprint))
	require.Equal(t, "203.0.113.0/24", strOf(a, event.KeyClientAddress))
	require.Equal(t, "/v1/orders/{id}", strOf(a, event.KeyTemplate))
	require.Equal(t, event.NameRequest, all[0].EventName())
	require.Empty(t, all[0].Body().AsString())
	require.Equal(t, "goes on", all[1].Body().Str())
	require.Equal(t, event.RedactionDone, strOf(all[1].Attributes(), event.KeyRedaction))

	signal := attribute.String("signal", "logs")
	metadatatest.AssertEqualProcessorTokenOwnerSkeletonCuts(t, b.tel,
		point(1, signal, attribute.String("reason", "too_large")), metricdatatest.IgnoreTimestamp())
	metadatatest.AssertEqualProcessorTokenOwnerRecords(t, b.tel, append(
		point(1, signal, attribute.String("outcome", "failed")), point(1, signal, attribute.String("outcome", "sealed"))...),
		metricdatatest.IgnoreTimestamp())
	metadatatest.AssertEqualProcessorTokenOwnerEvents(t, b.tel, point(1, signal), metricdatatest.IgnoreTimestamp())
}

// noRing is a bug: sealing with it panics.
type noRing struct{}

func (noRing) Ring() *fingerprint.Ring { panic("dummy panic of the tests") }

func TestABugCutsTheRecordAndNotTheBatch(t *testing.T) {
	cfg := createDefaultConfig().(*Config)
	cfg.Keyring.Path = keyringPath
	p := newStarted(t, cfg)
	p.keyed.Store(&keyed{ring: p.files.keyring.Ring(), rules: p.files.rules.current(), sealer: secret.New(noRing{}, secret.Options{})})
	token := dummyToken()

	ld := withKeys("Bearer " + token)
	ld.ResourceLogs().At(0).Resource().Attributes().PutStr("note", token)
	ld.ResourceLogs().At(0).Resource().Attributes().PutStr(event.KeyServiceName, "orders")
	records(ld)[0].Body().SetStr(token)
	records(ld)[0].SetSeverityText(token)
	out, err := p.processLogs(context.Background(), ld)
	require.NoError(t, err)
	requireGone(t, logText(t, out), token)
	a := records(out)[0].Attributes()
	require.Equal(t, event.RedactionFailed, strOf(a, event.KeyRedaction))
	require.Equal(t, "GET", strOf(a, event.KeyMethod))
	require.Len(t, strOf(a, event.KeyEventID), 32)
	require.Equal(t, "orders", strOf(out.ResourceLogs().At(0).Resource().Attributes(), event.KeyServiceName))

	td, err := p.processTraces(context.Background(), serverSpan(func(sp ptrace.Span) {
		sp.SetName(token)
		sp.Status().SetMessage(token)
		sp.TraceState().FromRaw(token)
		sp.Events().AppendEmpty().SetName(token)
		sp.Links().AppendEmpty().TraceState().FromRaw(token)
		sp.Attributes().PutStr("x", token)
	}))
	require.NoError(t, err)
	requireGone(t, traceText(t, td), token)
	require.Equal(t, event.RedactionFailed, strOf(firstSpan(td).Attributes(), event.KeyRedaction))
	require.Equal(t, 1, firstSpan(td).Links().Len(), "the trace stays whole")
}

func TestASkeletonKeepsWordsAndNoTokens(t *testing.T) {
	for _, s := range []string{"GET", "/v1/orders/{id}", "orders-eu-1", "token_invalid", "1.1", ""} {
		require.True(t, harmless(s), s)
	}
	for _, s := range []string{dummyToken(), githubToken(), "/v1/4711081547110815", "a b", "x=y", "kürzel", strings.Repeat("a.", 40)} {
		require.False(t, harmless(s), s)
	}
}

// Whatever an attacker writes beside his token, it neither hides his request nor keeps the token in it: with every rule
// in force, a nest of encodings and sixteen decoys before the real one leave a record that says who asked for what.
func TestDecoysAndNestsHideNothingFromTheRules(t *testing.T) {
	b := newBench(t, nil)
	nest := func(text string) string {
		for i := 0; len(text) < 8<<10; i++ {
			switch i % 3 {
			case 0:
				text = base64.StdEncoding.EncodeToString([]byte(text))
			case 1:
				text = url.QueryEscape(`{"a":"` + text + `"}`)
			default:
				text = hex.EncodeToString([]byte(text))
			}
		}
		return text
	}
	token, known := dummyToken(), githubToken()
	out := b.sendLogs(t, context.Background(), request(func(lr plog.LogRecord) {
		a := lr.Attributes()
		a.PutStr(event.KeyPath, "/v1/orders/17")
		a.PutStr(event.KeyClientAddress, "203.0.113.77")
		for i := range 16 {
			a.PutStr(event.PrefixRequestHeader+"x-api-key-"+strconv.Itoa(i), githubToken())
			a.PutStr("app.decoy-"+strconv.Itoa(i), "postgres://u:"+dummyToken()+"@h.example/d")
		}
		a.PutStr(event.PrefixRequestHeader+"authorization", "Bearer "+token)
		a.PutStr("app.nest", nest("Bearer "+token))
		a.PutStr("app.known", nest(known))
		a.PutStr("app.echo", token)
	}))
	requireGone(t, logText(t, out), token)
	requireGone(t, logText(t, out), known)
	a := records(out)[0].Attributes()
	require.Equal(t, fingerprintOf(t, token), strOf(a, event.KeyFingerprint))
	require.Equal(t, []string{"GET", "/v1/orders/17", "203.0.113.77"},
		[]string{strOf(a, event.KeyMethod), strOf(a, event.KeyPath), strOf(a, event.KeyClientAddress)})
	require.Equal(t, "[REDACTED:credential]", strOf(a, "app.echo"))
	require.NotEmpty(t, strOf(a, event.KeyRedaction))
}

func TestARecordThatPrivacyCannotFinishIsCut(t *testing.T) {
	b := newBench(t, func(c *Config) {
		c.Privacy.Email = "drop"
		c.Redaction.DefaultRules = false // which would have cut it before
	})
	ld := request(func(lr plog.LogRecord) {
		lr.Attributes().PutStr(event.KeyRedaction, event.RedactionDone)
		s := lr.Attributes().PutEmptySlice("app.list")
		s.EnsureCapacity(maxValues + 1)
		for range maxValues {
			s.AppendEmpty().SetStr("")
		}
		s.AppendEmpty().SetStr("alice@example.com")
	})
	out := b.sendLogs(t, event.Trusted(context.Background()), ld)
	require.NotContains(t, logText(t, out), "alice")
	require.Equal(t, event.RedactionFailed, strOf(records(out)[0].Attributes(), event.KeyRedaction))
	metadatatest.AssertEqualProcessorTokenOwnerSkeletonCuts(t, b.tel,
		point(1, attribute.String("signal", "logs"), attribute.String("reason", "privacy")), metricdatatest.IgnoreTimestamp())
}
