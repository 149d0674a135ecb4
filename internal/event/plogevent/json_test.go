package plogevent

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/keytrail/keytrail/internal/event"
)

func TestJSONBecomesTheValueItIs(t *testing.T) {
	f := func(text string, want any) {
		t.Helper()
		got := pcommon.NewValueEmpty()
		SetValue(got, event.JSON(text))
		require.Equal(t, want, got.AsRaw(), text)
	}
	f(`{}`, map[string]any{})
	f(`[]`, []any{})
	f(`[{"ip":"10.1.2.3","port":8080,"ms":0.5,"ok":true,"err":null}]`, []any{map[string]any{
		"ip": "10.1.2.3", "port": int64(8080), "ms": 0.5, "ok": true, "err": nil}})
	f(`{"a":{"b":[1,-2]},"a2":"\u00e9\"\n"}`, map[string]any{"a": map[string]any{"b": []any{int64(1), int64(-2)}}, "a2": "é\"\n"})
	f(`[9007199254740993, 1e3, 123456789012345678901]`, []any{int64(9007199254740993), 1e3, 123456789012345678901.0})
	f(`{"a":1,"a":2}`, map[string]any{"a": int64(2)})
	f(`not json`, "not json")
	f(`[1`, "[1")
	f(`[nan]`, "[nan]")
	f(`[1e999]`, "[1e999]")
	f("[\"\xff\"]", []any{"\ufffd"})
	f(strings.Repeat("[", 1000), strings.Repeat("[", 1000))
}

// Members keep their order, and the next value leaves this one as it is.
func TestJSONIsCopied(t *testing.T) {
	first, second := pcommon.NewValueEmpty(), pcommon.NewValueEmpty()
	SetValue(first, event.JSON(`{"z":"one","a":"two"}`))
	SetValue(second, event.JSON(`{"y":"333","b":"444"}`))
	var keys []string
	for k := range first.Map().All() {
		keys = append(keys, k)
	}
	require.Equal(t, []string{"z", "a"}, keys)
	require.Equal(t, map[string]any{"z": "one", "a": "two"}, first.Map().AsRaw())
}

// FuzzJSON: no text trips it, and what becomes a map or a list reads back as JSON.
func FuzzJSON(f *testing.F) {
	f.Add(`[{"ip":"10.1.2.3","port":8080}]`)
	f.Add(`{"a":[null,true,"\ud800"],"b":-0.0e-1}`)
	f.Add(`[1e999]`)
	f.Fuzz(func(t *testing.T, text string) {
		v := pcommon.NewValueEmpty()
		SetValue(v, event.JSON(text))
		if v.Type() == pcommon.ValueTypeMap || v.Type() == pcommon.ValueTypeSlice {
			require.True(t, json.Valid([]byte(v.AsString())))
		}
	})
}
