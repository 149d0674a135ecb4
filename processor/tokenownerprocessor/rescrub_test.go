package tokenownerprocessor

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/keytrail/keytrail/internal/event"
)

// TestTheFloorRunsOnceOnWhatTheReceiverSealed: here it would still find what stands in a sealed record, and must not
// have looked.
func TestTheFloorRunsOnceOnWhatTheReceiverSealed(t *testing.T) {
	_, edit := withRules(t, ticketRule("ACME"))
	b := newBench(t, edit)
	forFloor, forRule := githubToken(), ticket("ACME")
	send := func(ctx context.Context) plog.LogRecord {
		return records(b.sendLogs(t, ctx, request(func(lr plog.LogRecord) {
			lr.Attributes().PutStr(event.KeyRedaction, event.RedactionDone)
			lr.Attributes().PutStr("app.floor", forFloor)
			lr.Attributes().PutStr("app.rule", forRule)
			lr.Attributes().PutEmptyBytes("app.bytes").FromRaw([]byte(forRule))
		})))[0]
	}
	sealed := send(event.Trusted(context.Background())).Attributes()
	require.Equal(t, forFloor, strOf(sealed, "app.floor"))
	require.Equal(t, "[REDACTED:acme-ticket]", strOf(sealed, "app.rule"))
	fresh := send(context.Background()).Attributes()
	require.Equal(t, "[REDACTED:github_pat]", strOf(fresh, "app.floor"))
	require.Equal(t, "[REDACTED:acme-ticket]", strOf(fresh, "app.rule"))
	for _, a := range []string{"app.bytes", "app.rule"} {
		x, _ := sealed.Get(a)
		y, _ := fresh.Get(a)
		require.True(t, x.Equal(y), a)
	}
}

// TestANumberMeetsTheRulesSealedOrNot: a card is one in figures, too.
func TestANumberMeetsTheRulesSealedOrNot(t *testing.T) {
	b := newBench(t, nil)
	for name, ctx := range map[string]context.Context{"sealed": event.Trusted(context.Background()), "fresh": context.Background()} {
		a := records(b.sendLogs(t, ctx, request(func(lr plog.LogRecord) {
			lr.Attributes().PutStr(event.KeyRedaction, event.RedactionDone)
			lr.Attributes().PutInt("app.pan", 4242424242424242)
			lr.Attributes().PutInt("app.count", 4242)
			lr.Attributes().PutInt(event.KeyStatus, 200)
		})))[0].Attributes()
		require.Equal(t, "[REDACTED:payment-card]", strOf(a, "app.pan"), name)
		for _, key := range []string{"app.count", event.KeyStatus} {
			_, number := intOf(a, key)
			require.True(t, number, "%s: %s", name, key)
		}
	}
}

// TestATokenThatOnlyARuleKnowsJoinsASealedRecord: it leaked into a field behind the receiver, and its trail must show it.
func TestATokenThatOnlyARuleKnowsJoinsASealedRecord(t *testing.T) {
	_, edit := withRules(t, ticketRule("ACME"))
	b := newBench(t, edit)
	leaked := ticket("ACME")
	fresh := records(b.sendLogs(t, context.Background(), request(func(lr plog.LogRecord) {
		lr.Attributes().PutStr("app.note", leaked)
	})))[0].Attributes()
	want := strOf(fresh, event.KeyFingerprint)
	require.NotEmpty(t, want)

	const bearer = "kt2_00000000000000000000000000000007"
	send := func(edit func(plog.LogRecord, plog.ScopeLogs)) plog.LogRecord {
		ld := request(func(lr plog.LogRecord) {
			lr.Attributes().PutStr(event.KeyRedaction, event.RedactionDone)
			lr.Attributes().PutStr("app.note", "seen %22"+leaked+"%22")
		})
		sl := ld.ResourceLogs().At(0).ScopeLogs().At(0)
		stampScope(sl.Scope(), ring(t))
		edit(sl.LogRecords().At(0), sl)
		return records(b.sendLogs(t, event.Trusted(context.Background()), ld))[0]
	}

	beside := send(func(lr plog.LogRecord, _ plog.ScopeLogs) {
		lr.Attributes().PutStr(event.KeyFingerprint, bearer)
	}).Attributes()
	require.Equal(t, "seen %22[REDACTED:acme-ticket]%22", strOf(beside, "app.note"))
	require.Equal(t, bearer, strOf(beside, event.KeyFingerprint), "the request's own token stays first")
	others, _ := beside.Get(event.KeyOthers)
	require.Equal(t, []any{want + " field.note token"}, others.Slice().AsRaw())

	alone := send(func(plog.LogRecord, plog.ScopeLogs) {}).Attributes()
	require.Equal(t, want, strOf(alone, event.KeyFingerprint))

	other := send(func(_ plog.LogRecord, sl plog.ScopeLogs) {
		sl.Scope().Attributes().PutInt(event.KeyRingEpoch, 77)
	}).Attributes()
	require.Equal(t, "seen %22[REDACTED:acme-ticket]%22", strOf(other, "app.note"))
	_, stamped := other.Get(event.KeyFingerprint)
	require.False(t, stamped, "the scope names another key epoch")
}
