package gateway

import (
	"strings"

	"github.com/keytrail/keytrail/internal/event"
)

// vaultErrors are Vault's words for why it refused, and the status and reason that follow from each.
var vaultErrors = []struct {
	part   string
	status int64
	reason string
}{
	{"rate limit quota exceeded", 429, event.DenyRateLimited},
	{"missing client token", 400, event.DenyTokenMissing},
	{"bad token", 403, event.DenyTokenInvalid},
	{"invalid token", 403, event.DenyTokenInvalid},
	{"token is expired", 403, event.DenyTokenExpired},
	{"permission denied", 403, event.DenyScope},
	{"unsupported path", 404, ""},
	{"unsupported operation", 405, ""},
	{"internal error", 500, ""},
	{"invalid request", 400, ""},
}

// status is what the HTTP API answers: the audit log has none. It follows Vault's own rules, and is left out where an
// error may be of several statuses.
func (v *vault) status() int64 {
	switch {
	case v.errText != "":
		for _, e := range vaultErrors {
			if strings.Contains(v.errText, e.part) {
				return e.status
			}
		}
		return 0
	case v.answered:
		return 200
	case v.operation == "read" || v.operation == "list":
		return 404
	}
	return 204
}

// reason says why Vault refused. What its backends refuse has no reason of the closed set.
func (v *vault) reason() string {
	for _, e := range vaultErrors {
		if strings.Contains(v.errText, e.part) {
			return e.reason
		}
	}
	return ""
}
