package gateway

import (
	"cmp"
	"strings"

	"github.com/keytrail/keytrail/internal/event"
)

// cloudtrailCodes are the error codes that refuse a caller, without the ending Exception that some services add and
// the beginning Client. that EC2 has.
var cloudtrailCodes = map[string]string{
	"AccessDenied":                  event.DenyScope,
	"UnauthorizedOperation":         event.DenyScope,
	"UnauthorizedAccess":            event.DenyScope,
	"Unauthorized":                  event.DenyScope,
	"Forbidden":                     event.DenyScope,
	"NotAuthorized":                 event.DenyScope,
	"OptInRequired":                 event.DenyScope,
	"ExpiredToken":                  event.DenyTokenExpired,
	"TokenRefreshRequired":          event.DenyTokenExpired,
	"RequestExpired":                event.DenyTokenExpired,
	"InvalidClientTokenId":          event.DenyTokenInvalid,
	"UnrecognizedClient":            event.DenyTokenInvalid,
	"InvalidAccessKeyId":            event.DenyTokenInvalid,
	"InvalidToken":                  event.DenyTokenInvalid,
	"InvalidSignature":              event.DenyTokenInvalid,
	"SignatureDoesNotMatch":         event.DenyTokenInvalid,
	"IncompleteSignature":           event.DenyTokenInvalid,
	"AuthFailure":                   event.DenyTokenInvalid,
	"MissingAuthenticationToken":    event.DenyTokenMissing,
	"Throttling":                    event.DenyRateLimited,
	"ThrottledException":            event.DenyRateLimited,
	"RequestLimitExceeded":          event.DenyRateLimited,
	"TooManyRequests":               event.DenyRateLimited,
	"RequestThrottled":              event.DenyRateLimited,
	"SlowDown":                      event.DenyRateLimited,
	"ProvisionedThroughputExceeded": event.DenyRateLimited,
}

// cloudtrailStatus gives the status that stands for an error code, and why the caller was refused. CloudTrail logs no
// status, and services answer one code with several: 200, 403, 429, 500 and 400 stand for done, refused, throttled,
// AWS's fault and any other error. The code itself is kept.
func cloudtrailStatus(code string) (status int64, deny string) {
	if code == "" {
		return 200, ""
	}
	name := strings.TrimPrefix(strings.TrimPrefix(code, "Client."), "Server.")
	deny, ok := cloudtrailCodes[name]
	if !ok {
		deny = cloudtrailCodes[strings.TrimSuffix(name, "Exception")]
	}
	switch {
	case deny == event.DenyRateLimited:
		return 429, deny
	case deny != "":
		return 403, deny
	case strings.HasPrefix(code, "Server."), strings.HasPrefix(name, "Internal"), strings.HasPrefix(name, "ServiceUnavailable"):
		return 500, ""
	}
	return 400, ""
}

// finish says who called what, and how it went.
func (t *cloudtrail) finish() {
	d := t.d
	d.r.Resource.Set(cloudAWS.Key, cloudAWS.Value)
	d.service = t.source
	// AWS names operations where others name paths: it is what was asked, in few values, and all that the skeleton
	// of an event keeps of it.
	d.route = t.source + "/" + t.name
	d.requestID = cmp.Or(t.requestID, t.eventID)
	_, session, _ := strings.Cut(t.principal, ":")
	d.userName = cmp.Or(t.user, session, t.role)

	a := &d.r.Auth
	if t.key != "" {
		a.CredentialID, a.Kind = t.key, kindAccessKey
	}
	// A role's session has a principal of its own; the role is what stays.
	a.Principal = cmp.Or(t.issuer, t.arn, t.principal)
	if d.status, d.deny = cloudtrailStatus(t.code); t.login == "Failure" {
		d.status, d.deny = 403, event.DenyTokenInvalid
	}
	if d.deny != "" {
		d.answeredBy = event.AnsweredByGateway
	}
	d.errorType = t.code
	a.Authenticated = a.Principal != "" && !unknownCaller(d.deny)
}

// unknownCaller reports whether a refusal means that the caller was not who it said.
func unknownCaller(deny string) bool {
	switch deny {
	case event.DenyTokenMissing, event.DenyTokenInvalid, event.DenyTokenExpired, event.DenyTokenRevoked:
		return true
	}
	return false
}
