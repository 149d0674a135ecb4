package plogevent

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/keytrail/keytrail/internal/event"
)

var cmpValue = cmp.Comparer(func(a, b event.Value) bool { return a.Equal(b) })

func TestWriteThenRead(t *testing.T) {
	want := event.Record{
		Time: 5, Observed: 6, Name: event.NameRequest, Severity: 9, TraceID: [16]byte{1}, SpanID: [8]byte{2},
		Scope:    event.Scope{Ring: "r", Epoch: 3, Check: "c"},
		Resource: event.Attrs{{Key: event.KeyServiceName, Value: event.String("orders")}},
		Attrs: event.Attrs{
			{Key: "s", Value: event.String("x")}, {Key: "i", Value: event.Int(-1)}, {Key: "d", Value: event.Double(1.5)},
			{Key: "b", Value: event.Bool(true)}, {Key: "l", Value: event.Strings([]string{"a", "b"})},
			{Key: "j", Value: event.JSON(`{"a":[1,2]}`)},
		},
	}
	ld := plog.NewLogs()
	rl := ld.ResourceLogs().AppendEmpty()
	sl := rl.ScopeLogs().AppendEmpty()
	WriteResource(&want, rl.Resource())
	WriteScope(want.Scope, sl.Scope())
	Write(&want, sl.LogRecords().AppendEmpty())

	var got event.Record
	n := 0
	for e := range Logs(ld) {
		Read(e, &got)
		n++
	}
	require.Equal(t, 1, n)
	require.Empty(t, cmp.Diff(want, got, cmpValue))
}

func TestReadTakesArrivalWhereThereIsNoTime(t *testing.T) {
	lr := plog.NewLogRecord()
	lr.SetObservedTimestamp(7)
	var got event.Record
	Read(Entry{pcommon.NewResource(), pcommon.NewInstrumentationScope(), lr}, &got)
	require.EqualValues(t, 7, got.Time)
}

func TestServerSpanBecomesItsEvent(t *testing.T) {
	td := ptrace.NewTraces()
	sp := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	sp.SetTraceID([16]byte{1})
	sp.SetSpanID([8]byte{2})
	sp.SetStartTimestamp(1_000_000_000)
	sp.SetEndTimestamp(1_250_000_000)
	sp.Attributes().PutInt(event.KeyStatus, 503)
	sp.Attributes().PutStr(event.KeyFingerprint, "kt1_00")

	for e := range Spans(td) {
		require.False(t, e.IsEvent(), "a span of unknown kind is no request")
		sp.SetKind(ptrace.SpanKindServer)
		require.True(t, e.IsEvent())

		var got event.Record
		ReadSpan(e, &got)
		require.Equal(t, event.SpanID(sp.TraceID(), sp.SpanID()), got.Attrs.Str(event.KeyEventID))
		require.Equal(t, 0.25, got.Attrs.Double(event.KeyDuration))
		require.Equal(t, event.CaptureSpan, got.Attrs.Str(event.KeyCapture))
		require.EqualValues(t, 17, got.Severity)
	}
}
