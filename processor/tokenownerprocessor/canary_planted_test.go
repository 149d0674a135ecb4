package tokenownerprocessor

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/processor/tokenownerprocessor/internal/metadatatest"
)

func TestNoPlantedTokenPassesTheRedaction(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Canary.GetOrInsertDefault().Interval = 24 * time.Hour })
	for range 20 {
		ld := newCanary()
		require.Contains(t, logText(t, ld), event.CanaryPrefix)
		out := b.sendLogs(t, context.Background(), ld)
		requireGone(t, logText(t, out), event.CanaryPrefix)
		lr := records(out)[0]
		require.Equal(t, event.RedactionDone, strOf(lr.Attributes(), event.KeyRedaction))
		require.Equal(t, "canary", strOf(lr.Attributes(), event.KeyTokenFormat))
	}
}

func TestCanariesFlyAtTheirInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, func(c *Config) { c.Canary.GetOrInsertDefault() })
		<-time.After(defaultCanaryInterval / 10)
		synctest.Wait()
		require.Len(t, b.sink.logs.AllLogs(), 1, "the first comes soon")
		<-time.After(24 * time.Hour)
		synctest.Wait()
		sent := b.sink.logs.AllLogs()
		require.GreaterOrEqual(t, len(sent), 24)
		require.LessOrEqual(t, len(sent), 28, "an interval is at most a tenth shorter")
		ids := map[string]bool{}
		for i, ld := range sent {
			lr := records(ld)[0]
			require.Equal(t, event.NameCanary, lr.EventName())
			require.Equal(t, event.RedactionDone, strOf(lr.Attributes(), event.KeyRedaction))
			require.True(t, b.sink.trusted[i])
			require.NotContains(t, logText(t, ld), event.CanaryPrefix)
			ids[strOf(lr.Attributes(), event.KeyEventID)] = true
		}
		require.Len(t, ids, len(sent))
		metadatatest.AssertEqualProcessorTokenOwnerCanaries(t, b.tel, point(int64(len(sent)), attribute.String("result", "sent")),
			metricdatatest.IgnoreTimestamp())
		_, err := b.tel.GetMetric("otelcol_processor_token_owner_records")
		require.Error(t, err, "a canary is counted as nothing else")
	})
}

func TestWithoutTheKeyNoCanaryFlies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		<-time.After(48 * time.Hour)
		synctest.Wait()
		require.Empty(t, b.sink.logs.AllLogs())
	})
}

// Whoever may send us records must not be able to name one so that it is dropped or believed.
func TestAForeignRecordIsNoCanary(t *testing.T) {
	b := newBench(t, nil)
	for _, name := range []string{event.NameCanary, event.NameRotated, event.NameAnomaly} {
		out := b.sendLogs(t, context.Background(), request(func(lr plog.LogRecord) { lr.SetEventName(name) }))
		require.Equal(t, event.NameRequest, records(out)[0].EventName())
		plain := plog.NewLogs()
		lr := plain.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
		lr.SetEventName(name)
		require.Empty(t, records(b.sendLogs(t, context.Background(), plain))[0].EventName())
	}
}

func TestARefusedCanaryIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, func(c *Config) { c.Canary.GetOrInsertDefault() })
		b.sink.refuse(errors.New("no"))
		<-time.After(defaultCanaryInterval / 10)
		synctest.Wait()
		b.sink.refuse(nil)
		metadatatest.AssertEqualProcessorTokenOwnerCanaries(t, b.tel, point(1, attribute.String("result", "refused")),
			metricdatatest.IgnoreTimestamp())
	})
}

func TestTheIntervalOfCanariesHasABound(t *testing.T) {
	require.NoError(t, (&CanaryConfig{Interval: time.Second}).Validate())
	require.EqualError(t, (&CanaryConfig{Interval: time.Millisecond}).Validate(), "`interval` must be at least 1s, found 1ms")
}

func TestEveryPlaceHasATokenOfItsOwn(t *testing.T) {
	text := logText(t, newCanary())
	seen := map[string]bool{}
	for i := strings.Index(text, event.CanaryPrefix); i >= 0; {
		token := text[i : i+len(event.CanaryPrefix)+32]
		require.False(t, seen[token])
		seen[token] = true
		text = text[i+len(token):]
		i = strings.Index(text, event.CanaryPrefix)
	}
	require.Greater(t, len(seen), 15)
}
