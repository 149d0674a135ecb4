package tokenownerprocessor

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/processor/tokenownerprocessor/internal/metadatatest"
)

// ticketRule finds what no rule of ours knows, so that what it finds was found by it.
func ticketRule(prefix string) string {
	return fmt.Sprintf("[[rules]]\nid = \"acme-ticket\"\nregex = '''\\b%s-[0-9A-Z]{20}\\b'''\nkeywords = [\"%s-\"]\n", prefix, strings.ToLower(prefix))
}

func ticket(prefix string) string { return prefix + "-" + rand.Text()[:20] }

func withRules(t testing.TB, text string) (path string, edit func(*Config)) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "rules.toml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path, func(c *Config) {
		c.Redaction.DefaultRules = false
		c.Redaction.Rules = []string{path}
	}
}

func TestARuleOfTheUserRedactsEveryFieldAndItsFindingJoinsTheTrail(t *testing.T) {
	_, edit := withRules(t, ticketRule("ACME"))
	b := newBench(t, edit)
	token := ticket("ACME")
	ld := request(func(lr plog.LogRecord) {
		lr.Attributes().PutStr("app.note", "opened with "+token)
		lr.Attributes().PutEmptyMap("app.map").PutStr("deep", `{"t":"`+token+`"}`)
		lr.Body().SetStr("see " + token)
	})
	ld.ResourceLogs().At(0).Resource().Attributes().PutStr("host.note", token)
	out := b.sendLogs(t, context.Background(), ld)
	requireGone(t, logText(t, out), token)
	a := records(out)[0].Attributes()
	require.Equal(t, "opened with [REDACTED:acme-ticket]", strOf(a, "app.note"))
	require.Equal(t, fingerprintOf(t, token), strOf(a, event.KeyFingerprint))
}

func TestWhatTheReceiverSealedStillMeetsTheRules(t *testing.T) {
	_, edit := withRules(t, ticketRule("ACME"))
	b := newBench(t, edit)
	token := ticket("ACME")
	fp := "kt7_" + strings.Repeat("ab", 16)
	ld := request(func(lr plog.LogRecord) {
		lr.Attributes().PutStr(event.KeyRedaction, event.RedactionDone)
		lr.Attributes().PutStr(event.KeyFingerprint, fp)
		lr.Attributes().PutStr(event.KeyEventID, strings.Repeat("0a", 16))
		lr.Attributes().PutStr("app.note", token)
		lr.Attributes().PutStr(event.PrefixRequestHeader+"authorization", "[REDACTED:authorization]")
		lr.Attributes().PutStr("app "+token, "a key")
	})
	ld.ResourceLogs().At(0).Resource().Attributes().PutStr("host.note", token)
	ld.ResourceLogs().At(0).ScopeLogs().At(0).Scope().Attributes().PutStr(event.KeyRingID, "upstream")
	out := b.sendLogs(t, event.Trusted(context.Background()), ld)
	requireGone(t, logText(t, out), token)
	a := records(out)[0].Attributes()
	require.Equal(t, "[REDACTED:acme-ticket]", strOf(a, "app.note"))
	require.Equal(t, "[REDACTED:authorization]", strOf(a, event.PrefixRequestHeader+"authorization"))
	require.Equal(t, fp, strOf(a, event.KeyFingerprint), "what was stamped stays stamped")
	_, more := a.Get(event.KeyOthers)
	require.False(t, more)
	require.Equal(t, strings.Repeat("0a", 16), strOf(a, event.KeyEventID))

	td := serverSpan(func(sp ptrace.Span) {
		sp.Attributes().PutStr(event.KeyRedaction, event.RedactionDone)
		sp.SetName("GET /" + token)
		sp.Status().SetMessage(token)
		sp.Events().AppendEmpty().SetName(token)
		sp.Links().AppendEmpty().Attributes().PutStr("of", token)
	})
	requireGone(t, traceText(t, b.sendTraces(t, event.Trusted(context.Background()), td)), token)
}

func TestASealedRecordTooLargeForTheRulesIsCut(t *testing.T) {
	_, edit := withRules(t, ticketRule("ACME"))
	b := newBench(t, edit)
	token := ticket("ACME")
	ld := request(func(lr plog.LogRecord) {
		lr.Attributes().PutStr(event.KeyRedaction, event.RedactionDone)
		lr.Attributes().PutStr(event.KeyEventID, strings.Repeat("0a", 16))
		s := lr.Body().SetEmptySlice()
		s.EnsureCapacity(maxValues + 1)
		for range maxValues {
			s.AppendEmpty()
		}
		s.AppendEmpty().SetStr(token)
	})
	out := b.sendLogs(t, event.Trusted(context.Background()), ld)
	requireGone(t, logText(t, out), token)
	a := records(out)[0].Attributes()
	require.Equal(t, event.RedactionFailed, strOf(a, event.KeyRedaction))
	require.Equal(t, strings.Repeat("0a", 16), strOf(a, event.KeyEventID))
	metadatatest.AssertEqualProcessorTokenOwnerSkeletonCuts(t, b.tel,
		point(1, attribute.String("signal", "logs"), attribute.String("reason", "redaction")), metricdatatest.IgnoreTimestamp())
}

