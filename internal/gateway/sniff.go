package gateway

import "github.com/keytrail/keytrail/internal/gateway/jsondoc"

// fillSniffed reads a record of any known format. The formats do not share the names that mark them, and the marks
// are the gateway's own fields, which no caller can add: a caller chooses values, never top-level names.
func fillSniffed(d *draft, m mapping) error {
	if d.text[0] != '{' {
		return fillCombined(d)
	}
	if err := d.object(); err != nil {
		return err
	}
	switch sniff(&d.doc) {
	case FormatKong:
		return fillKongObject(d)
	case FormatTraefik:
		return fillTraefikObject(d)
	case FormatEnvoy:
		return fillEnvoyObject(d)
	case FormatNginx:
		return fillNginxObject(d)
	}
	if err := fillObjectBy(d, m); err != nil {
		return err
	}
	if !d.namesRequest() {
		return reject(ReasonUnknownFormat)
	}
	return nil
}

// marks are the fields that only one format has.
var marks = map[string]string{
	"latencies": FormatKong, "authenticated_entity": FormatKong, "upstream_uri": FormatKong, "tries": FormatKong,

	"RequestMethod": FormatTraefik, "DownstreamStatus": FormatTraefik, "RouterName": FormatTraefik,
	"StartUTC": FormatTraefik, "ClientHost": FormatTraefik, "RequestPath": FormatTraefik,

	"response_flags": FormatEnvoy, ":authority": FormatEnvoy, "downstream_remote_address": FormatEnvoy,
	"x-envoy-origin-path": FormatEnvoy, "upstream_cluster": FormatEnvoy, "response_code_details": FormatEnvoy,

	"remote_addr": FormatNginx, "body_bytes_sent": FormatNginx, "time_iso8601": FormatNginx,
	"time_local": FormatNginx, "upstream_addr": FormatNginx, "upstream_response_time": FormatNginx,
	"http_user_agent": FormatNginx, "request_uri": FormatNginx, "upstream_status": FormatNginx,
	"http_x_forwarded_for": FormatNginx, "realip": FormatNginx, "msec": FormatNginx,
}

// sniff returns the format whose marks an object has most of, nothing without a mark. Kong's count only beside its
// nested request: they are common words.
func sniff(doc *jsondoc.Doc) string {
	count := map[string]int{}
	nested := false
	for _, n := range doc.Children(0) {
		if format := marks[n.Key]; format != "" {
			count[format]++
		}
		nested = nested || n.Key == "request" && n.Kind == jsondoc.Object
	}
	best := ""
	for _, format := range Formats() { // in order, so that a tie is always decided the same way
		if format == FormatKong && !nested {
			continue
		}
		if count[format] > count[best] {
			best = format
		}
	}
	return best
}
