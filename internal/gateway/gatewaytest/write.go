package gatewaytest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Writer writes a request as one gateway logs it.
type Writer struct {
	Name   string // of the style; several styles may be of one format
	Format string
	// Headers means that the log shows request headers.
	Headers bool
	Write   func(Request) string
}

// Writers are the styles of all gateways that show a credential where the caller put it.
var Writers = []Writer{
	{"kong", "kong", true, kong},
	{"apisix", "apisix", true, apisix},
	{"traefik", "traefik", true, traefik},
	{"envoy", "envoy", true, envoy},
	{"nginx", "nginx", true, nginx},
	{"combined", "nginx", false, combined},
	{"haproxy", "haproxy", false, haproxy},
	{"haproxy json", "haproxy", true, haproxyJSON},
	{"caddy", "caddy", true, caddy},
	{"cloudflare", "cloudflare", true, cloudflare},
	{"alb", "alb", false, alb},
	{"gcp", "gcp", false, gcp},
	{"azure", "azure", false, azure},
	{"tyk", "tyk", true, tyk},
	{"logfmt", "logfmt", true, logfmt},
	{"json", "json", true, plain},
}

type object = map[string]any

// text writes JSON as a gateway does: without the escapes for HTML.
func text(v any) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(err) // maps of strings and numbers always encode
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func values(query string) object {
	args, _ := url.ParseQuery(query)
	o := object{}
	for k, v := range args {
		o[k] = v[0]
	}
	return o
}

func kong(r Request) string {
	return text(object{
		"request": object{
			"id": r.ID, "method": r.Method, "uri": r.Target, "url": r.url(), "querystring": values(r.query()),
			"headers": r.headers(), "size": 321,
		},
		"response":     object{"status": r.Status, "size": 512, "headers": object{"content-type": "application/json"}},
		"upstream_uri": r.Target, "latencies": object{"kong": 1, "proxy": 11, "request": 12},
		"client_ip": r.Client, "started_at": r.Time.UnixMilli(), "service": object{"name": "orders"}, "source": "upstream",
	})
}

func apisix(r Request) string {
	return text(object{
		"request": object{
			"url": "http://" + host + ":9080" + r.Target, "uri": r.Target, "method": r.Method, "headers": r.headers(),
			"querystring": values(r.query()), "size": 321,
		},
		"response": object{"status": r.Status, "headers": object{"x-request-id": r.ID}, "size": 512},
		"server":   object{"hostname": "gw-1", "version": "3.9.0"}, "upstream": "10.1.0.4:80", "service_id": "orders",
		"route_id": "1", "client_ip": r.Client, "start_time": r.Time.UnixMilli(), "latency": 12.5, "upstream_latency": 11,
		"apisix_latency": 1.5,
	})
}

func traefik(r Request) string {
	o := object{
		"StartUTC": r.Time.UTC().Format("2006-01-02T15:04:05.999999999Z07:00"), "RequestMethod": r.Method,
		"RequestPath": r.Target, "RequestProtocol": "HTTP/1.1", "RequestHost": host, "DownstreamStatus": r.Status,
		"OriginStatus": r.Status, "Duration": 12_000_000, "ClientHost": r.Client, "ClientAddr": r.Client + ":4000",
		"ServiceName": "orders@docker", "RouterName": "orders",
	}
	for k, v := range r.headers() {
		o["request_"+k] = v
	}
	return text(o)
}

func envoy(r Request) string {
	o := object{
		"start_time": r.Time.UTC().Format("2006-01-02T15:04:05.000Z"), "method": r.Method, "x-envoy-origin-path": r.Target,
		"protocol": "HTTP/1.1", "response_code": strconv.Itoa(r.Status), "response_flags": "-", "bytes_received": "0",
		"bytes_sent": "512", "duration": "12", "x-request-id": r.ID, ":authority": host, "upstream_cluster": "orders",
		"downstream_remote_address": r.Client + ":4000", "route_name": nil,
	}
	for k, v := range r.headers() {
		if k != "host" {
			o[k] = v
		}
	}
	return text(o)
}