func TestChangedRulesComeIntoForceAndBadOnesDoNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path, edit := withRules(t, ticketRule("ACME"))
		cfg := createDefaultConfig().(*Config)
		cfg.Keyring.Path = keyringPath
		edit(cfg)
		host := &statusHost{}
		b := newBenchOn(t, cfg, host)
		redacts := func(prefix string) bool {
			token := ticket(prefix)
			return !strings.Contains(logText(t, b.sendLogs(t, context.Background(), request(func(lr plog.LogRecord) {
				lr.Body().SetStr("see " + token)
			}))), token)
		}
		write := func(text string) {
			require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
			<-time.After(cfg.Redaction.Interval + time.Second) // of the test's clock
			synctest.Wait()
		}
		require.True(t, redacts("ACME"))
		require.False(t, redacts("OTHER"))

		write(ticketRule("OTHER"))
		require.True(t, redacts("OTHER"))
		require.False(t, redacts("ACME"))

		write("[[rules]]\nid = \"acme-ticket\"\nregex = '''('''\n")
		require.True(t, redacts("OTHER"), "the last good rules stay")
		require.NoError(t, os.Remove(path))
		<-time.After(cfg.Redaction.Interval + time.Second)
		synctest.Wait()
		require.True(t, redacts("OTHER"))
		require.Equal(t, componentstatus.StatusRecoverableError, host.seen()[len(host.seen())-1])

		write(ticketRule("OTHER"))
		require.Equal(t, componentstatus.StatusOK, host.seen()[len(host.seen())-1])
		input := attribute.String("input", "rules")
		metadatatest.AssertEqualProcessorTokenOwnerReloads(t, b.tel, append(
			point(2, input, attribute.String("result", "ok")), point(2, input, attribute.String("result", "failed"))...),
			metricdatatest.IgnoreTimestamp())
		metadatatest.AssertEqualProcessorTokenOwnerRules(t, b.tel, point(1), metricdatatest.IgnoreTimestamp())
	})
}

func TestBadRulesStopTheStart(t *testing.T) {
	for name, text := range map[string]string{
		"no TOML":       "[[rules\n",
		"no expression": "[[rules]]\nid = \"x\"\nregex = '''('''\n",
	} {
		t.Run(name, func(t *testing.T) {
			_, edit := withRules(t, text)
			err := startWith(t, edit)
			require.ErrorContains(t, err, "redaction rules: ")
			require.NotContains(t, err.Error(), "panic")
		})
	}
	require.ErrorIs(t, startWith(t, func(c *Config) { c.Redaction.Rules = []string{t.TempDir() + "/none.toml"} }), os.ErrNotExist)
}

// startWith starts a processor that is expected to refuse.
func startWith(t *testing.T, edit func(*Config)) error {
	t.Helper()
	cfg := createDefaultConfig().(*Config)
	cfg.Keyring.Path = keyringPath
	edit(cfg)
	p := newInstance(t, cfg)
	err := p.start(context.Background(), &statusHost{})
	require.NoError(t, p.shutdown(context.Background()))
	return err
}

func TestTheFloorAloneNeedsNoRules(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Redaction.DefaultRules = false })
	known := githubToken()
	out := b.sendLogs(t, context.Background(), request(func(lr plog.LogRecord) { lr.Body().SetStr("see " + known) }))
	requireGone(t, logText(t, out), known)
	_, err := b.tel.GetMetric("otelcol_processor_token_owner_rules")
	require.Error(t, err, "no rules, no metric of them")
}

func TestFindingsAreCountedByRuleFieldAndResult(t *testing.T) {
	_, edit := withRules(t, ticketRule("ACME"))
	b := newBench(t, edit)
	b.sendLogs(t, context.Background(), request(func(lr plog.LogRecord) {
		lr.Attributes().PutStr(event.PrefixRequestHeader+"authorization", "Bearer "+dummyToken())
		lr.Attributes().PutStr("app.note", ticket("ACME")+" "+ticket("ACME"))
		lr.Attributes().PutStr(event.KeyQuery, "t="+ticket("ACME"))
	}))
	of := func(rule, field string) []attribute.KeyValue {
		return []attribute.KeyValue{
			attribute.String("rule", rule), attribute.String("field", field), attribute.String("result", "redacted"),
		}
	}
	metadatatest.AssertEqualProcessorTokenOwnerRedactions(t, b.tel, append(append(
		point(1, of("authorization", "header")...), point(2, of("acme-ticket", "attribute")...)...),
		point(1, of("acme-ticket", "query")...)...), metricdatatest.IgnoreTimestamp())
	metadatatest.AssertEqualProcessorTokenOwnerFingerprints(t, b.tel, point(4), metricdatatest.IgnoreTimestamp())
}

// The rules make the labels a closed set; a caller cannot add to it, nor can a thousand reloads.
func TestLabelsOfFindingsAreBounded(t *testing.T) {
	var l removalLabels
	for i := range maxRemovalLabels + 10 {
		l.of(removal{rule: fmt.Sprint("rule-", i)})
	}
	require.Len(t, l.sets, maxRemovalLabels)
}
