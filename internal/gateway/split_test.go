package gateway

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestSplit: a body, and its records separated by |.
func TestSplit(t *testing.T) {
	f := func(body, want string) {
		t.Helper()
		records, err := Split([]byte(body), 0)
		require.NoError(t, err, body)
		var got []string
		for i, r := range records {
			require.Len(t, got, i, "the index counts records")
			got = append(got, string(r))
		}
		require.Equal(t, want, strings.Join(got, "|"), body)
	}
	f(`{"a":1}`, `{"a":1}`)
	f(" \r\n{\"a\":1}\n", `{"a":1}`)
	f("\xef\xbb\xbf{\"a\":1}", `{"a":1}`)
	f(`[{"a":1},{"b":"],["}]`, `{"a":1}|{"b":"],["}`)
	f("[\n {\"a\":1} ,\n {\"b\":\"\\\"}\"}\n]\n", `{"a":1}|{"b":"\"}"}`)
	f(`[]`, ``)
	f("{\"a\":1}\n{\"b\":2}\r\n\n{\"c\":3}", `{"a":1}|{"b":2}|{"c":3}`)
	f(`{"a":1}{"b":2} {"c":[{}]}`, `{"a":1}|{"b":2}|{"c":[{}]}`)
	f("{\n \"a\": {\n  \"b\": 1\n }\n}\n{\"c\":3}", "{\n \"a\": {\n  \"b\": 1\n }\n}|{\"c\":3}")
	f(`[{"a":1}][{"b":2}]`, `{"a":1}|{"b":2}`)
	f("\x1e{\"a\":1}\n\x1e{\"b\":2}\n", `{"a":1}|{"b":2}`)
	f("one line\nanother\r\n", `one line|another`)
	f("[client] text\n[x", `[client] text|[x`)
	f("203.0.113.9 - -\n{\"a\":1}\n", `203.0.113.9 - -|{"a":1}`)
	f(`test`, `test`)
}

// TestSplitBroken: a broken record is given out for the parser to reject; its neighbours are whole.
func TestSplitBroken(t *testing.T) {
	f := func(body, want string) {
		t.Helper()
		records, err := Split([]byte(body), 0)
		require.NoError(t, err, body)
		var got []string
		for _, r := range records {
			got = append(got, string(r))
		}
		require.Equal(t, want, strings.Join(got, "|"), body)
	}
	f("{\"a\":1}\n{\"b\":\n{\"c\":3}\n", `{"a":1}|{"b":|{"c":3}`)
	f("{\"a\":1}\n{\"b\":\"open\n{\"c\":3}\n", `{"a":1}|{"b":"open|{"c":3}`)
	f("{\"a\":1}\n{\"b\":[1}\n{\"c\":3}\n", `{"a":1}|{"b":[1}|{"c":3}`)
	f("{\"a\":1}\nnot json\n{\"c\":3}\n", `{"a":1}|not json|{"c":3}`)
	f("{\"a\":-,\"b\":0.1, 0.2}\n{\"c\":3}\n", `{"a":-,"b":0.1, 0.2}|{"c":3}`)
	f(`[{"a":1},{"b":,,},{"c":3}]`, `{"a":1}|{"b":,,}|{"c":3}`)
	f(`[{"a":1},{"b":[1},{"c":3}]`, `{"a":1}|{"b":[1}|{"c":3}`)
	f(`[{"a":1},{"b":{"x":1},{"c":3}]`, `{"a":1}|{"b":{"x":1}|{"c":3}`)
	f("[{\"a\":1},\n{\"b\":\"open},\n{\"c\":3}]", `{"a":1}|{"b":"open}|{"c":3}`)
	f(`[{"a":1},7,{"c":3}]`, `{"a":1}|7|{"c":3}`)
	f(`[{"a":1},{"b":2`, `{"a":1}|{"b":2`)
	f(`[{"a":1},`, `{"a":1}`)
	f(`{"a":`+strings.Repeat("[", MaxDepth)+"\n"+`{"c":3}`, `{"a":`+strings.Repeat("[", MaxDepth)+`|{"c":3}`)
}

func TestSplitRefuses(t *testing.T) {
	f := func(body string, limit int, want Reason) {
		t.Helper()
		_, err := Split([]byte(body), limit)
		var refused *SplitError
		require.ErrorAs(t, err, &refused)
		require.Equal(t, want, refused.Reason)
		require.Contains(t, Reasons(), refused.Reason)
	}
	f("", 0, ReasonNoRecords)
	f(" \n\t", 0, ReasonNoRecords)
	f("\x82\xa6method\xa3GET\xa4path\xa2/a", 0, ReasonBinary)
	f("\x1f\x8b\x08\x00\x00\x00\x00\x00", 0, ReasonBinary)
	f("{}{}{}", 2, ReasonTooManyRecords)
	f("[{},{},{}]", 2, ReasonTooManyRecords)
	f("a\nb\nc", 2, ReasonTooManyRecords)
}

func TestSplitLimitNamesItself(t *testing.T) {
	_, err := Split([]byte("{}{}"), 1)
	require.EqualError(t, err, "body refused: too_many_records, limit 1")
}
