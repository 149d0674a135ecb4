package main

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestErrorsReachTheTerminalAsVisibleText(t *testing.T) {
	f := func(err error, code int, want string) {
		t.Helper()
		var b bytes.Buffer
		require.Equal(t, code, complain(&b, err))
		require.Equal(t, want, b.String())
	}
	f(errors.New("plain"), exitFailure, "error: plain\n")
	f(usage("wrong"), exitUsage, "error: wrong\n")
	f(hint(usage("wrong"), "do this"), exitUsage, "error: wrong\nhint: do this\n")
	f(fmt.Errorf("file: %w", hint(errors.New("cause"), "do this")), exitFailure, "error: file: cause\nhint: do this\n")
	f(errors.Join(errors.New("one"), hint(errors.New("two"), "do this")), exitFailure, "error: one\nerror: two\nhint: do this\n")
	f(errors.New("open \x1b]0;owned\x07: no\u202e such file"), exitFailure, `error: open \x1b]0;owned\x07: no\u{202e} such file`+"\n")
}

func TestProgressIsForTerminals(t *testing.T) {
	var b bytes.Buffer
	p := newProgress(&b)
	p.next = time.Time{}
	p.set("half of it")
	p.done()
	require.Empty(t, b.String())

	p.tty = true
	p.set("half of it")
	p.set("more, but too soon to show")
	p.done()
	require.Equal(t, "\r\x1b[Khalf of it\r\x1b[K", b.String())
}

func TestMoments(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	f := func(text string, want time.Time) {
		t.Helper()
		got, err := moment(text, now)
		require.NoError(t, err, text)
		require.True(t, want.Equal(got), "%s: want %s, got %s", text, want, got)
	}
	f("", time.Time{})
	f("0s", now)
	f("90m", now.Add(-90*time.Minute))
	f("1h30m", now.Add(-90*time.Minute))
	f("7d", now.Add(-7*day))
	f("2026-11-20T10:00:00Z", time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC))
	f("2026-11-20T10:00:00.000000007+02:00", time.Date(2026, 11, 20, 8, 0, 0, 7, time.UTC))
	for _, bad := range []string{"d", "-1d", "1.5d", "-1h", "7", "week", "2026-11-20", "9999-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "106751d", "99999999999999999999d", "999999999h"} {
		_, err := moment(bad, now)
		require.Error(t, err, bad)
	}
}

func TestAnErrorShowsOnlyWhatIsTooShortForAToken(t *testing.T) {
	require.Equal(t, `"xml"`, shown("xml"))
	require.Equal(t, `"\x1b[2J"`, shown("\x1b[2J"))
	require.Equal(t, "13 characters", shown("1234567890123"))
}
