package gateway

import (
	"strings"

	"github.com/keytrail/keytrail/internal/event"
)

// apigatewayAnswer is what API Gateway says of who was let in and who answered.
type apigatewayAnswer struct {
	requestID, arn                         string
	responseType, message, authorizer, waf string
	integrated                             bool // the integration was called
	keyless                                bool // the API key is logged, and there was none
}

// apigatewayReasons are the gateway's response types. UNAUTHORIZED is not among them: it is the answer to a missing
// and to a wrong token alike.
var apigatewayReasons = map[string]string{
	"MISSING_AUTHENTICATION_TOKEN": event.DenyTokenMissing,
	"EXPIRED_TOKEN":                event.DenyTokenExpired,
	"INVALID_API_KEY":              event.DenyTokenInvalid,
	"INVALID_SIGNATURE":            event.DenyTokenInvalid,
	"ACCESS_DENIED":                event.DenyScope,
	"THROTTLED":                    event.DenyRateLimited,
	"QUOTA_EXCEEDED":               event.DenyRateLimited,
	"WAF_FILTERED":                 event.DenyWAF,
}

// apigatewayMessages are the beginnings of words in the gateway's own messages, for logs without the response type.
// The first that fits counts.
var apigatewayMessages = []struct{ part, reason string }{
	{"expired", event.DenyTokenExpired},
	{"missing authentication token", event.DenyTokenMissing},
	{"too many requests", event.DenyRateLimited},
	{"limit exceeded", event.DenyRateLimited},
	{"not authorized", event.DenyScope},
	{"explicit deny", event.DenyScope},
}

func (d *draft) apigatewayAnswer() {
	g := &d.apigateway
	refused := g.responseType != "" || g.message != "" || g.authorizer != "" || g.waf == "WAF_BLOCK"
	switch {
	case d.status == 0:
	case refused && (!g.integrated || g.responseType != ""):
		d.answeredBy = event.AnsweredByGateway
	case g.integrated:
		d.answeredBy = event.AnsweredByUpstream
	}
	if d.answeredBy == event.AnsweredByGateway && d.status >= 400 && d.status < 500 {
		d.deny = g.reason(d.status)
	}
	d.unseen()
	d.apigatewayCaller()
}

func (g *apigatewayAnswer) reason(status int64) string {
	switch {
	case g.waf == "WAF_BLOCK":
		return event.DenyWAF
	case g.responseType == "INVALID_API_KEY" && g.keyless:
		return event.DenyTokenMissing
	case apigatewayReasons[g.responseType] != "":
		return apigatewayReasons[g.responseType]
	case status != 401 && status != 403 && status != 429:
		return ""
	}
	for _, text := range []string{g.authorizer, g.message} {
		text = strings.ToLower(text)
		for _, m := range apigatewayMessages {
			if strings.Contains(text, m.part) {
				return m.reason
			}
		}
	}
	if g.authorizer != "" {
		return event.DenyTokenInvalid
	}
	return ""
}

// apigatewayCaller: of the two request ids the caller may choose requestId, so extendedRequestId counts where it is
// logged. Who the gateway names, it let in, unless it refused the request itself.
func (d *draft) apigatewayCaller() {
	g, a := &d.apigateway, &d.r.Auth
	if d.requestID == "" {
		d.requestID = g.requestID
	} else if g.requestID != d.requestID {
		d.rest.string("requestId", g.requestID)
	}
	d.rest.string("userArn", g.arn)
	if a.Principal == "" {
		a.Principal = g.arn
	}
	refused := d.answeredBy == event.AnsweredByGateway && (d.status == 401 || d.status == 403 || d.status == 429)
	a.Authenticated = !refused && (a.CredentialID != "" || a.Principal != "")
}
