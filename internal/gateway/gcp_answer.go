package gateway

import (
	"strings"

	"github.com/keytrail/keytrail/internal/event"
)

// answer decides who answered. A load balancer names the backend's answers; Envoy, which is in API Gateway and
// Endpoints, says via_upstream.
func (g *gcp) answer() {
	d := g.d
	setText(&d.r.Resource, "cloud.provider", "gcp")
	if d.requestID == "" {
		d.requestID = g.entry
	} else {
		d.rest.string("insertId", g.entry)
	}
	switch {
	case d.status == 0 || g.details == "":
	case g.details == "response_sent_by_backend" || g.details == "via_upstream":
		d.answeredBy = event.AnsweredByUpstream
	default:
		d.answeredBy = event.AnsweredByGateway
		d.deny = gcpReason(g.details)
	}
	switch {
	case g.outcome != "DENY" && g.outcome != "RATE_LIMIT_THRESHOLD_EXCEED":
	case d.status == 429 || strings.HasPrefix(g.policyAction, "THROTTLE") || strings.HasPrefix(g.policyAction, "RATE"):
		d.answeredBy, d.deny = event.AnsweredByGateway, event.DenyRateLimited
	default:
		d.answeredBy, d.deny = event.AnsweredByGateway, event.DenyWAF
	}
	d.r.Auth.Authenticated = g.keyState == "VERIFIED" || d.r.Auth.CredentialID != "" && !refused(d.status)
}

// refused reports whether a status says that the caller was not let in.
func refused(status int64) bool {
	return status == 401 || status == 403 || status == 407 || status == 429
}

// gcpDetails are words in the details of an answer that say why a caller was refused.
var gcpDetails = []struct{ part, reason string }{
	{"denied_by_security_policy", event.DenyWAF},
	{"MISSING_API_KEY", event.DenyTokenMissing},
	{"API_KEY_EXPIRED", event.DenyTokenExpired},
	{"API_KEY_INVALID", event.DenyTokenInvalid},
	{"API_KEY_NOT_FOUND", event.DenyTokenInvalid},
	{"SERVICE_NOT_ACTIVATED", event.DenyScope},
	{"PERMISSION_DENIED", event.DenyScope},
	{"IP_ADDRESS_BLOCKED", event.DenyScope},
	{"REFERER_BLOCKED", event.DenyScope},
	{"service_control_quota", event.DenyRateLimited},
}

func gcpReason(details string) string {
	for _, d := range gcpDetails {
		if strings.Contains(details, d.part) {
			return d.reason
		}
	}
	return envoyReason(details, "")
}
