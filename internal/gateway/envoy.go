package gateway

import (
	"strings"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/gateway/jsondoc"
)

// envoyFormat is Envoy's access log: the default line, Istio's line, and JSON with the names that Envoy Gateway and
// Istio give its fields, which are also those of an OTLP record's attributes. A value is a string, a number (Istio
// keeps the type) or null; an absent one is null or a dash.
var envoyFormat = &format{
	name:   FormatEnvoy,
	object: fillEnvoy,
	line:   fillEnvoyLine,
	isLine: isEnvoyLine,
	marks: []string{
		"response_flags", ":authority", "downstream_remote_address", "x-envoy-origin-path", "upstream_cluster",
		"response_code_details",
	},
	remedies: []Remedy{
		{
			Blind:  event.VisibilityNone,
			Advice: "the default log holds no header that carries a token: add those that do",
			Setting: "json_format:\n  authorization: \"%REQ(AUTHORIZATION)%\"\n  x-api-key: \"%REQ(X-API-KEY)%\"\n" +
				"  cookie: \"%REQ(COOKIE)%\"",
		},
		{
			Blind:   event.VisibilityTruncated,
			Advice:  "a length behind the header's name cuts the token: take it away",
			Setting: "authorization: \"%REQ(AUTHORIZATION)%\"",
		},
		{
			Blind:   event.VisibilityMasked,
			Advice:  "the log has a text in the token's place: log the header itself",
			Setting: "authorization: \"%REQ(AUTHORIZATION)%\"",
		},
	},
}

func fillEnvoy(d *draft) error {
	envoyDialect.fill(d, 0, "", 1)
	d.envoyAnswer()
	return nil
}

var envoyDialect = dialect{FormatEnvoy, envoyNames, headerByName}

var envoyNames = names{
	"start_time": instant(startField), "method": setMethod, "protocol": setProto,
	"path": setPath, "x_envoy_origin_path": setTarget, "x_envoy_original_path": setTarget,
	"authority": setHost, "host": setHost, "scheme": setScheme, "x_forwarded_proto": schemeAndHeader,
	"response_code": setStatus, "status": setStatus,
	"response_flags":         keepAs(func(d *draft) *string { return &d.envoy.flags }),
	"response_code_details":  keepAs(func(d *draft) *string { return &d.envoy.details }),
	"upstream_host":          keepAs(func(d *draft) *string { return &d.envoy.upstream }),
	"upstream_cluster":       setCluster,
	"bytes_received":         bytesOf(requestBodyField),
	"bytes_sent":             bytesOf(responseBodyField),
	"duration":               duration(durationField, 1e3),
	"upstream_service_time":  duration(upstreamDurationField, 1e3),
	"request_id":             setID,
	"x_request_id":           setID,
	"user_agent":             requestHeader("user-agent"),
	"x_forwarded_for":        requestHeader("x-forwarded-for"),
	"trace_id":               setTrace,
	"traceid":                setTrace,
	"span_id":                setSpan,
	"headers":                setHeaders(false),
	"request_headers":        setHeaders(false),
	"response_headers":       setHeaders(true),
	"downstream_remote_port": setClientPort,

	"x_envoy_upstream_service_time":    duration(upstreamDurationField, 1e3),
	"downstream_remote_address":        setClient,
	"downstream_direct_remote_address": setPeerAddress,
	"downstream_peer_fingerprint_256":  text(setMTLSFingerprint),
	"downstream_peer_subject":          text(func(d *draft, v string) { d.r.Auth.MTLSSubject = v }),
	"downstream_remote_address_without_port": first(func(d *draft) *string {
		return &d.client
	}),
}

// envoyAnswer is what Envoy says of who answered.
type envoyAnswer struct{ flags, details, upstream string }

// schemeAndHeader: x-forwarded-proto is what Envoy itself decides and sends on, and a header of the request.
func schemeAndHeader(d *draft, i int, n *jsondoc.Node) bool {
	setScheme(d, i, n)
	return headerByName(d, "x_forwarded_proto", n)
}

