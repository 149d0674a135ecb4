package event

import "net/netip"

// KeyAgentFamily is the semantic convention's name of the program behind a user agent, without its details: all that
// the skeleton keeps of it.
const KeyAgentFamily = "user_agent.name"

// skeleton lists what may be kept long of an event, and what is left of one whose redaction failed: pseudonymous,
// without path, query, agent, headers, claims, names or ids that others can look up.
var skeleton = index([]string{
	KeyServiceName, KeyServiceNamespace, KeyDeploymentEnv,
	KeyEventID, KeySource, KeyCapture, KeyRedaction,
	KeyMethod, KeyRoute, KeyTemplate, KeyStatus,
	KeyAnsweredBy, KeyUpstreamStatus, KeyDenyReason, KeyErrorType, KeyDuration, KeyUpstreamTime,
	KeyRequestBodySize, KeyRequestSize, KeyRespBodySize, KeyRespSize,
	KeyFingerprint, KeyFingerprintPrev, KeyOthers, KeyPrincipal, KeyPrincipalPrev, KeyPrincipalClaimed, KeyPrincipalBasis,
	KeyTokenScheme, KeyTokenLocation, KeyTokenFormat, KeyTokenChecksum, KeyTokenVisibility, KeyTokenState, KeyTokenRotatedFrom,
	KeyOwnerPseudonym, KeyClientAddress, KeyClientAS, KeyClientASOrg, KeyClientCountry, KeyAgentFamily,
	KeyAlertID, KeyAlertState, KeyAlertDetector, KeyAlertSeverity, KeyAlertReasons, KeyAlertObserved, KeyAlertBaseline,
	KeyAlertCount, KeyAlertExplanation, KeyAlertNext, KeyAlertStart, KeyAlertEnd,
})

// Skeleton reports whether key is one of the pseudonymous fields of an event. The client address among them is kept
// as Network gives it.
func Skeleton(key string) bool {
	_, ok := skeleton[key]
	return ok
}

// Network returns the network of an address, with or without a port: /24 of IPv4, /48 of IPv6, in prefix form, so that
// nobody takes it for an address. It is empty where the text is no address.
func Network(address string) string {
	a, err := netip.ParseAddr(address)
	if err != nil {
		ap, err := netip.ParseAddrPort(address)
		if err != nil {
			return ""
		}
		a = ap.Addr()
	}
	a = a.Unmap().WithZone("")
	bits := 48
	if a.Is4() {
		bits = 24
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return ""
	}
	return p.String()
}
