package gateway

import (
	"strings"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/gateway/jsondoc"
)

// apigatewayFormat is the access log of Amazon API Gateway: a template of the user's, in JSON with the names of AWS's
// examples and of the common modules, or in the CLF and CSV forms that the console offers.
var apigatewayFormat = &format{
	name:   FormatAPIGateway,
	object: fillAPIGateway,
	line:   fillAPIGatewayLine,
	isLine: isAPIGatewayLine,
	marks: []string{
		"extendedRequestId", "httpMethod", "resourcePath", "responseLength", "requestTimeEpoch", "requestTime",
		"routeKey", "apiKeyId", "integrationLatency", "integrationStatus", "authorizerError", "wafResponseCode",
		"errorResponseType",
	},
	remedies: []Remedy{
		{
			Blind:  event.VisibilityNone,
			Advice: "No variable of an access log holds a header: log the ids of what API Gateway checked.",
			Setting: `# Terraform, aws_api_gateway_stage: access_log_settings.format = jsonencode({ ..., as below })
apiKeyId      = "$context.identity.apiKeyId"
clientSubject = "$context.identity.clientCert.subjectDN"
accessKey     = "$context.identity.accessKey"
principalId   = "$context.authorizer.principalId"
`,
		},
		{
			Blind:  event.VisibilityID,
			Advice: "Let the Lambda authorizer give the SHA-256 of the token it checked: it leads to the token's own fingerprint.",
			Setting: `# Lambda authorizer (Python): token without its scheme word; of a JWT only header.payload
return {"principalId": sub, "policyDocument": policy, "context": {"tokenSha256": hashlib.sha256(token.encode()).hexdigest()}}
# access log format
tokenSha256 = "$context.authorizer.tokenSha256"
`,
		},
	},
}

func fillAPIGateway(d *draft) error {
	apigatewayDialect.fill(d, 0, "", 1)
	d.apigatewayAnswer()
	return nil
}

var apigatewayDialect = dialect{FormatAPIGateway, apigatewayNames, apigatewayField}

// apigatewayNames are what templates call the $context variables: the last part of the variable, or all of it with
// or without separators.
var apigatewayNames = spread(map[string]setter{
	"requesttimeepoch":                  setMillis,
	"requesttime timestamp time":        instant(startField),
	"extendedrequestid":                 text(func(d *draft, v string) { d.requestID = v }),
	"requestid request_id":              keepText(func(d *draft) *string { return &d.apigateway.requestID }),
	"httpmethod http_method method":     setMethod,
	"path request_path requestpath":     setTarget,
	"resourcepath resource_path":        setResource,
	"routekey route_key":                setRouteKey,
	"protocol":                          setProto,
	"domainname domain_name host":       setHost,
	"status statuscode status_code":     setStatus,
	"responselength response_length":    bytesOf(responseBodyField),
	"responselatency response_latency":  duration(durationField, 1e3),
	"ip sourceip source_ip identity_ip": setClient, "identity_sourceip identitysourceip": setClient,
	"useragent user_agent identity_useragent identityuseragent": requestHeader("user-agent"),
	"user identity_user identityuser":                           setUser,
	"integrationlatency integration_latency":                    duration(upstreamDurationField, 1e3),
	"integrationresponselatency integration_responselatency":    duration(upstreamDurationField, 1e3),
	"integration_status":                                        setIntegrationStatus,
	"integrationstatus integration_integrationstatus":           noteIntegration,

	"apikey api_key identity_apikey identityapikey":          setAPIKey,
	"apikeyid api_key_id identity_apikeyid identityapikeyid": credentialOf(FormatAPIGateway),
	"accesskey identity_accesskey identityaccesskey":         credentialOf(kindAccessKey),
	"tokensha256 token_sha256 authorizer_tokensha256": text(func(d *draft, v string) {
		d.r.Auth.TokenSHA256 = v
	}),
	"clientcertsubject clientcertsubjectdn subjectdn clientsubject clientsubjectdn client_cert_subject": setSubject,
	"identity_clientcert_subjectdn identityclientcertsubjectdn":                                         setSubject,
	"principalid principal_id authorizer_principalid authorizerprincipalid":                             setPrincipal,
	"userarn callerarn identity_userarn identityuserarn":                                                keepText(func(d *draft) *string { return &d.apigateway.arn }),
	"xraytraceid xray_trace_id x_ray_trace_id":                                                          setXRay,

	"errorresponsetype error_responsetype responsetype error_response_type errortype": keepAs(func(d *draft) *string {
		return &d.apigateway.responseType
	}),
	"errormessage error_message error_messagestring": keepAs(func(d *draft) *string { return &d.apigateway.message }),
	"authorizererror authorizer_error authorizeerror authorize_error": keepAs(func(d *draft) *string {
		return &d.apigateway.authorizer
	}),
	"wafresponsecode waf_response_code wafresponse": keepAs(func(d *draft) *string { return &d.apigateway.waf }),
})

