package gateway

import (
	"net/netip"
	"strings"
)

// The two line forms that the console of API Gateway offers. The path in them is the resource's, parameters in
// braces: the route.
//
//	CLF: $ip $caller $user [$requestTime]"$httpMethod $resourcePath $protocol" $status $responseLength $requestId [$extendedRequestId]
//	CSV: $ip,$caller,$user,$requestTime,$httpMethod,$resourcePath,$protocol,$status,$responseLength,$requestId[,$extendedRequestId]
//
// What tells the first from the combined format of nginx is that no blank stands between time and request.

// apigatewayFields of a line, in the order of CSV.
type apigatewayFields struct {
	ip, caller, user, time, method, resource, protocol, status, length, id, extended string
}

func isAPIGatewayLine(s string) bool {
	_, ok := cutAPIGateway(s)
	return ok
}

func fillAPIGatewayLine(d *draft) error {
	f, ok := cutAPIGateway(d.text)
	if !ok {
		return reject(ReasonUnknownFormat)
	}
	d.start, d.status, d.client = parseTime(f.time), statusOf(f.status), f.ip
	d.setMethod(f.method, "httpMethod")
	d.setProto(f.protocol)
	d.responseBody = size(f.length)
	d.apigateway.requestID, d.requestID = f.id, dashed(f.extended)
	d.userName = dashed(f.user)
	d.rest.string("caller", f.caller)
	if strings.HasPrefix(f.resource, "/") && !strings.Contains(f.resource, "+}") {
		d.route = f.resource
	} else {
		d.rest.string("resourcePath", f.resource)
	}
	d.apigatewayAnswer()
	return nil
}

// dashed is nothing for the dash that stands for nothing.
func dashed(v string) string {
	if v == "-" {
		return ""
	}
	return v
}

func cutAPIGateway(s string) (f apigatewayFields, ok bool) {
	if head, tail, clf := strings.Cut(s, `]"`); clf {
		f, ok = cutCLF(head, tail)
	} else {
		f, ok = cutCSV(s)
	}
	// The address is what keeps a caller's text in another gateway's line from passing for a line of this one: such a
	// line goes on behind its first blank.
	_, err := netip.ParseAddr(f.ip)
	return f, ok && err == nil && statusOf(f.status) != 0 && !parseTime(f.time).IsZero()
}

func cutCLF(head, tail string) (f apigatewayFields, ok bool) {
	who, when, ok := strings.Cut(head, " [")
	request, rest, closed := strings.Cut(tail, `" `)
	if !ok || !closed {
		return f, false
	}
	f.time = when
	f.ip, who, _ = strings.Cut(who, " ")
	f.caller, f.user, _ = strings.Cut(who, " ")
	parts := strings.Fields(request)
	if len(parts) != 3 {
		return f, false
	}
	f.method, f.resource, f.protocol = parts[0], parts[1], parts[2]
	parts = strings.Fields(rest)
	if len(parts) < 3 || len(parts) > 4 {
		return f, false
	}
	f.status, f.length, f.id = parts[0], parts[1], parts[2]
	if len(parts) == 4 {
		f.extended = parts[3]
	}
	return f, true
}

func cutCSV(s string) (f apigatewayFields, ok bool) {
	if n := strings.Count(s, ","); n != 9 && n != 10 {
		return f, false
	}
	next := func() (v string) {
		v, s, _ = strings.Cut(s, ",")
		return strings.TrimSpace(v)
	}
	return apigatewayFields{next(), next(), next(), next(), next(), next(), next(), next(), next(), next(), next()}, true
}
