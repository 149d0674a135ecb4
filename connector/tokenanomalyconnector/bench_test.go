package tokenanomalyconnector

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/connector/spanmetricsconnector"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/connector/connectortest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/keytrail/keytrail/internal/event"
)

const (
	benchTokens = 100_000
	benchSpans  = 500
)

// zipfSpans is one batch of SERVER spans over many tokens, a few of which make most of the calls.
func zipfSpans(z *rand.Zipf, batch int, at time.Time) ptrace.Traces {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr(event.KeyServiceName, "orders")
	spans := rs.ScopeSpans().AppendEmpty().Spans()
	for i := range benchSpans {
		token := fp(fmt.Sprint(z.Uint64()))
		sp := spans.AppendEmpty()
		sp.SetKind(ptrace.SpanKindServer)
		sp.SetName("GET /v1/orders/{id}")
		var id [16]byte
		binary.BigEndian.PutUint64(id[:], uint64(batch+1))
		binary.BigEndian.PutUint64(id[8:], uint64(i+1))
		sp.SetTraceID(id)
		sp.SetSpanID([8]byte(id[8:]))
		sp.SetStartTimestamp(pcommonTime(at))
		sp.SetEndTimestamp(pcommonTime(at.Add(20 * time.Millisecond)))
		for _, kv := range [][2]string{
			{event.KeyMethod, "GET"}, {event.KeyRoute, "/v1/orders/{id}"}, {event.KeyPath, "/v1/orders/42"}, {event.KeyClientAddress, "198.51.100.7"},
			{event.KeyFingerprint, token}, {event.KeyPrincipal, token}, {event.KeyPrincipalBasis, event.BasisVerified},
			{event.KeyRedaction, event.RedactionDone}, {event.KeyTokenState, event.StateActive},
		} {
			sp.Attributes().PutStr(kv[0], kv[1])
		}
		sp.Attributes().PutInt(event.KeyStatus, 200)
	}
	return td
}

// Every detector, over 100,000 Zipf tokens, beside contrib's spanmetrics with the fingerprint as a dimension, which
// makes as many series.
func BenchmarkSpans(b *testing.B) {
	peer := spanmetricsconnector.NewFactory()
	peerConfig := peer.CreateDefaultConfig().(*spanmetricsconnector.Config)
	peerConfig.Dimensions = []spanmetricsconnector.Dimension{{Name: event.KeyFingerprint}}
	peerConfig.MetricsFlushInterval = time.Hour // both are measured without their output
	ours := newConfig()
	ours.MetricsFlushInterval = time.Hour
	b.Run("token_anomaly", func(b *testing.B) { benchSpansOf(b, NewFactory(), ours) })
	b.Run("spanmetrics", func(b *testing.B) { benchSpansOf(b, peer, peerConfig) })
}

func benchSpansOf(b *testing.B, f connector.Factory, cfg component.Config) {
	c, err := f.CreateTracesToMetrics(context.Background(), connectortest.NewNopSettings(f.Type()), cfg, consumertest.NewNop())
	require.NoError(b, err)
	require.NoError(b, c.Start(context.Background(), componenttest.NewNopHost()))
	z := rand.NewZipf(rand.New(rand.NewPCG(1, 2)), 1.1, 8, benchTokens-1)
	batches := make([]ptrace.Traces, 512)
	begin := time.Now().Add(-time.Hour)
	for i := range batches {
		batches[i] = zipfSpans(z, i, begin.Add(time.Duration(i)*time.Second))
	}
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		td := batches[n%len(batches)]
		if n++; n > len(batches) { // the same requests a minute later, under new ids
			again(td, n)
		}
		require.NoError(b, c.ConsumeTraces(context.Background(), td))
	}
	b.ReportMetric(float64(b.N*benchSpans)/b.Elapsed().Seconds(), "spans/s")
	require.NoError(b, c.Shutdown(context.Background()))
}

func again(td ptrace.Traces, n int) {
	for _, sp := range td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
		id := sp.TraceID()
		binary.BigEndian.PutUint64(id[:], uint64(n))
		sp.SetTraceID(id)
		sp.SetStartTimestamp(sp.StartTimestamp() + 60e9)
		sp.SetEndTimestamp(sp.EndTimestamp() + 60e9)
	}
}