func nginx(r Request) string {
	o := object{
		"time": r.Time.UTC().Format("2006-01-02T15:04:05Z07:00"), "request_id": r.ID, "remote_addr": r.Client,
		"request": r.Method + " " + r.Target + " HTTP/1.1", "request_uri": r.Target, "status": strconv.Itoa(r.Status),
		"host": host,
	}
	for k, v := range r.headers() {
		if k != "host" {
			o["http_"+strings.ReplaceAll(k, "-", "_")] = v
		}
	}
	return text(o)
}

func combined(r Request) string {
	return fmt.Sprintf(`%s - - [%s] "%s %s HTTP/1.1" %d 512 "-" "curl/8.5.0 %s"`,
		r.Client, r.Time.UTC().Format("02/Jan/2006:15:04:05 -0700"), r.Method, r.Target, r.Status, r.ID)
}

func haproxy(r Request) string {
	return fmt.Sprintf(`%s:4000 [%s] api~ orders/o1 0/0/1/11/12 %d 512 - - ---- 1/1/0/0/0 0/0 "%s %s HTTP/1.1"`,
		r.Client, r.Time.UTC().Format("02/Jan/2006:15:04:05.000"), r.Status, r.Method, r.Target)
}

func haproxyJSON(r Request) string {
	o := object{
		"client_ip": r.Client, "client_port": 4000, "request_date": r.Time.UTC().Format("02/Jan/2006:15:04:05.000"),
		"fe_name_transport": "api~", "be_name": "orders", "server_name": "o1", "time_request": 0, "time_response": 11,
		"time_active": 12, "status_code": r.Status, "bytes_read": 512, "termination_state": "----", "unique_id": r.ID,
		"http_request": r.Method + " " + r.Target + " HTTP/1.1",
	}
	for k, v := range r.headers() {
		o["hdr_"+strings.ReplaceAll(k, "-", "_")] = v
	}
	return text(o)
}

func caddy(r Request) string {
	headers := object{}
	for k, v := range r.headers() {
		if k != "host" {
			headers[canonical(k)] = []string{v}
		}
	}
	return text(object{
		"level": "info", "ts": float64(r.Time.UnixMilli()) / 1000, "logger": "http.log.access.log0", "msg": "handled request",
		"request": object{
			"remote_ip": r.Client, "remote_port": "4000", "client_ip": r.Client, "proto": "HTTP/2.0", "method": r.Method,
			"host": host, "uri": r.Target, "headers": headers,
		},
		"bytes_read": 0, "user_id": "", "duration": 0.012, "size": 512, "status": r.Status,
		"resp_headers": object{"X-Request-Id": []string{r.ID}},
	})
}

func canonical(name string) string {
	parts := strings.Split(name, "-")
	for i, p := range parts {
		parts[i] = strings.ToUpper(p[:1]) + p[1:]
	}
	return strings.Join(parts, "-")
}

func cloudflare(r Request) string {
	headers := r.headers()
	cookies := object{}
	for pair := range strings.SplitSeq(headers["cookie"], "; ") {
		if name, v, ok := strings.Cut(pair, "="); ok {
			cookies[name] = v
		}
	}
	delete(headers, "cookie")
	return text(object{
		"RayID": r.ID, "EdgeStartTimestamp": r.Time.UTC().Format("2006-01-02T15:04:05Z"), "ClientIP": r.Client,
		"ClientRequestHost": host, "ClientRequestMethod": r.Method, "ClientRequestURI": r.Target,
		"ClientRequestPath": r.path(), "ClientRequestScheme": "https", "ClientRequestProtocol": "HTTP/2",
		"EdgeResponseStatus": r.Status, "OriginResponseStatus": r.Status, "EdgeResponseBytes": 512,
		"ZoneName": "example.com", "RequestHeaders": headers, "ResponseHeaders": object{}, "Cookies": cookies,
	})
}