// setMTLSFingerprint takes the SHA-256 of a client certificate, in hexadecimal with or without colons. Whether Envoy
// verified it no field says: without trusted_ca, or with ACCEPT_UNTRUSTED, it takes any.
func setMTLSFingerprint(d *draft, v string) {
	d.r.Auth.MTLSFingerprint = strings.ToLower(strings.ReplaceAll(v, ":", ""))
}

// setPeerAddress takes the address:port that connected; behind trusted forwarded headers it is not the client's.
func setPeerAddress(d *draft, _ int, n *jsondoc.Node) bool {
	d.peer, _ = splitHostPort(textOf(n))
	return true
}

// setCluster names the service by the cluster: of Istio's outbound|80|subset|host the host.
func setCluster(d *draft, _ int, n *jsondoc.Node) bool {
	v := textOf(n)
	d.service = serviceOf(v)
	return d.service == v // the full cluster name stays with the rest
}

func serviceOf(cluster string) string {
	if parts := strings.Split(cluster, "|"); len(parts) == 4 && parts[3] != "" {
		return parts[3]
	}
	return cluster
}

// envoyLocal are the response flags of answers that Envoy gave itself; URX (the upstream's last answer after
// retries) and DC (the client went away) are not among them.
var envoyLocal = map[string]bool{
	"UAEX": true, "RL": true, "RLSE": true, "NR": true, "UH": true, "UF": true, "UO": true, "NC": true, "UT": true,
	"LH": true, "UC": true, "UR": true, "LR": true, "FI": true, "SI": true, "DPE": true, "UPE": true, "IH": true,
	"UMSDR": true, "OM": true, "DF": true, "DO": true, "RFCF": true, "NFCF": true, "DT": true, "DR": true,
}

func (d *draft) envoyAnswer() {
	e := &d.envoy
	local, flagged := false, e.flags != ""
	for flag := range strings.SplitSeq(e.flags, ",") {
		local = local || envoyLocal[strings.TrimSpace(flag)]
	}
	switch {
	case d.status == 0: // the connection ended before anybody answered
	case e.details == "via_upstream":
		d.answeredBy = event.AnsweredByUpstream
	case e.details != "" || local:
		d.answeredBy = event.AnsweredByGateway
	case e.upstream != "":
		d.answeredBy = event.AnsweredByUpstream
	case !flagged && e.upstream == "" && d.status >= 300:
		d.answeredBy = event.AnsweredByGateway
	}
	if d.answeredBy == event.AnsweredByGateway {
		d.deny = envoyReason(e.details, e.flags)
	}
}

// envoyDetails are the beginnings of %RESPONSE_CODE_DETAILS% that say why a caller was refused. Spaces in them are
// underscores in the log. The first that fits counts.
var envoyDetails = []struct{ prefix, reason string }{
	{"jwt_authn_access_denied{Jwt_is_missing", event.DenyTokenMissing},
	{"jwt_authn_access_denied{Jwt_is_expired", event.DenyTokenExpired},
	{"jwt_authn_access_denied", event.DenyTokenInvalid},
	{"missing_api_key", event.DenyTokenMissing},
	{"unknown_api_key", event.DenyTokenInvalid},
	{"multiple_api_key", event.DenyTokenInvalid},
	{"client_not_allowed", event.DenyScope},
	{"no_credential_for_basic_auth", event.DenyTokenMissing},
	{"invalid_credential_for_basic_auth", event.DenyTokenInvalid},
	{"invalid_format_for_basic_auth", event.DenyTokenInvalid},
	{"invalid_scheme_for_basic_auth", event.DenyTokenInvalid},
	{"rbac_access_denied", event.DenyScope},
	{"request_rate_limited", event.DenyRateLimited},
	{"local_rate_limited", event.DenyRateLimited},
	{"rate_limiter_error", event.DenyRateLimited},
	{"waf", event.DenyWAF},
	{"coraza", event.DenyWAF},
}

func envoyReason(details, flags string) string {
	for _, d := range envoyDetails {
		if strings.HasPrefix(details, d.prefix) {
			return d.reason
		}
	}
	for flag := range strings.SplitSeq(flags, ",") {
		if flag == "RL" || flag == "RLSE" {
			return event.DenyRateLimited
		}
	}
	return ""
}
