package main

import (
	"fmt"
	"time"

	"github.com/keytrail/keytrail/internal/event"
)

// kongRecord is a Kong http-log record of about 1.2 KB, the size people see with default fields and ten headers.
func kongRecord(n, tokens int, at time.Time) []byte {
	return fmt.Appendf(nil, `{"request":{"id":"%032x","uri":"/v1/orders/%d?page=2","url":"https://api.example.com:443/v1/orders/%d?page=2",`+
		`"querystring":{"page":"2"},"method":"GET","size":412,"headers":{"host":"api.example.com","user-agent":"orders-sync/3.1 (linux)",`+
		`"accept":"application/json","accept-encoding":"gzip","x-forwarded-for":"10.20.1.%d","x-forwarded-proto":"https","content-type":"application/json",`+
		`"x-request-start":"t=1790000000","x-api-key":"bench-token-%012d"},"tls":{"version":"TLSv1.3","cipher":"TLS_AES_256_GCM_SHA384","client_verify":"NONE"}},`+
		`"upstream_uri":"/orders/%d?page=2","upstream_status":"200","response":{"status":200,"size":1834,"headers":{"content-type":"application/json; charset=utf-8",`+
		`"content-length":"1512","x-kong-upstream-latency":"12"}},"latencies":{"kong":1,"proxy":12,"request":14,"receive":1},"tries":[{"ip":"10.1.2.3","port":8080,"balancer_latency":0}],`+
		`"route":{"id":"9f3b1c1e-0000-4000-8000-0000000000b2","name":"orders-v1"},"service":{"id":"5a8b1c1e-0000-4000-8000-0000000000a1","name":"orders","host":"orders.internal","port":8080,"protocol":"http"},`+
		`"client_ip":"10.20.%d.%d","started_at":%d,"source":"upstream","workspace_name":"default"}`,
		n, 100000+n%900000, 100000+n%900000, n%250, n%tokens, 100000+n%900000, n%100, n%250, at.UnixMilli())
}

func kongBody(from, records, tokens int, at time.Time) []byte {
	var b []byte
	for i := range records {
		b = append(append(b, kongRecord(from+i, tokens, at)...), 0x0a)
	}
	return b
}

// cleanEvent has the 29 attributes of an event without any secret, as another receiver would deliver it.
func cleanEvent(n int) event.Attrs {
	a := event.Attrs{
		{Key: event.KeyMethod, Value: event.String("GET")}, {Key: event.KeyScheme, Value: event.String("https")},
		{Key: event.KeyPath, Value: event.String(fmt.Sprintf("/v1/orders/%d", 100000+n))}, {Key: event.KeyQuery, Value: event.String("page=2&sort=created")},
		{Key: event.KeyServerAddress, Value: event.String("api.example.com")}, {Key: event.KeyServerPort, Value: event.Int(443)},
		{Key: event.KeyProtocolVersion, Value: event.String("2")}, {Key: event.KeyRequestSize, Value: event.Int(412)},
		{Key: event.KeyStatus, Value: event.Int(200)}, {Key: event.KeyRespSize, Value: event.Int(1834)},
		{Key: event.KeyRoute, Value: event.String("/v1/orders/{id}")}, {Key: event.KeyClientAddress, Value: event.String(fmt.Sprintf("10.20.1.%d", n%250))},
		{Key: event.KeyClientPort, Value: event.Int(40000)}, {Key: event.KeyUserAgent, Value: event.String("orders-sync/3.1 (linux)")},
	}
	for _, h := range []string{"accept", "accept-encoding", "accept-language", "cache-control", "content-length", "content-type", "host", "origin", "via", "x-forwarded-host", "x-forwarded-proto", "x-request-start", "x-trace", "x-tenant", "x-version"} {
		a.Add(event.PrefixRequestHeader+h, event.String(fmt.Sprintf("%s value of request %d", h, n)))
	}
	return a
}
