package gateway

import (
	"bytes"
	"errors"
	"path/filepath"
	"slices"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/event"
)

// seed gives a fuzz target every record of the golden stories.
func seed(f *testing.F, add func([]byte)) {
	files, err := filepath.Glob("testdata/*/*.txtar")
	require.NoError(f, err)
	for _, file := range files {
		story, err := txtar.ParseFile(file)
		require.NoError(f, err)
		for line := range bytes.Lines(section(story, "in")) {
			add(line)
		}
	}
}

func fuzzFormat(f *testing.F, format string) {
	seed(f, func(b []byte) { f.Add(b) })
	f.Fuzz(checkParse(f, format))
}

// checkParse is what holds of every parser and every record.
func checkParse(f *testing.F, format string) func(*testing.T, []byte) {
	p, err := New(format, Options{})
	require.NoError(f, err)
	return func(t *testing.T, raw []byte) {
		sent := slices.Clone(raw)
		var r event.Record
		_, err := p.Parse(raw, &r)
		require.Equal(t, sent, raw, "a parser must not write to what it reads")
		if err != nil {
			var refused *RejectError
			require.ErrorAs(t, err, &refused)
			require.Contains(t, Reasons(), refused.Reason)
			return
		}
		before := r.Append(nil)
		for i := range raw {
			raw[i] ^= 0x55
		}
		require.Equal(t, before, r.Append(nil), "an event must own its memory")
		checkKeys(t, &r)
	}
}

// checkKeys: no key twice, none that the receiver alone may set, and no more headers than the limit.
func checkKeys(t *testing.T, r *event.Record) {
	ours := []string{
		event.KeyCapture, event.KeyFormat, event.KeyRequestID, event.KeyAnsweredBy, event.KeyUpstreamStatus,
		event.KeyDenyReason, event.KeyDuration, event.KeyUpstreamTime, event.KeyHeadersOther,
	}
	seen := map[string]bool{}
	headers := 0
	for _, a := range r.Attrs {
		require.False(t, seen[a.Key], "%q twice", a.Key)
		seen[a.Key] = true
		require.True(t, !event.Reserved(a.Key) || slices.Contains(ours, a.Key), "%q is reserved", a.Key)
		if len(a.Key) > len(event.PrefixRequestHeader) && a.Key[:len(event.PrefixRequestHeader)] == event.PrefixRequestHeader {
			headers++
		}
	}
	require.LessOrEqual(t, headers, event.MaxHeaders)
}

func FuzzAuto(f *testing.F) { fuzzFormat(f, FormatAuto) }

// FuzzFormats gives every record to every parser, whatever auto would say of it.
func FuzzFormats(f *testing.F) {
	checks := map[string]func(*testing.T, []byte){}
	for _, format := range Formats() {
		checks[format] = checkParse(f, format)
	}
	seed(f, func(b []byte) { f.Add(b) })
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, format := range Formats() {
			checks[format](t, slices.Clone(raw))
		}
	})
}

// FuzzSplit: whatever stands before it, a whole record on the last line is given out as it is.
func FuzzSplit(f *testing.F) {
	seed(f, func(b []byte) { f.Add(b) })
	for _, s := range []string{"[", "[[", `[{"a":"`, `{"a":[1,`, `{"a":"\`, "[{}", "]", "}", `[{"a":1},`, "\x1e", "{\"a\":\n"} {
		f.Add([]byte(s))
	}
	last := []byte(`{"last":{"good":"record"}}`)
	f.Fuzz(func(t *testing.T, garbage []byte) {
		body := append(append(slices.Clone(garbage), '\n'), last...)
		records, err := Split(body, 0)
		if err != nil {
			var refused *SplitError
			require.True(t, errors.As(err, &refused))
			return
		}
		var got []byte
		total := 0
		for i, r := range records {
			require.GreaterOrEqual(t, i, 0)
			total += len(r)
			got = r
		}
		require.LessOrEqual(t, total, len(body))
		require.Equal(t, string(last), string(got))
	})
}

// FuzzTemplates: a route never holds a character that a caller could use to leave the place it is shown in.
func FuzzTemplates(f *testing.F) {
	f.Add("/v1/orders/4711", int64(200))
	f.Add("//a/%2e%2e/{id}/x", int64(301))
	f.Fuzz(func(t *testing.T, path string, status int64) {
		var routes Templates
		first := routes.Template("s", "GET", path, status)
		require.Equal(t, first, routes.Template("s", "GET", path, status), "a route is stable")
		for i := range len(first) {
			require.True(t, first[i] > ' ' && first[i] < 0x7f, "%q", first)
		}
	})
}

// seedBodies gives a fuzz target every body of the golden stories.
func seedBodies(f *testing.F, add func([]byte)) {
	files, err := filepath.Glob("testdata/*/*.txtar")
	require.NoError(f, err)
	for _, file := range files {
		story, err := txtar.ParseFile(file)
		require.NoError(f, err)
		add(section(story, "in"))
	}
}