func alb(r Request) string {
	at := r.Time.UTC().Format("2006-01-02T15:04:05.000000Z")
	return fmt.Sprintf(`https %s app/orders/50dc6c495c0c9188 %s:4000 10.1.0.4:80 0.000 0.011 0.000 %d %d 321 512 `+
		`"%s https://%s:443%s HTTP/1.1" "curl/8.5.0 %s" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 `+
		`arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/orders/73e2d6bc24d8a067 `+
		`"Root=1-58337262-36d228ad5d99923122bbe354" "%s" "-" 0 %s "forward" "-" "-" "10.1.0.4:80" "%d" "-" "-"`,
		at, r.Client, r.Status, r.Status, r.Method, host, r.Target, r.ID, host, at, r.Status)
}

func gcp(r Request) string {
	return text(object{
		"insertId": r.ID, "timestamp": r.Time.UTC().Format("2006-01-02T15:04:05.999999999Z07:00"),
		"logName":  "projects/acme/logs/requests",
		"resource": object{"type": "http_load_balancer", "labels": object{"project_id": "acme"}},
		"httpRequest": object{
			"requestMethod": r.Method, "requestUrl": r.url(), "status": r.Status, "responseSize": "512",
			"userAgent": "curl/8.5.0", "remoteIp": r.Client, "latency": "0.012s",
		},
	})
}

func azure(r Request) string {
	return text(object{
		"time": r.Time.UTC().Format("2006-01-02T15:04:05.9999999Z"), "category": "GatewayLogs",
		"operationName":   "Microsoft.ApiManagement/GatewayLogs",
		"resourceId":      "/SUBSCRIPTIONS/0/RESOURCEGROUPS/ACME/PROVIDERS/MICROSOFT.APIMANAGEMENT/SERVICE/ACME",
		"callerIpAddress": r.Client, "correlationId": r.ID, "durationMs": 12,
		"properties": object{
			"method": r.Method, "url": r.url(), "responseCode": r.Status, "backendResponseCode": r.Status,
			"backendMethod": r.Method, "backendUrl": "http://orders.internal" + r.Target, "apiId": "orders",
			"responseSize": 512, "requestSize": 321,
		},
	})
}

func tyk(r Request) string {
	var raw strings.Builder
	fmt.Fprintf(&raw, "%s %s HTTP/1.1\r\n", r.Method, r.Target)
	headers := r.headers()
	for _, k := range slices.Sorted(maps.Keys(headers)) {
		fmt.Fprintf(&raw, "%s: %s\r\n", canonical(k), headers[k])
	}
	raw.WriteString("\r\n")
	return text(object{
		"method": r.Method, "host": host, "path": r.path(), "raw_path": r.path(), "content_length": 0,
		"user_agent": "curl/8.5.0", "response_code": r.Status, "api_key": "00000000",
		"timestamp": r.Time.UTC().Format("2006-01-02T15:04:05.999Z07:00"), "api_version": "Default", "api_name": "orders",
		"api_id": "b84fe1a04e5648927971c0557971565c", "org_id": "5e9d9544a1dcd60001d0ed20", "request_time": 12,
		"raw_request": base64.StdEncoding.EncodeToString([]byte(raw.String())), "raw_response": "", "ip_address": r.Client,
		"latency": object{"total": 12, "upstream": 11}, "tags": []string{"request-" + r.ID},
	})
}

func logfmt(r Request) string {
	var b strings.Builder
	fmt.Fprintf(&b, `ts=%s level=info method=%s url=%s status=%d remote_addr=%s request_id=%s`,
		r.Time.UTC().Format("2006-01-02T15:04:05.000Z07:00"), r.Method, strconv.Quote(r.url()), r.Status, r.Client, r.ID)
	headers := r.headers()
	for _, k := range slices.Sorted(maps.Keys(headers)) {
		fmt.Fprintf(&b, ` %s=%s`, strings.ReplaceAll(k, "-", "_"), strconv.Quote(headers[k]))
	}
	return b.String()
}

func plain(r Request) string {
	return text(object{
		"time": r.Time.UTC().Format("2006-01-02T15:04:05Z07:00"), "method": r.Method, "url": r.url(), "status": r.Status,
		"headers": r.headers(), "request_id": r.ID, "client_ip": r.Client,
	})
}
