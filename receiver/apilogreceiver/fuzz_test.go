package apilogreceiver

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/keytrail/keytrail/internal/fingerprint"
	"github.com/keytrail/keytrail/receiver/apilogreceiver/internal/metadata"
)

// FuzzHandler sends any body to any path. Every answer is one of ours, what it calls accepted was delivered, and the
// memory it took was given back.
func FuzzHandler(f *testing.F) {
	path := filepath.Join(f.TempDir(), "keyring.yaml")
	if _, err := fingerprint.Create(path); err != nil {
		f.Fatal(err)
	}
	cfg := createDefaultConfig().(*Config)
	cfg.Ingest.ServerConfig.NetAddr.Endpoint = "localhost:0"
	cfg.Ingest.ServerConfig.MaxRequestBodySize = 1 << 20
	cfg.Keyring.Path = path
	sink := new(consumertest.LogsSink)
	recv, err := newReceiver(receivertest.NewNopSettings(metadata.Type), cfg, sink)
	if err != nil {
		f.Fatal(err)
	}
	if err := recv.Start(f.Context(), componenttest.NewNopHost()); err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = recv.Shutdown(f.Context()) })

	good := kong("a", "dummy-key")
	f.Add("kong", "", good)
	f.Add("", "gzip", packGzip(f, good))
	f.Add("json", "zstd", packZstd(f, good))
	f.Add("nginx", "", []byte("192.0.2.7 - - [23/Nov/2026:10:00:00 +0000] \"GET / HTTP/1.1\" 200 1 \"-\" \"-\"\n"))
	f.Add("auto", "zstd", []byte("\x28\xb5\x2f\xfd\x00\x98\x01\x00\x00"))
	f.Add("envoy", "br", []byte(`[{"method":"GET"},[],{"`))
	codes := []int{200, 400, 404, 413, 415}
	f.Fuzz(func(t *testing.T, format, encoding string, body []byte) {
		target := strings.TrimSuffix("/ingest/"+format, "/")
		r := httptest.NewRequest(http.MethodPost, "http://localhost/", bytes.NewReader(body))
		r.URL.Path = target
		r.Header["Content-Encoding"] = []string{encoding}
		w := httptest.NewRecorder()
		sink.Reset()
		recv.server.Handler.ServeHTTP(w, r)
		if !slices.Contains(codes, w.Code) {
			t.Fatalf("answer %d: %s", w.Code, w.Body)
		}
		var rep report
		if err := json.Unmarshal(w.Body.Bytes(), &rep); err != nil {
			t.Fatalf("answer is not JSON: %v", err)
		}
		if rep.Accepted != sink.LogRecordCount() {
			t.Fatalf("accepted %d, delivered %d", rep.Accepted, sink.LogRecordCount())
		}
		if held := recv.budget.used.Load(); held != 0 {
			t.Fatalf("%d bytes are still held", held)
		}
	})
}
