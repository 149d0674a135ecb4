package harness

import (
	"cmp"
	"errors"
	"net/http"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// lokiConfig is a Loki of one process with all that a test asks of it: structured metadata, deletion that begins at
// once, retention by stream, chunks that are flushed early.
const lokiConfig = `auth_enabled: false
server:
  http_listen_address: 127.0.0.1
  http_listen_port: $PORT
  grpc_listen_address: 127.0.0.1
  grpc_listen_port: $SIDE_PORT
  log_level: warn
common:
  instance_addr: 127.0.0.1
  path_prefix: $DIR/loki
  replication_factor: 1
  ring: {kvstore: {store: inmemory}}
  storage: {filesystem: {chunks_directory: $DIR/loki/chunks, rules_directory: $DIR/loki/rules}}
schema_config:
  configs:
    - {from: "2020-01-01", store: tsdb, object_store: filesystem, schema: v13, index: {prefix: index_, period: 24h}}
frontend: {scheduler_dns_lookup_period: 200ms} # else it is ready ten seconds after its start
ingester:
  chunk_idle_period: 2s
  max_chunk_age: 1m
  flush_check_period: 1s
  lifecycler: {min_ready_duration: 0s, final_sleep: 0s}
compactor:
  working_directory: $DIR/loki/compactor
  compaction_interval: 1s
  apply_retention_interval: 1s
  retention_enabled: true
  retention_delete_delay: 1s
  delete_request_store: filesystem
  delete_request_cancel_period: 1s
limits_config:
  allow_structured_metadata: true
  retention_period: 744h
  reject_old_samples_max_age: 744h
  deletion_mode: filter-and-delete
  volume_enabled: true
  max_query_length: 0
analytics: {reporting_enabled: false}
`

// Loki starts a Loki without tenants. more is YAML that is laid over its configuration, key by key; with
// "auth_enabled: true" each request names its tenant in X-Scope-OrgID. A query asks for requests to delete at most every
// five minutes, so a test that waits for one to be obeyed kills and starts the server in between.
func Loki(t testing.TB, more string) *Server {
	t.Helper()
	s := newServer(t, ServerBin(t, "loki"))
	s.args = []string{"-config.file=" + s.file("loki.yaml", laidOver(t, lokiConfig, more)), "-target=all"}
	takes := s.answers("/ready")
	s.ready = func() error { return cmp.Or(takes(), s.queries()) } // queriers come seconds after the rest
	s.Start()
	return s
}

// queries is the readiness of Loki's queriers. Where tenants are told apart, a refusal is as good an answer.
func (s *Server) queries() error {
	err := s.answers("/loki/api/v1/query?query=vector(1)")()
	if err != nil && strings.Contains(err.Error(), http.StatusText(http.StatusUnauthorized)) {
		return nil
	}
	return err
}

func laidOver(t testing.TB, base, more string) string {
	t.Helper()
	var all, top map[string]any
	if err := errors.Join(yaml.Unmarshal([]byte(base), &all), yaml.Unmarshal([]byte(more), &top)); err != nil {
		t.Fatal(err)
	}
	lay(all, top)
	b, err := yaml.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func lay(under, over map[string]any) {
	for k, v := range over {
		was, isMap := under[k].(map[string]any)
		if now, ok := v.(map[string]any); ok && isMap {
			lay(was, now)
			continue
		}
		under[k] = v
	}
}
