package secret

import (
	"strings"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/secret/search"
)

// placeholderPrefix begins every replacement text. A value that is one whole replacement is clean.
const placeholderPrefix = "[REDACTED"

func replacement(rule string) string { return placeholderPrefix + ":" + rule + "]" }

// replaced reports whether s is exactly [REDACTED] or [REDACTED:<rule>].
func replaced(s string) bool {
	rest, ok := strings.CutPrefix(s, placeholderPrefix)
	if !ok {
		return false
	}
	if rest == "]" {
		return true
	}
	if len(rest) < 3 || rest[0] != ':' || rest[len(rest)-1] != ']' {
		return false
	}
	return search.ValidRule(rest[1 : len(rest)-1])
}

// standIns are what gateways and people write where a credential was (true), or where there is none.
var standIns = map[string]bool{
	"-": false, "--": false, "null": false, "nil": false, "none": false, "undefined": false, "(null)": false,
	"nan": false, "anonymous": false, "true": false, "false": false, "\"\"": false, "''": false, "{}": false, "[]": false,
	"redacted": true, "[redacted]": true, "<redacted>": true, "(redacted)": true, "{redacted}": true,
	"masked": true, "[masked]": true, "<masked>": true, "filtered": true, "[filtered]": true, "hidden": true,
	"<hidden>": true, "removed": true, "[removed]": true, "<removed>": true, "omitted": true, "[omitted]": true,
}

const longestStandIn = 12

// openRequest is what Tyk writes for the key of a request that needed none. Elsewhere such a run of zeros stands for a
// credential that was removed.
const (
	openRequest = "00000000"
	keyTyk      = "tyk.api_key"
)

// placeholder reports whether s stands where a credential was removed or never was.
func placeholder(s string) bool {
	is, _ := standIn(s)
	return is
}

// standIn is placeholder; removed says that there was something.
func standIn(s string) (is, removed bool) {
	s = strings.TrimSpace(s)
	if len(s) > 4 && strings.HasPrefix(s, `["`) && strings.HasSuffix(s, `"]`) {
		s = s[2 : len(s)-2] // Caddy's list of one
	}
	switch {
	case s == "":
		return true, false
	case replaced(s):
		return true, true
	case len(s) <= longestStandIn:
		var buf [longestStandIn]byte
		b := buf[:len(s)]
		for i := range b {
			b[i] = lower(s[i])
		}
		if removed, is = standIns[string(b)]; is {
			return true, removed
		}
	}
	return oneLetter(s), s[0] != '-'
}

// oneLetter reports whether s is the same letter throughout: ********, 00000000, xxxxxxxx.
func oneLetter(s string) bool {
	for i := 1; i < len(s); i++ {
		if s[i] != s[0] {
			return false
		}
	}
	return len(s) >= 3 && (s[0] == '*' || s[0] == '0' || s[0] == 'x' || s[0] == 'X' || s[0] == '-' || s[0] == '.' || s[0] == '#')
}

// remainder says what became of a credential of which a part is gone: masked where somebody hid it (abcd****,
// sha256:…), truncated where it ends too soon (eyJh...), empty where it looks whole.
func remainder(s string) string {
	marks, hidden := hiding(s)
	switch {
	case !marks && !hidden:
		return ""
	case strings.HasSuffix(s, "..."), strings.HasSuffix(s, "…"):
		return event.VisibilityTruncated
	case hidden, strings.Contains(s, "***"), strings.Contains(s, "..."), strings.Contains(s, "…"), strings.Contains(s, "•••"),
		strings.HasPrefix(s, placeholderPrefix), strings.HasPrefix(s, "hmac-sha256:"), strings.HasPrefix(s, "sha256:"):
		return event.VisibilityMasked
	}
	return ""
}

// hiding reports whether s has a byte that may be part of a sign that something was left out, and whether runs of the
// letter x hide most of it: ghp_xxxxxxxxxxxx1234.
func hiding(s string) (marks, byX bool) {
	run, longest, next := 0, 0, 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if class[c]&isVeil == 0 {
			continue
		}
		if c|0x20 != 'x' {
			marks = true
			continue
		}
		if i != next {
			run = 0
		}
		run, next = run+1, i+1
		longest = max(longest, run)
	}
	return marks, longest >= 6 && longest*2 >= len(s)
}
