package tokenownerprocessor

import (
	"context"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/keytrail/keytrail/internal/event"
)

// orders is a careless API: it writes the caller's token wherever a span has room.
func orders(w http.ResponseWriter, r *http.Request) {
	token := r.Header.Get("X-Api-Key")
	sp := trace.SpanFromContext(r.Context())
	sp.SetName(r.Method + " " + r.URL.Path + "?api_key=" + token)
	sp.SetAttributes(
		attribute.StringSlice(event.PrefixRequestHeader+"x-api-key", r.Header["X-Api-Key"]),
		attribute.String(event.KeyQuery, r.URL.RawQuery),
		attribute.String("app.debug", base64.StdEncoding.EncodeToString([]byte("caller="+token))),
		attribute.String("app."+token, "seen"),
	)
	sp.AddEvent("checked "+token, trace.WithAttributes(attribute.String("exception.message", `{"key":"`+token+`"}`)))
	sp.AddLink(trace.Link{
		SpanContext: trace.NewSpanContext(trace.SpanContextConfig{TraceID: [16]byte{9}, SpanID: [8]byte{9}}),
		Attributes:  []attribute.KeyValue{attribute.String("retry.of", url.QueryEscape("key "+token))},
	})
	sp.SetStatus(codes.Error, "no such order for "+token)
	w.WriteHeader(http.StatusInternalServerError)
}

// TestSpansOfAnInstrumentedServerComeOutCleanAndOwned runs a real server under otelhttp, whose spans go over the wire
// as OTLP, through the processor.
func TestSpansOfAnInstrumentedServerComeOutCleanAndOwned(t *testing.T) {
	token := dummyToken()
	b := newBench(t, withOwners(t, "- {sha256: %s, owner_id: svc-orders, owner_type: service}\n", hexSum(token)))
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		req := ptraceotlp.NewExportRequest()
		if err != nil || req.UnmarshalProto(body) != nil || b.traces.ConsumeTraces(r.Context(), req.Traces()) != nil {
			w.WriteHeader(http.StatusBadRequest)
		}
	}))
	defer collector.Close()

	ctx := context.Background()
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(collector.URL+"/v1/traces"))
	require.NoError(t, err)
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter))
	api := httptest.NewServer(otelhttp.NewHandler(http.HandlerFunc(orders), "orders", otelhttp.WithTracerProvider(provider)))
	defer api.Close()

	req, err := http.NewRequestWithContext(ctx, http.MethodGet, api.URL+"/v1/orders/17?page=2&api_key="+token, http.NoBody)
	require.NoError(t, err)
	req.Header.Set("X-Api-Key", token)
	resp, err := api.Client().Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.NoError(t, provider.Shutdown(ctx))

	all := b.sink.traces.AllTraces()
	require.Len(t, all, 1)
	requireGone(t, traceText(t, all[0]), token)
	sp := firstSpan(all[0])
	require.Equal(t, ptrace.SpanKindServer, sp.Kind())
	require.Equal(t, 1, sp.Events().Len())
	require.Equal(t, 1, sp.Links().Len())
	a := sp.Attributes()
	require.Equal(t, fingerprintOf(t, token), strOf(a, event.KeyFingerprint))
	require.Equal(t, "svc-orders", strOf(a, event.KeyOwnerID))
	require.Equal(t, event.RedactionDone, strOf(a, event.KeyRedaction))
	require.Equal(t, "/v1/orders/17", strOf(a, event.KeyPath))
	require.Equal(t, "GET", strOf(a, event.KeyMethod))
	require.Len(t, strOf(a, event.KeyEventID), 32)
}
