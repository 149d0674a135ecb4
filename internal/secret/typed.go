package secret

import (
	"strings"

	"github.com/keytrail/keytrail/internal/event"
)

// typed lists the keys whose values come from a closed or parsed domain. A caller can choose a credential that
// equals one of them ("GET", its own address), so they are never scrubbed by exact value: otherwise the attacker
// would choose which evidence disappears.
var typed = keySet(
	event.KeyServiceName, event.KeyServiceNamespace, event.KeyDeploymentEnv,
	event.KeyMethod, event.KeyScheme, event.KeyServerAddress, event.KeyServerPort, event.KeyProtocolVersion,
	event.KeyRequestBodySize, event.KeyRequestSize, event.KeyRoute, event.KeyStatus, event.KeyRespBodySize,
	event.KeyRespSize, event.KeyClientAddress, event.KeyClientPort, event.KeyPeerAddress,
	event.KeyClientAS, event.KeyClientASOrg, event.KeyClientCountry,
	event.KeyEventID, event.KeyRequestKey, event.KeyTimeClaimed, event.KeyCapture, event.KeySource, event.KeyFormat,
	event.KeyAnsweredBy, event.KeyUpstreamStatus, event.KeyDenyReason, event.KeyDuration, event.KeyUpstreamTime,
	event.KeyRedaction, event.KeySanitized, event.KeyTokensDropped,
	event.KeyRingID, event.KeyRingEpoch, event.KeyRingCheck,
	event.KeyFingerprint, event.KeyFingerprintPrev, event.KeyPrincipal, event.KeyPrincipalPrev,
	event.KeyPrincipalClaimed, event.KeyPrincipalBasis, event.KeyOthers, event.KeyTokenScheme,
	event.KeyTokenFormat, event.KeyTokenChecksum, event.KeyTokenTruncated, event.KeyTokenVisibility,
	event.KeyTokenState, event.KeyOwnerPseudonym, event.KeyOwnerType,
	"http.method", "http.status_code", "http.scheme", "http.flavor", "net.peer.ip", "net.peer.port", "net.host.name",
	"net.host.port", "network.peer.port", "network.local.address", "network.local.port", "network.transport",
	"network.type", "network.protocol.name", "service.version", "service.instance.id", "http.client_ip",
)

// marks are what Keytrail itself says of a record: a record cut to its skeleton keeps them beside it.
var marks = keySet(
	event.KeyTimeClaimed, event.KeyFormat, event.KeyTokensDropped, event.KeyTokenTruncated, event.KeySanitized,
	event.KeyRingID, event.KeyRingEpoch, event.KeyRingCheck,
)

// Typed reports whether key holds a time, method, status, address, port, service, size or named route: what exact
// values never remove.
func Typed(key string) bool {
	_, ok := typed[key]
	return ok
}

// Skeleton reports whether key is kept of a record whose redaction failed. The client address among them is to be
// kept as event.Network gives it.
func Skeleton(key string) bool {
	_, ok := marks[key]
	return ok || event.Skeleton(key)
}

// wellTyped reports whether value looks like what its typed key promises. Only then is it spared by exact values:
// a method or a host name made of a whole token is no method and no host name. An address has dots or colons.
func wellTyped(key, value string) bool {
	switch key {
	case event.KeyMethod, "http.method":
		return len(value) <= longestMethod && methodLike(value)
	case event.KeyServerAddress, "net.host.name":
		return len(value) < longestBareHost || strings.ContainsAny(value, ".:")
	}
	return true
}

func methodLike(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; (c < 'A' || c > 'Z') && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

const (
	longestMethod   = 24 // UPDATEREDIRECTREF, the longest registered one, has 17
	longestBareHost = 20 // a name without a dot; longer ones are as likely a token in the Host header
)

func keySet(keys ...string) map[string]struct{} {
	m := make(map[string]struct{}, len(keys))
	for _, k := range keys {
		m[k] = struct{}{}
	}
	return m
}
