package event

// Names of the two kinds of records (the log record's EventName).
const (
	NameRequest = "keytrail.api.request"
	NameAnomaly = "keytrail.token.anomaly"
)

// OpenTelemetry semantic conventions used as they are.
const (
	KeyServiceName      = "service.name"
	KeyServiceNamespace = "service.namespace"
	KeyDeploymentEnv    = "deployment.environment.name"

	KeyMethod          = "http.request.method"
	KeyScheme          = "url.scheme"
	KeyPath            = "url.path"
	KeyQuery           = "url.query"
	KeyTemplate        = "url.template"
	KeyServerAddress   = "server.address"
	KeyServerPort      = "server.port"
	KeyProtocolVersion = "network.protocol.version"
	KeyRequestBodySize = "http.request.body.size"
	KeyRequestSize     = "http.request.size"
	KeyRoute           = "http.route"
	KeyStatus          = "http.response.status_code"
	KeyRespBodySize    = "http.response.body.size"
	KeyRespSize        = "http.response.size"
	KeyErrorType       = "error.type"
	KeyClientAddress   = "client.address"
	KeyClientPort      = "client.port"
	KeyPeerAddress     = "network.peer.address"
	KeyUserAgent       = "user_agent.original"
	KeyUserName        = "user.name"
	KeyClientAS        = "client.as.number"
	KeyClientASOrg     = "client.as.organization.name"
	KeyClientCountry   = "client.geo.country.iso_code"

	PrefixRequestHeader  = "http.request.header."
	PrefixResponseHeader = "http.response.header."
)

// Ours. Every key under these two prefixes that stands below is reserved: see Reserved.
const (
	PrefixToken    = "token."
	PrefixKeytrail = "keytrail."

	KeyEventID        = "keytrail.event.id"
	KeyRequestKey     = "keytrail.request.key"
	KeyRequestID      = "keytrail.request.id"
	KeyTimeClaimed    = "keytrail.time.claimed"
	KeyCapture        = "keytrail.capture"
	KeySource         = "keytrail.source"
	KeyFormat         = "keytrail.format"
	KeyHeadersOther   = "keytrail.headers.other"
	KeyAnsweredBy     = "keytrail.answered_by"
	KeyUpstreamStatus = "keytrail.upstream.status_code"
	KeyDenyReason     = "keytrail.deny.reason"
	KeyDuration       = "keytrail.duration"
	KeyUpstreamTime   = "keytrail.upstream.duration"
	KeyRedaction      = "keytrail.redaction"
	KeySanitized      = "keytrail.sanitized"
	KeyParseError     = "keytrail.parse.error" // why a line of a parsed log was kept as it stands

	KeyRingID    = "keytrail.ring.id"    // scope attribute
	KeyRingEpoch = "keytrail.ring.epoch" // scope attribute
	KeyRingCheck = "keytrail.ring.kcv"   // scope attribute

	KeyFingerprint      = "token.fingerprint"
	KeyFingerprintPrev  = "token.fingerprint.previous"
	KeyPrincipal        = "token.principal"
	KeyPrincipalPrev    = "token.principal.previous"
	KeyPrincipalClaimed = "token.principal.claimed"
	KeyPrincipalBasis   = "token.principal.basis"
	KeyOthers           = "token.others"
	KeyCredentialID     = "token.credential_id"
	KeyTokenScheme      = "token.scheme"
	KeyTokenLocation    = "token.location"
	KeyTokenFormat      = "token.format"
	KeyTokenChecksum    = "token.checksum"
	KeyTokenTruncated   = "token.truncated"
	KeyTokenVisibility  = "token.visibility"
	KeyTokenProofKey    = "token.dpop.thumbprint"
	KeyJWTIssuer        = "token.jwt.issuer"
	KeyJWTSubject       = "token.jwt.subject"
	KeyJWTClientID      = "token.jwt.client_id"
	KeyJWTKeyID         = "token.jwt.key_id"
	KeyJWTID            = "token.jwt.id"
	KeyJWTScopes        = "token.jwt.scopes"
	KeyJWTAudience      = "token.jwt.audience"
	KeyJWTExpiresAt     = "token.jwt.expires_at"
	KeyJWTIssuedAt      = "token.jwt.issued_at"
	KeyJWTAlgorithm     = "token.jwt.algorithm"
	KeyJWTVerified      = "token.jwt.verified"
	KeyOwnerID          = "token.owner.id"
	KeyOwnerType        = "token.owner.type"
	KeyOwnerName        = "token.owner.name"
	KeyOwnerTeam        = "token.owner.team"
	KeyOwnerContact     = "token.owner.contact"
	KeyOwnerSource      = "token.owner.source"
	KeyOwnerAsOf        = "token.owner.as_of"
	KeyOwnerPseudonym   = "token.owner.pseudonym"
	KeyTokenID          = "token.id"
	KeyTokenName        = "token.name"
	KeyTokenScopes      = "token.scopes"
	KeyTokenCreatedAt   = "token.created_at"
	KeyTokenExpiresAt   = "token.expires_at"
	KeyTokenRevokedAt   = "token.revoked_at"
	KeyTokenExpiresIn   = "token.expires_in_days"
	KeyTokenState       = "token.state"
	KeyTokensDropped    = "keytrail.tokens.dropped" // credentials beyond the eight of one request
	KeyAlertID          = "keytrail.alert.id"
	KeyAlertState       = "keytrail.alert.state"
	KeyAlertDetector    = "keytrail.alert.detector"
	KeyAlertSeverity    = "keytrail.alert.severity"
	KeyAlertReasons     = "keytrail.alert.reasons"
	KeyAlertObserved    = "keytrail.alert.observed"
	KeyAlertBaseline    = "keytrail.alert.baseline"
	KeyAlertCount       = "keytrail.alert.count"
	KeyAlertExplanation = "keytrail.alert.explanation"
	KeyAlertNext        = "keytrail.alert.next"
	KeyAlertStart       = "keytrail.alert.start"
	KeyAlertEnd         = "keytrail.alert.end"
	PrefixTokenClaimed  = "token.claimed."
	ScopeName           = "github.com/keytrail/keytrail"
)

