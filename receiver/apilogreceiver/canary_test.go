package apilogreceiver

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/keytrail/keytrail/internal/event"
)

// canary makes a token that nobody issued.
func canary(t testing.TB) string {
	b := make([]byte, 15)
	_, err := rand.Read(b)
	require.NoError(t, err)
	return "canary" + hex.EncodeToString(b)
}

// spellings are the forms in which a token could slip through.
func spellings(token string) []string {
	percent := strings.Builder{}
	for i := range len(token) {
		fmt.Fprintf(&percent, "%%%02X", token[i])
	}
	return []string{
		token, percent.String(), hex.EncodeToString([]byte(token)),
		strings.TrimRight(base64.StdEncoding.EncodeToString([]byte(token)), "=")[:20],
		url.QueryEscape(token),
	}
}

// everything is all text that left the receiver: events, logs at every level, spans, metrics.
func (r *rig) everything() string {
	var b strings.Builder
	if r.sink != nil {
		for _, ld := range r.sink.AllLogs() {
			text, err := (&plog.JSONMarshaler{}).MarshalLogs(ld)
			require.NoError(r.t, err)
			b.Write(text)
		}
	}
	for _, e := range r.logs.All() {
		fmt.Fprintln(&b, e.Message, e.ContextMap())
	}
	for _, s := range r.telemetry.SpanRecorder.Ended() {
		fmt.Fprintln(&b, s.Name(), s.Attributes(), s.Events(), s.Status(), s.SpanContext().TraceState())
	}
	var rm metricdata.ResourceMetrics
	require.NoError(r.t, r.telemetry.Reader.Collect(context.Background(), &rm))
	text, err := json.Marshal(rm)
	require.NoError(r.t, err)
	b.Write(text)
	return b.String()
}

// recordWith puts a token where place says, in a Kong record.
func recordWith(place, token string) []byte {
	esc := func(s string) string { b, _ := json.Marshal(s); return strings.Trim(string(b), `"`) }
	headers, uri, body := map[string]string{"host": "api.example.test"}, "/v1/orders", ""
	switch name, rest, _ := strings.Cut(place, ":"); name {
	case "header":
		headers[rest] = token
	case "authorization":
		headers["authorization"] = rest + " " + token
	case "basic":
		headers["authorization"] = "Basic " + base64.StdEncoding.EncodeToString([]byte("oauth2:"+token))
	case "cookie":
		headers["cookie"] = "theme=dark; session=" + token
	case "query":
		uri += "?" + rest + "=" + url.QueryEscape(token)
	case "percent":
		uri += "?access_token=" + spellings(token)[1]
	case "referer":
		headers["referer"] = "https://app.example.test/cb?access_token=" + token
	case "echo":
		headers["apikey"] = token
		headers["x-note"] = "seen " + token + " today"
		body = `,"note":{"deep":["` + esc(token) + `"]}`
	case "json":
		headers["x-payload"] = esc(`{"access_token":"` + token + `"}`)
	}
	h, _ := json.Marshal(headers)
	return fmt.Appendf(nil, `{"request":{"id":"r","method":"GET","uri":"%s","url":"http://api.example.test%s","headers":%s},`+
		`"upstream_uri":"%s","response":{"status":401},"client_ip":"192.0.2.7","started_at":%d%s}`,
		esc(uri), esc(uri), h, esc(uri), nowMillis(), body)
}

func TestNoTokenLeavesTheReceiver(t *testing.T) {
	r := start(t, testConfig(t))
	places := []string{
		"authorization:Bearer", "authorization:Token", "authorization:ApiKey", "basic", "header:apikey",
		"header:x-api-key", "header:private-token", "header:x-vault-token", "cookie", "query:api_key",
		"query:access_token", "query:token", "percent", "referer", "echo", "json",
	}
	planted := map[string]string{}
	for _, p := range places {
		token := canary(t)
		planted[p] = token
		a := r.post("/ingest/kong", recordWith(p, token))
		require.Equal(t, 200, a.code, a.body)
		require.Equal(t, 1, a.report.Accepted, "%s: %s", p, a.body)
		assert.NotContains(t, a.body, token, p)
	}
	out := r.everything()
	for p, token := range planted {
		for i, s := range spellings(token) {
			assert.NotContains(t, strings.ToLower(out), strings.ToLower(s), "%s, spelling %d", p, i)
		}
	}
	for i, e := range r.events() {
		assert.Equal(t, event.RedactionDone, e.Attrs.Str(event.KeyRedaction), places[i])
		if places[i] != "referer" && places[i] != "json" {
			assert.NotEmpty(t, e.Attrs.Str(event.KeyFingerprint), places[i])
		}
	}
}

// The request that carries the logs is hostile too: nothing of it may reach an answer, a span or a metric.
func TestNoTokenOfTheTransportLeavesTheReceiver(t *testing.T) {
	r := startWith(t, testConfig(t), consumerFail(t), componenttest.NewNopHost())
	token := canary(t)
	bodies := []string{string(kong("a", token)), token, "{" + token, `{"request":` + token + `}`}
	headers := []string{
		"User-Agent: " + token, "X-Forwarded-For: " + token, "Forwarded: for=" + token, "Origin: https://" + token + ".test",
		"Host: " + token, "Content-Encoding: " + token, "Content-Type: " + token, "Authorization: Bearer " + token,
		"Tracestate: a=" + token, "Baggage: k=" + token, "Referer: https://x.test/?t=" + token, "X-Forwarded-Proto: " + token,
	}
	var answers strings.Builder
	for _, path := range []string{"/ingest/kong", "/ingest?token=" + token, "/ingest/" + token, "/" + token} {
		for _, body := range bodies {
			for _, h := range headers {
				a := r.post(path, []byte(body), h, "Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
				fmt.Fprintln(&answers, a.code, a.header, a.body)
			}
		}
		a := r.do("X"+strings.ToUpper(token), path, nil)
		fmt.Fprintln(&answers, a.code, a.header, a.body)
	}
	out := strings.ToLower(answers.String() + r.everything())
	for i, s := range spellings(token) {
		assert.NotContains(t, out, strings.ToLower(s), "spelling %d", i)
	}
	assert.NotEmpty(t, r.telemetry.SpanRecorder.Ended())
	http.DefaultClient.CloseIdleConnections()
}

// consumerFail quotes the data in its error, as a careless consumer might.
func consumerFail(t *testing.T) consumer.Logs {
	t.Helper()
	next, err := consumerFunc(func(_ context.Context, ld plog.Logs) error {
		return fmt.Errorf("cannot take %v", ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).Attributes().AsRaw())
	})
	require.NoError(t, err)
	return next
}
