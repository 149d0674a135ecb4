package traffic

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Gateway says which gateway writes the request down.
func (r Request) Gateway() string { return r.Token.Gateway }

// Append appends the request as its gateway logs it, one JSON object without a line end.
func (r Request) Append(b []byte) []byte {
	if r.Gateway() == Kong {
		return r.appendKong(b)
	}
	return r.appendNGINX(b)
}

type object = map[string]any

func (r Request) appendKong(b []byte) []byte {
	headers := object{"host": "api.example.com", "user-agent": r.Agent, "accept": "application/json", "x-forwarded-proto": "https"}
	o := object{
		"request": object{
			"id": r.ID, "method": r.Method, "uri": r.Path, "url": "https://api.example.com:443" + r.Path,
			"querystring": object{}, "size": 320, "headers": headers,
			"tls": object{"version": "TLSv1.3", "cipher": "TLS_AES_256_GCM_SHA384", "client_verify": "NONE"},
		},
		"response":     object{"status": r.Status, "size": r.Size, "headers": object{"content-type": "application/json; charset=utf-8"}},
		"latencies":    object{"kong": 1, "proxy": r.Duration.Milliseconds(), "request": r.Duration.Milliseconds() + 1},
		"service":      object{"id": "5a8b1c1e-0000-4000-8000-0000000000a1", "name": serviceOf(r.Path), "protocol": "http", "port": 8080, "host": serviceOf(r.Path) + ".internal"},
		"route":        object{"id": "9f3b1c1e-0000-4000-8000-0000000000b2", "name": serviceOf(r.Path) + "-v1"},
		"upstream_uri": r.Path, "client_ip": r.Client, "started_at": r.Time.UnixMilli(), "workspace_name": "default",
	}
	if r.Denied {
		o["source"], o["upstream_status"] = "kong", ""
		o["latencies"] = object{"kong": 1, "proxy": -1, "request": 1}
	} else {
		o["source"], o["upstream_status"] = "upstream", strconv.Itoa(r.Status)
	}
	if r.Token.CredentialID != "" {
		o["authenticated_entity"] = object{"id": r.Token.CredentialID, "consumer_id": "c-" + r.Token.Name}
		o["consumer"] = object{"id": "c-" + r.Token.Name, "username": r.Token.Name}
	} else {
		headers["x-api-key"] = r.Raw
	}
	return appendJSON(b, o)
}

func (r Request) appendNGINX(b []byte) []byte {
	upstream := strconv.Itoa(r.Status)
	if r.Denied {
		upstream = "-"
	}
	return appendJSON(b, object{
		"time": r.Time.UTC().Format("2006-01-02T15:04:05.000Z07:00"), "request_id": r.ID, "remote_addr": r.Client,
		"request_method": r.Method, "request_uri": r.Path, "server_protocol": "HTTP/2.0", "scheme": "https",
		"host": "api.example.com", "status": strconv.Itoa(r.Status), "body_bytes_sent": strconv.Itoa(r.Size),
		"request_time": fmt.Sprintf("%.3f", r.Duration.Seconds()), "upstream_status": upstream,
		"http_user_agent": r.Agent, "http_authorization": "Bearer " + r.Raw,
	})
}

func serviceOf(path string) string {
	seg, _, _ := strings.Cut(strings.TrimPrefix(path, "/v1/"), "/")
	return seg
}

func appendJSON(b []byte, v any) []byte {
	out, err := json.Marshal(v)
	if err != nil {
		panic(err) // maps of strings and numbers always marshal
	}
	return append(b, out...)
}

// OwnersYAML is the owner directory of the company. A token is named by its SHA-256, as a token service would keep
// it, or by the gateway's id of the credential; sum gives the hash of a raw token.
func (c *Company) OwnersYAML(sum func(raw string) string) ([]byte, error) {
	var rows []map[string]string
	for _, t := range c.Tokens {
		row := map[string]string{
			"owner_id": t.Owner.ID, "owner_type": t.Owner.Type, "owner_name": t.Owner.Name, "owner_team": t.Owner.Team, "owner_contact": t.Owner.Contact,
			"token_name": t.Name, "created_at": t.Created.Format("2006-01-02T15:04:05Z"),
		}
		if !t.Revoked.IsZero() {
			row["revoked_at"] = t.Revoked.Format("2006-01-02T15:04:05Z")
		}
		if t.CredentialID != "" {
			row["credential_id"] = t.CredentialID
		} else {
			row["sha256"] = sum(t.Raw)
		}
		rows = append(rows, row)
	}
	return yaml.Marshal(map[string]any{"tokens": rows})
}