// spread makes one entry of each of the names of a key.
func spread(m map[string]setter) names {
	out := names{}
	for list, set := range m {
		for name := range strings.FieldsSeq(list) {
			out[name] = set
		}
	}
	return out
}

// apigatewayField takes the fields of an authorizer's or an integration's errors under an error object.
func apigatewayField(d *draft, name string, n *jsondoc.Node) bool {
	if name == "error" && n.Kind == jsondoc.String {
		d.apigateway.message = textOf(n)
	}
	return false
}

// keepText notes a text and says that it was taken; what does not become an attribute is put with the rest later.
func keepText(field func(d *draft) *string) setter {
	return text(func(d *draft, v string) { *field(d) = v })
}

// setMillis prefers the time in milliseconds, wherever in the record it stands.
func setMillis(d *draft, _ int, n *jsondoc.Node) bool {
	t := parseMillis(textOf(n))
	if t.IsZero() {
		return textOf(n) == ""
	}
	d.start = t
	return true
}

// setResource takes the resource's path, which is the route, parameters in braces. A greedy resource takes whatever
// comes and says nothing of the operation: a derived template says more.
func setResource(d *draft, _ int, n *jsondoc.Node) bool {
	v := textOf(n)
	if !strings.HasPrefix(v, "/") || strings.Contains(v, "+}") {
		return v == ""
	}
	d.route = v
	return true
}

// setRouteKey takes a route of an HTTP API: GET /orders/{id}, or $default.
func setRouteKey(d *draft, i int, n *jsondoc.Node) bool {
	_, path, ok := strings.Cut(textOf(n), " ")
	if !ok || !strings.HasPrefix(path, "/") || strings.Contains(path, "+}") {
		return false
	}
	d.route = path
	return false // with its method it stays with the rest
}

func setIntegrationStatus(d *draft, _ int, n *jsondoc.Node) bool {
	d.upstreamStatus = statusOf(textOf(n))
	d.apigateway.integrated = d.apigateway.integrated || d.upstreamStatus != 0
	return d.upstreamStatus != 0
}

// noteIntegration: $context.integrationStatus is, for a Lambda function, the status of Lambda itself and not of what
// the function answered; it only shows that the integration was called.
func noteIntegration(d *draft, _ int, n *jsondoc.Node) bool {
	d.apigateway.integrated = d.apigateway.integrated || statusOf(textOf(n)) != 0
	return false
}

// setAPIKey takes the raw key, which a template should not log, under the header it came in.
func setAPIKey(d *draft, _ int, n *jsondoc.Node) bool {
	v := textOf(n)
	if v == "" {
		d.apigateway.keyless = true
		return true
	}
	d.headers.add("x-api-key", v)
	return true
}

// credentialOf takes the gateway's own id of the credential; the first of a record counts.
func credentialOf(kind string) setter {
	return text(func(d *draft, v string) {
		if d.r.Auth.CredentialID == "" {
			d.r.Auth.CredentialID, d.r.Auth.Kind = v, kind
		}
	})
}

var (
	setSubject = text(func(d *draft, v string) { // of a trust store: another certificate does not get this far
		d.r.Auth.MTLSSubject, d.r.Auth.MTLSVerified = v, true
	})
	setPrincipal = text(func(d *draft, v string) { d.r.Auth.Principal = v })
	setXRay      = text(func(d *draft, v string) { d.xray(v) })
)

// xray takes a trace id of X-Ray, 1-<8 hex>-<24 hex>, in which the first part is the time.
func (d *draft) xray(v string) {
	if len(v) == 35 && v[:2] == "1-" && v[10] == '-' {
		d.trace(v[2:10]+v[11:], "")
	}
}
