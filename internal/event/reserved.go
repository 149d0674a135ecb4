package event

import "strings"

// stamped lists the keys that only Keytrail itself may set. A producer that sends them is not believed: they are
// stripped on entry unless the call is marked trusted (see Trusted).
var stamped = []string{
	KeyEventID, KeyRequestKey, KeyRequestID, KeyTimeClaimed, KeyCapture, KeySource, KeyFormat, KeyHeadersOther,
	KeyAnsweredBy, KeyUpstreamStatus, KeyDenyReason, KeyDuration, KeyUpstreamTime, KeyRedaction, KeySanitized, KeyParseError,
	KeyRingID, KeyRingEpoch, KeyRingCheck, KeyTokensDropped,
	KeyFingerprint, KeyFingerprintPrev, KeyPrincipal, KeyPrincipalPrev, KeyPrincipalClaimed, KeyPrincipalBasis,
	KeyOthers, KeyCredentialID, KeyTokenScheme, KeyTokenLocation, KeyTokenFormat, KeyTokenChecksum, KeyTokenTruncated, KeyTokenVisibility, KeyTokenProofKey,
	KeyJWTIssuer, KeyJWTSubject, KeyJWTClientID, KeyJWTKeyID, KeyJWTID, KeyJWTScopes, KeyJWTAudience,
	KeyJWTExpiresAt, KeyJWTIssuedAt, KeyJWTAlgorithm, KeyJWTVerified,
	KeyOwnerID, KeyOwnerType, KeyOwnerName, KeyOwnerTeam, KeyOwnerContact, KeyOwnerSource, KeyOwnerAsOf,
	KeyOwnerPseudonym, KeyTokenID, KeyTokenName, KeyTokenScopes, KeyTokenCreatedAt, KeyTokenExpiresAt,
	KeyTokenRevokedAt, KeyTokenRotatedAt, KeyTokenRotatedFrom, KeyTokenExpiresIn, KeyTokenState,
	KeyAlertID, KeyAlertState, KeyAlertDetector, KeyAlertSeverity, KeyAlertReasons, KeyAlertObserved,
	KeyAlertBaseline, KeyAlertCount, KeyAlertExplanation, KeyAlertNext, KeyAlertStart, KeyAlertEnd,
}

// standard lists the semantic-convention keys an event commonly carries; only the decoder's interning needs them.
var standard = []string{
	KeyServiceName, KeyServiceNamespace, KeyDeploymentEnv, KeyMethod, KeyScheme, KeyPath, KeyQuery, KeyTemplate,
	KeyServerAddress, KeyServerPort, KeyProtocolVersion, KeyRequestBodySize, KeyRequestSize, KeyRoute, KeyStatus,
	KeyRespBodySize, KeyRespSize, KeyErrorType, KeyClientAddress, KeyClientPort, KeyPeerAddress, KeyUserAgent,
	KeyUserName, KeyClientAS, KeyClientASOrg, KeyClientCountry,
	PrefixRequestHeader + "host", PrefixRequestHeader + "authorization", PrefixRequestHeader + "user-agent",
	PrefixRequestHeader + "accept", PrefixRequestHeader + "content-type", PrefixRequestHeader + "content-length",
	PrefixRequestHeader + "x-forwarded-for", PrefixRequestHeader + "x-api-key", PrefixRequestHeader + "apikey",
	PrefixResponseHeader + "content-type", PrefixResponseHeader + "content-length",
}

var (
	reserved = index(stamped)
	known    = index(stamped, standard)
)

func index(lists ...[]string) map[string]string {
	m := make(map[string]string)
	for _, l := range lists {
		for _, k := range l {
			m[k] = k
		}
	}
	return m
}

// Reserved reports whether only Keytrail itself may set key.
func Reserved(key string) bool {
	if !strings.HasPrefix(key, PrefixToken) && !strings.HasPrefix(key, PrefixKeytrail) {
		return false
	}
	_, ok := reserved[key]
	return ok || strings.HasPrefix(key, PrefixTokenClaimed)
}

// ReservedKeys returns a copy of the list behind Reserved, for documentation and its test.
func ReservedKeys() []string { return append([]string(nil), stamped...) }
