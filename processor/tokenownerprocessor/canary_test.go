package tokenownerprocessor

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/xpdata/entity"

	"github.com/keytrail/keytrail/internal/event"
)

// nestings are the ways in which a text can hide in a value.
var nestings = map[string]func(v pcommon.Value, text string){
	"string": func(v pcommon.Value, text string) { v.SetStr(text) },
	"bytes":  func(v pcommon.Value, text string) { v.SetEmptyBytes().FromRaw([]byte(text)) },
	"binary": func(v pcommon.Value, text string) { v.SetEmptyBytes().FromRaw([]byte("\xff\xfe" + text + "\x00")) },
	"slice":  func(v pcommon.Value, text string) { v.SetEmptySlice().AppendEmpty().SetStr(text) },
	"map":    func(v pcommon.Value, text string) { v.SetEmptyMap().PutStr("note", text) },
	"deep": func(v pcommon.Value, text string) {
		v.SetEmptyMap().PutEmptySlice("list").AppendEmpty().SetEmptyMap().PutEmptyBytes("raw").FromRaw([]byte(text))
	},
	"deeper than the walk": func(v pcommon.Value, text string) {
		for range 3 * maxDepth {
			v = v.SetEmptySlice().AppendEmpty()
		}
		v.SetStr(text)
	},
	"json in a string": func(v pcommon.Value, text string) {
		inner, _ := json.Marshal(map[string]string{"note": text})
		outer, _ := json.Marshal(map[string]string{"payload": string(inner)})
		v.SetStr(string(outer))
	},
	"percent": func(v pcommon.Value, text string) { v.SetStr("next=" + url.QueryEscape(text)) },
	"base64":  func(v pcommon.Value, text string) { v.SetStr(base64.StdEncoding.EncodeToString([]byte(text))) },
	"hex":     func(v pcommon.Value, text string) { v.SetStr(hex.EncodeToString([]byte(text))) },
}

// logFields are the places of a log record, its scope and its resource that can hold a text.
var logFields = map[string]func(plog.ResourceLogs, func(pcommon.Value)){
	"body":      func(rl plog.ResourceLogs, put func(pcommon.Value)) { put(first(rl).Body()) },
	"attribute": func(rl plog.ResourceLogs, put func(pcommon.Value)) { put(first(rl).Attributes().PutEmpty("app.note")) },
	"resource attribute": func(rl plog.ResourceLogs, put func(pcommon.Value)) {
		put(rl.Resource().Attributes().PutEmpty("app.note"))
	},
	"scope attribute": func(rl plog.ResourceLogs, put func(pcommon.Value)) {
		put(rl.ScopeLogs().At(0).Scope().Attributes().PutEmpty("n"))
	},
	"severity text":        asText(func(rl plog.ResourceLogs, s string) { first(rl).SetSeverityText(s) }),
	"event name":           asText(func(rl plog.ResourceLogs, s string) { first(rl).SetEventName(s) }),
	"scope name":           asText(func(rl plog.ResourceLogs, s string) { rl.ScopeLogs().At(0).Scope().SetName(s) }),
	"scope version":        asText(func(rl plog.ResourceLogs, s string) { rl.ScopeLogs().At(0).Scope().SetVersion(s) }),
	"resource schema":      asText(func(rl plog.ResourceLogs, s string) { rl.SetSchemaUrl("https://x/" + s) }),
	"scope schema":         asText(func(rl plog.ResourceLogs, s string) { rl.ScopeLogs().At(0).SetSchemaUrl("https://x/" + s) }),
	"attribute key":        asText(func(rl plog.ResourceLogs, s string) { first(rl).Attributes().PutStr("x "+s, "1") }),
	"nested attribute key": asText(func(rl plog.ResourceLogs, s string) { first(rl).Attributes().PutEmptyMap("m").PutStr(s, "1") }),
	"body key":             asText(func(rl plog.ResourceLogs, s string) { first(rl).Body().SetEmptyMap().PutStr(s, "1") }),
	"entity": asText(func(rl plog.ResourceLogs, s string) {
		ref := entity.ResourceEntityRefs(rl.Resource()).AppendEmpty()
		ref.SetType(s)
		ref.SetSchemaUrl(s)
		ref.IdKeys().Append(s)
		ref.DescriptionKeys().Append(s)
	}),
}

func asText(set func(plog.ResourceLogs, string)) func(plog.ResourceLogs, func(pcommon.Value)) {
	return func(rl plog.ResourceLogs, put func(pcommon.Value)) {
		v := pcommon.NewValueEmpty()
		put(v)
		set(rl, v.AsString())
	}
}

func first(rl plog.ResourceLogs) plog.LogRecord { return rl.ScopeLogs().At(0).LogRecords().At(0) }

// githubToken is a dummy of a known format: it must be found wherever it stands, whatever else the record holds.
func githubToken() string { return "gh" + "p_" + (rand.Text() + rand.Text())[:36] }

