package apilogreceiver

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/keytrail/keytrail/internal/fingerprint"
	"github.com/keytrail/keytrail/receiver/apilogreceiver/internal/metadata"
)

// kongBatch is a body of n records as a busy gateway sends it: 1.2 KB each, many callers, many routes.
func kongBatch(n int) []byte {
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, `{"request":{"id":"%032x","uri":"/v1/orders/%d?page=%d","url":"https://api.example.test:8443/v1/orders/%d?page=%d",`+
			`"querystring":{"page":"%d"},"method":"GET","size":412,"tls":{"version":"TLSv1.3","cipher":"TLS_AES_256_GCM_SHA384","client_verify":"NONE"},`+
			`"headers":{"host":"api.example.test:8443","user-agent":"example-sdk/3.4 (linux; go1.26)","accept":"application/json",`+
			`"x-forwarded-for":"192.0.2.%d","x-request-start":"t=1795420800","content-type":"application/json","apikey":"dummy-key-%06d-abcdefghij"}},`+
			`"upstream_uri":"/orders/%d","upstream_status":"200","response":{"status":200,"size":1834,"headers":{"content-type":"application/json","x-cache":"miss"}},`+
			`"latencies":{"kong":2,"proxy":31,"request":33,"receive":0},"authenticated_entity":{"id":"0f0e0d0c-0000-4000-8000-%012d","consumer_id":"c-%d"},`+
			`"route":{"id":"r-1","name":"orders","paths":["/v1/orders"]},"service":{"id":"s-1","name":"orders-api","host":"orders.internal","port":8080},`+
			`"consumer":{"id":"c-%d","username":"caller-%d"},"client_ip":"192.0.2.%d","started_at":%d,"source":"upstream","workspace":"default"}`+"\n",
			i, i, i%9, i, i%9, i%9, i%250, i%500, i, i%500, i%500, i%500, i%500, i%250, time.Now().UnixMilli())
	}
	return b.Bytes()
}

func benchIntake(b *testing.B) *intake {
	path := b.TempDir() + "/keyring.yaml"
	_, err := fingerprint.Create(path)
	require.NoError(b, err)
	keys, err := fingerprint.Open(path, fingerprint.Options{})
	require.NoError(b, err)
	b.Cleanup(func() { _ = keys.Close() })
	src, err := newSource(SourceConfig{Name: "kong", Path: "/ingest/kong", Format: "kong"}, keys, nil)
	require.NoError(b, err)
	tb, err := metadata.NewTelemetryBuilder(componenttest.NewNopTelemetrySettings())
	require.NoError(b, err)
	limits := newDefaultLimits()
	return &intake{
		src: src, format: "kong", parser: src.parsers["kong"], ring: keys.Ring(), limits: &limits,
		templates: newTemplates(limits.TemplatesPerService, newMeters(tb).limit),
		arrival:   time.Now(), seen: make(map[string]int), room: newRoom(limits.EventBytes),
	}
}

func (in *intake) again() {
	clear(in.seen)
	in.groups.reset()
	in.tally.reset()
	in.digest = ""
}

const benchRecords = 1000

// BenchmarkKong is the whole way of a record in process: split, parse, seal, identify, plog.
func BenchmarkKong(b *testing.B) {
	in, body := benchIntake(b), kongBatch(benchRecords)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	var attrs int
	for b.Loop() {
		in.again()
		err := in.run(b.Context(), body, func(ld plog.Logs) error {
			attrs = ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).Attributes().Len()
			return nil
		})
		if err != nil || in.tally.report.Accepted != benchRecords {
			b.Fatal(err, in.tally.report)
		}
	}
	b.ReportMetric(float64(b.N)*benchRecords/b.Elapsed().Seconds(), "records/s")
	b.ReportMetric(float64(attrs), "attributes/record")
}

// BenchmarkOTLPJSON is the peer: the core decoder on the same events.
func BenchmarkOTLPJSON(b *testing.B) {
	in := benchIntake(b)
	ld := runAll(b, in, kongBatch(benchRecords))
	body, err := (&plog.JSONMarshaler{}).MarshalLogs(ld)
	require.NoError(b, err)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		out, err := (&plog.JSONUnmarshaler{}).UnmarshalLogs(body)
		if err != nil || out.LogRecordCount() != benchRecords {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*benchRecords/b.Elapsed().Seconds(), "records/s")
}
