package apilogreceiver

import "github.com/keytrail/keytrail/internal/event"

// The gateways whose way of asking is known.
const (
	gatewayNginx   = "nginx"
	gatewayCaddy   = "caddy"
	gatewayTraefik = "traefik"
	gatewayEnvoy   = "envoy"
)

func captureGateways() []string {
	return []string{gatewayNginx, gatewayCaddy, gatewayTraefik, gatewayEnvoy}
}

// askedBy says in which headers a gateway puts what it was asked; an empty name is not sent, and the captured request
// itself says it. The named headers are the gateway's, not the caller's: they become attributes and no headers.
type askedBy struct {
	target, method, scheme, host, port, protocol string
	client, clientPort                           string // empty: the right end of X-Forwarded-For
	requestID, bodySize                          string
	clientVerify, clientSubject                  string
	// below: the target is what follows the captured path.
	below bool
	// shadow: the host ends in -shadow, which Envoy appends to what it mirrors.
	shadow bool
	// added are further headers that the gateway writes over.
	added []string
}

// nginxAsked are the headers of config/gateways/nginx/capture.conf. nginx adds none by itself, so that file
// sets every one of them, empty where it has nothing to say.
var nginxAsked = askedBy{
	target: "X-Original-Uri", method: "X-Original-Method", scheme: "X-Original-Scheme",
	host: "X-Original-Host", port: "X-Original-Port", protocol: "X-Original-Protocol",
	client: "X-Real-Ip", clientPort: "X-Original-Client-Port",
	requestID: "X-Original-Request-Id", bodySize: "X-Original-Content-Length",
	clientVerify: "X-Original-Client-Verify", clientSubject: "X-Original-Client-Dn",
}

// forwardedAsked are the headers of Traefik's ForwardAuth and of Caddy's forward_auth; both write over what the caller
// sent under these names, unless they are told to trust it.
var forwardedAsked = askedBy{
	target: "X-Forwarded-Uri", method: "X-Forwarded-Method", scheme: "X-Forwarded-Proto", host: "X-Forwarded-Host",
	added: []string{"X-Forwarded-Port", "X-Forwarded-Server"},
}

// dialects says how each gateway asks, by the kind of capture.
var dialects = map[string]map[string]*askedBy{
	gatewayNginx: {event.CaptureAuth: &nginxAsked, event.CaptureMirror: &nginxAsked},
	gatewayCaddy: {
		event.CaptureAuth: &forwardedAsked,
		// Caddy mirrors nothing by itself; a plugin that does hands the request on as it is.
		event.CaptureMirror: {below: true, scheme: "X-Forwarded-Proto", host: "X-Forwarded-Host"},
	},
	gatewayTraefik: {
		event.CaptureAuth: &forwardedAsked,
		event.CaptureMirror: {
			below: true, scheme: "X-Forwarded-Proto", host: "X-Forwarded-Host",
			added: []string{"X-Forwarded-Port", "X-Forwarded-Server", "X-Real-Ip"},
		},
	},
	gatewayEnvoy: {
		event.CaptureAuth:   {below: true, scheme: "X-Forwarded-Proto", requestID: "X-Request-Id"},
		event.CaptureMirror: {below: true, scheme: "X-Forwarded-Proto", requestID: "X-Request-Id", shadow: true},
	},
}

// gatewaysOwn reports whether the gateway wrote a header rather than the caller.
func (a *askedBy) gatewaysOwn(name string) bool {
	for _, own := range [...]string{
		a.target, a.method, a.scheme, a.host, a.port, a.protocol, a.client, a.clientPort, a.requestID, a.bodySize,
		a.clientVerify, a.clientSubject, "Connection",
	} {
		if name == own {
			return true
		}
	}
	for _, own := range a.added {
		if name == own {
			return true
		}
	}
	return false
}