func TestNoCanaryLeavesALogRecord(t *testing.T) {
	b := newBench(t, nil)
	for field, place := range logFields {
		for how, hide := range nestings {
			t.Run(field+"/"+how, func(t *testing.T) {
				opaque, known := dummyToken(), githubToken()
				ld := request(func(lr plog.LogRecord) {
					lr.Attributes().PutEmptySlice(event.PrefixRequestHeader + "authorization").AppendEmpty().SetStr("Bearer " + opaque)
				})
				place(ld.ResourceLogs().At(0), func(v pcommon.Value) { hide(v, "seen "+opaque+" and "+known+".") })
				out := b.sendLogs(t, context.Background(), ld)
				requireGone(t, logText(t, out), opaque)
				requireGone(t, logText(t, out), known)
				lr := records(out)[0]
				require.Equal(t, fingerprintOf(t, opaque), strOf(lr.Attributes(), event.KeyFingerprint))
				require.Equal(t, event.RedactionDone, strOf(lr.Attributes(), event.KeyRedaction))
			})
		}
	}
}

// spanFields are the places of a span, its events and links.
var spanFields = map[string]func(ptrace.Span, func(pcommon.Value)){
	"attribute": func(sp ptrace.Span, put func(pcommon.Value)) { put(sp.Attributes().PutEmpty("app.note")) },
	"event attribute": func(sp ptrace.Span, put func(pcommon.Value)) {
		put(sp.Events().AppendEmpty().Attributes().PutEmpty("n"))
	},
	"link attribute": func(sp ptrace.Span, put func(pcommon.Value)) {
		put(sp.Links().AppendEmpty().Attributes().PutEmpty("n"))
	},
	"name":          spanText(func(sp ptrace.Span, s string) { sp.SetName("GET /" + s) }),
	"status":        spanText(func(sp ptrace.Span, s string) { sp.Status().SetMessage(s) }),
	"trace state":   spanText(func(sp ptrace.Span, s string) { sp.TraceState().FromRaw("a=" + s) }),
	"event name":    spanText(func(sp ptrace.Span, s string) { sp.Events().AppendEmpty().SetName(s) }),
	"event key":     spanText(func(sp ptrace.Span, s string) { sp.Events().AppendEmpty().Attributes().PutStr(s, "1") }),
	"link state":    spanText(func(sp ptrace.Span, s string) { sp.Links().AppendEmpty().TraceState().FromRaw("a=" + s) }),
	"link key":      spanText(func(sp ptrace.Span, s string) { sp.Links().AppendEmpty().Attributes().PutStr(s, "1") }),
	"attribute key": spanText(func(sp ptrace.Span, s string) { sp.Attributes().PutStr(s, "1") }),
}

func spanText(set func(ptrace.Span, string)) func(ptrace.Span, func(pcommon.Value)) {
	return func(sp ptrace.Span, put func(pcommon.Value)) {
		v := pcommon.NewValueEmpty()
		put(v)
		set(sp, v.AsString())
	}
}

func TestNoCanaryLeavesASpan(t *testing.T) {
	b := newBench(t, nil)
	for field, place := range spanFields {
		for how, hide := range nestings {
			t.Run(field+"/"+how, func(t *testing.T) {
				opaque, known := dummyToken(), githubToken()
				td := serverSpan(func(sp ptrace.Span) {
					sp.Attributes().PutStr(event.PrefixRequestHeader+"x-api-key", opaque)
					place(sp, func(v pcommon.Value) { hide(v, "seen "+opaque+" and "+known+".") })
				})
				out := b.sendTraces(t, context.Background(), td)
				requireGone(t, traceText(t, out), opaque)
				requireGone(t, traceText(t, out), known)
				require.Equal(t, fingerprintOf(t, opaque), strOf(firstSpan(out).Attributes(), event.KeyFingerprint))
			})
		}
	}
}

func serverSpan(edit func(ptrace.Span)) ptrace.Traces {
	td := ptrace.NewTraces()
	sp := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	sp.SetKind(ptrace.SpanKindServer)
	sp.SetTraceID([16]byte{1})
	sp.SetSpanID([8]byte{2})
	sp.Attributes().PutStr(event.KeyMethod, "GET")
	edit(sp)
	return td
}

func firstSpan(td ptrace.Traces) ptrace.Span {
	return td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
}

func TestANumberUnderASecretNameIsASecret(t *testing.T) {
	b := newBench(t, nil)
	out := b.sendLogs(t, context.Background(), request(func(lr plog.LogRecord) {
		lr.Body().SetEmptyMap().PutInt("password", 73519924)
		lr.Attributes().PutInt("app.rows", 73519924)
	}))
	lr := records(out)[0]
	v, _ := lr.Body().Map().Get("password")
	require.Equal(t, pcommon.ValueTypeStr, v.Type())
	require.NotContains(t, logText(t, out), "73519924")
}
