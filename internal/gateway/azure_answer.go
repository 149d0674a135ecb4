package gateway

import (
	"cmp"
	"strings"

	"github.com/keytrail/keytrail/internal/event"
)

// azureAnswer decides what the record is of, who answered, and who was let in.
func (d *draft) azureAnswer() error {
	a := &d.azure
	setText(&d.r.Resource, "cloud.provider", "azure")
	switch a.category {
	case azureAPIM:
		d.start, d.end = d.end, d.start // the others write at the end, API Management at the beginning
		d.apimAnswer()
	case azureAccess:
		d.accessAnswer()
	case azureFront:
		d.frontDoorAnswer()
	case azureFirewall, azureFrontWAF:
		// A rule that only matched says nothing that the access log of the request does not.
		if !strings.EqualFold(a.firewall, "block") && !strings.EqualFold(a.firewall, "blocked") {
			return reject(ReasonNotARequest)
		}
		d.answeredBy, d.deny = event.AnsweredByGateway, event.DenyWAF
	default:
		return reject(ReasonNotARequest)
	}
	d.azureClient()
	return nil
}

// azureClient: who connected to Front Door stands in socketIp; clientIp is the first address of X-Forwarded-For, the
// caller's own word unless the source trusts who connected.
func (d *draft) azureClient() {
	a := &d.azure
	if a.socket == "" {
		d.client = cmp.Or(d.client, a.forwarded)
		return
	}
	d.client = a.socket
	if a.forwarded != "" && a.forwarded != a.socket {
		d.clientPort = 0
		d.headers.add("x-forwarded-for", a.forwarded)
	}
}

func (d *draft) apimAnswer() {
	a := &d.azure
	switch {
	case a.section == "inbound" || a.reason != "" && !a.backend:
		d.answeredBy = event.AnsweredByGateway
	case a.backend:
		d.answeredBy = event.AnsweredByUpstream
	case d.status != 0:
		d.answeredBy = event.AnsweredByGateway
	}
	if d.answeredBy == event.AnsweredByGateway {
		d.deny = apimReasons[a.reason]
	}
	auth := &d.r.Auth
	if a.subscription != "" {
		auth.CredentialID, auth.Kind, auth.Principal = a.subscription, FormatAzure, a.user
		auth.Authenticated = d.answeredBy != event.AnsweredByGateway || !refused(d.status)
	}
}

// apimReasons are the reasons of lastError that refuse a caller, by the policies that give them.
var apimReasons = map[string]string{
	"SubscriptionKeyNotFound": event.DenyTokenMissing, "SubscriptionKeyInvalid": event.DenyTokenInvalid,
	"TokenNotPresent": event.DenyTokenMissing, "TokenNotFound": event.DenyTokenMissing,
	"TokenExpired": event.DenyTokenExpired, "JwtInvalid": event.DenyTokenInvalid, "TokenInvalid": event.DenyTokenInvalid,
	"TokenSignatureInvalid": event.DenyTokenInvalid, "TokenSignatureKeyNotFound": event.DenyTokenInvalid,
	"TokenAudienceNotAllowed": event.DenyScope, "TokenIssuerNotAllowed": event.DenyTokenInvalid,
	"TokenClaimNotFound": event.DenyScope, "TokenClaimValueNotAllowed": event.DenyScope,
	"CallerIpNotAllowed": event.DenyScope, "CallerIpBlocked": event.DenyScope,
	"HeaderNotFound": event.DenyTokenMissing, "HeaderValueNotAllowed": event.DenyTokenInvalid,
	"RateLimitExceeded": event.DenyRateLimited, "QuotaExceeded": event.DenyRateLimited,
}

func (d *draft) accessAnswer() {
	a := &d.azure
	switch {
	case a.backend:
		d.answeredBy = event.AnsweredByUpstream
	case d.status != 0:
		d.answeredBy = event.AnsweredByGateway
	}
	if d.answeredBy == event.AnsweredByGateway && d.status == 403 && strings.EqualFold(a.wafMode, "prevention") &&
		(a.errorInfo == "" || a.errorInfo == azureAllClear) {
		d.deny = event.DenyWAF
	}
	if strings.EqualFold(a.verify, "success") && len(a.certificate) == 64 && isHex(a.certificate) {
		d.r.Auth.MTLSFingerprint, d.r.Auth.MTLSVerified = a.certificate, true
	} else {
		d.rest.string("sslClientCertificateFingerprint", a.certificate) // SHA-1, or of nobody who was let in
	}
	d.unseen()
}

// frontDoorAnswer: an origin that was asked is named; an answer of the edge has none.
func (d *draft) frontDoorAnswer() {
	a := &d.azure
	switch {
	case d.status == 0:
	case a.origin != "" && a.origin != azureUnlogged:
		d.answeredBy = event.AnsweredByUpstream
	case d.status >= 400 && (a.errorInfo == "" || a.errorInfo == azureFrontFine):
		d.answeredBy = event.AnsweredByGateway
	case a.errorInfo != "" && a.errorInfo != azureFrontFine:
		d.answeredBy = event.AnsweredByGateway
	}
	d.unseen()
}

// azureCarrier is what Event Hubs and diagnostic settings deliver: {"records":[…]}.
var azureCarrier = &carrier{name: FormatAzure, list: "records"}