// Values of the closed sets.
const (
	CaptureLog    = "log"
	CaptureSpan   = "span"
	CaptureMirror = "mirror"
	CaptureAuth   = "auth"

	RedactionDone   = "done"
	RedactionFailed = "failed"

	BasisVerified   = "verified"
	BasisGateway    = "gateway"
	BasisCredential = "credential"

	AnsweredByGateway  = "gateway"
	AnsweredByUpstream = "upstream"

	DenyTokenMissing = "token_missing"
	DenyTokenInvalid = "token_invalid"
	DenyTokenExpired = "token_expired"
	DenyTokenRevoked = "token_revoked"
	DenyScope        = "scope"
	DenyRateLimited  = "rate_limited"
	DenyWAF          = "waf"
	DenyUpstream     = "upstream"
	DenyUnknown      = "unknown"

	StateActive  = "active"
	StateExpired = "expired"
	StateRevoked = "revoked"
	StateUnknown = "unknown"

	SourceOther = "other"
)

// How much of a request's credential its record shows: the values of token.visibility, which stands only where the
// credential itself was not seen, and of the receiver's metric of it.
const (
	VisibilityVisible   = "visible"   // the credential itself
	VisibilityMasked    = "masked"    // a placeholder, or a part hidden by the sender
	VisibilityTruncated = "truncated" // its beginning
	VisibilityID        = "id"        // only the gateway's id of it
	VisibilityNone      = "none"      // nothing
)

// MaxHeaders is how many request headers an event keeps as attributes of their own; the rest fold into
// KeyHeadersOther. More than any browser or SDK sends, few enough that a header flood stays one event.
const MaxHeaders = 128
