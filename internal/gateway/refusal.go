package gateway

import (
	"strings"

	"github.com/keytrail/keytrail/internal/event"
)

// refusal completes what a format found of who answered and why a request was refused. A reason is given only for
// the statuses that refuse a caller: 401, 403, 407 and 429.
func (d *draft) refusal() {
	if d.answeredBy == event.AnsweredByUpstream && d.upstreamStatus == 0 {
		d.upstreamStatus = d.status
	}
	if d.deny != "" {
		return
	}
	switch d.status {
	case 401, 403, 407, 429:
	default:
		return
	}
	switch d.answeredBy {
	case event.AnsweredByUpstream:
		d.deny = event.DenyUpstream
	case event.AnsweredByGateway:
		d.deny = d.gatewayReason()
	default:
		d.deny = event.DenyUnknown
	}
}

func (d *draft) gatewayReason() string {
	if d.status == 429 {
		return event.DenyRateLimited
	}
	if reason := challenge(d.headers.firstResponse("www-authenticate")); reason != "" {
		return reason
	}
	if d.status == 403 {
		if d.r.Auth.CredentialID != "" { // known to the gateway, so it was not the credential that failed
			return event.DenyScope
		}
		return event.DenyUnknown
	}
	switch {
	case d.carriesCredential():
		return event.DenyTokenInvalid
	case d.headers.request == 0: // the log shows no headers: nothing can be said of what was sent
		return event.DenyUnknown
	}
	return event.DenyTokenMissing
}

// challenge reads the error of a bearer challenge (RFC 6750, section 3).
func challenge(v string) string {
	v = strings.ToLower(v)
	switch {
	case strings.Contains(v, "insufficient_scope"):
		return event.DenyScope
	case !strings.Contains(v, "invalid_token"):
		return ""
	case strings.Contains(v, "expired"):
		return event.DenyTokenExpired
	case strings.Contains(v, "revoked"):
		return event.DenyTokenRevoked
	}
	return event.DenyTokenInvalid
}

// credentialNames are the parts of a header's or parameter's name that say it holds a credential.
var credentialNames = []string{"auth", "key", "token", "cookie", "secret", "session", "signature", "credential"}

// carriesCredential reports whether the request has a place that usually holds a credential. It only tells a
// missing token from a wrong one; finding the token itself is the work of internal/secret.
func (d *draft) carriesCredential() bool {
	for i := range d.headers.list {
		if h := &d.headers.list[i]; !h.response && h.value != "" && namesCredential(h.name.lower) {
			return true
		}
	}
	for pair := range strings.SplitSeq(d.query, "&") {
		if name, value, _ := strings.Cut(pair, "="); value != "" && namesCredential(strings.ToLower(name)) {
			return true
		}
	}
	return false
}

func namesCredential(name string) bool {
	for _, part := range credentialNames {
		if strings.Contains(name, part) {
			return name != ":authority" && !strings.HasPrefix(name, "sec-websocket")
		}
	}
	return false
}

// unseen is for a log that does not show where credentials are sent: of a 401 that names no reason it can only be
// said that it is one.
func (d *draft) unseen() {
	if (d.status == 401 || d.status == 407) && d.answeredBy == event.AnsweredByGateway && d.deny == "" &&
		!d.carriesCredential() && challenge(d.headers.firstResponse("www-authenticate")) == "" {
		d.deny = event.DenyUnknown
	}
}
