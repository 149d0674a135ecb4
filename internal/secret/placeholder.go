package secret

import "strings"

// placeholderPrefix begins every replacement text. A value that is one whole replacement is clean.
const placeholderPrefix = "[REDACTED"

func replacement(rule string) string { return placeholderPrefix + ":" + rule + "]" }

// longestRule bounds the rule name inside a replacement that we believe; more would be a place to hide a secret in.
const longestRule = 32

// replaced reports whether s is exactly [REDACTED] or [REDACTED:<rule>].
func replaced(s string) bool {
	rest, ok := strings.CutPrefix(s, placeholderPrefix)
	if !ok {
		return false
	}
	if rest == "]" {
		return true
	}
	if len(rest) < 3 || len(rest) > longestRule+2 || rest[0] != ':' || rest[len(rest)-1] != ']' {
		return false
	}
	for _, c := range []byte(rest[1 : len(rest)-1]) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return true
}

// standIns are what gateways and people write where a credential was, or where there is none.
var standIns = map[string]struct{}{
	"-": {}, "--": {}, "null": {}, "nil": {}, "none": {}, "undefined": {}, "(null)": {}, "nan": {},
	"redacted": {}, "[redacted]": {}, "<redacted>": {}, "(redacted)": {}, "{redacted}": {},
	"masked": {}, "[masked]": {}, "<masked>": {}, "filtered": {}, "[filtered]": {}, "hidden": {}, "<hidden>": {},
	"removed": {}, "[removed]": {}, "<removed>": {}, "omitted": {}, "[omitted]": {}, "anonymous": {},
	"true": {}, "false": {}, "\"\"": {}, "''": {}, "{}": {}, "[]": {},
}

const longestStandIn = 12

// placeholder reports whether s stands where a credential was removed or never was.
func placeholder(s string) bool {
	s = strings.TrimSpace(s)
	if s == "" || replaced(s) {
		return true
	}
	if len(s) <= longestStandIn {
		var buf [longestStandIn]byte
		b := buf[:len(s)]
		for i := range b {
			b[i] = lower(s[i])
		}
		if _, ok := standIns[string(b)]; ok {
			return true
		}
	}
	return oneLetter(s)
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

// masked reports whether s is a credential of which a part was hidden or cut off: abcd****, eyJh..., sha256:….
func masked(s string) bool {
	return strings.Contains(s, "***") || strings.Contains(s, "...") || strings.Contains(s, "…") ||
		strings.Contains(s, "•••") || strings.HasPrefix(s, placeholderPrefix) ||
		strings.HasPrefix(s, "hmac-sha256:") || strings.HasPrefix(s, "sha256:") || hiddenByX(s)
}

// hiddenByX finds runs of the letter x that hide most of a value: ghp_xxxxxxxxxxxx1234.
func hiddenByX(s string) bool {
	run, longest := 0, 0
	for i := 0; i < len(s); i++ {
		if s[i] == 'x' || s[i] == 'X' {
			run++
			longest = max(longest, run)
		} else {
			run = 0
		}
	}
	return longest >= 6 && longest*2 >= len(s)
}
