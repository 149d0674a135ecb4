package apilogreceiver

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/bearertokenauthextension"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/client"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configauth"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/keytrail/keytrail/internal/event"
)

const deliveryID = "ed4acda5-034f-9f42-bba1-f29aea6d7d8f"

var firehoseHeaders = []string{
	"X-Amz-Firehose-Protocol-Version: 1.0", "X-Amz-Firehose-Request-Id: " + deliveryID,
	"X-Amz-Firehose-Source-Arn: arn:aws:firehose:us-east-1:123456789012:deliverystream/keytrail",
	"Content-Type: application/json",
}

// delivery is a request of Firehose around contents; attempt is the time that changes when it is sent again.
func delivery(id string, attempt int, contents ...[]byte) []byte {
	var list []string
	for _, c := range contents {
		list = append(list, fmt.Sprintf(`{"data":%q}`, base64.StdEncoding.EncodeToString(c)))
	}
	return fmt.Appendf(nil, `{"requestId":%q,"timestamp":%d,"records":[%s]}`, id, attempt, strings.Join(list, ","))
}

func apiGatewayLine(key string) []byte {
	return fmt.Appendf(nil, `{"extendedRequestId":"e1","httpMethod":"GET","path":"/v1/orders","status":"200","requestTimeEpoch":"%d","apiKey":%q}`,
		nowMillis(), key)
}

// reply reads an answer to Firehose, which must be of exactly its form.
func reply(t *testing.T, a answer) firehoseAnswer {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(a.body))
	dec.DisallowUnknownFields()
	var f firehoseAnswer
	require.NoError(t, dec.Decode(&f), a.body)
	assert.Equal(t, "application/json", a.header.Get("Content-Type"))
	assert.WithinDuration(t, time.Now(), time.UnixMilli(f.Timestamp), time.Minute)
	assert.Equal(t, a.code != 200, f.ErrorMessage != "", a.body)
	return f
}

func TestFirehoseGetsItsAnswer(t *testing.T) {
	r := start(t, testConfig(t))
	f := func(name string, code int, message, path string, body []byte, headers ...string) {
		t.Helper()
		a := r.post(path, body, append(headers, firehoseHeaders...)...)
		assert.Equal(t, code, a.code, name)
		got := reply(t, a)
		assert.Equal(t, deliveryID, got.RequestID, name)
		assert.Equal(t, message, got.ErrorMessage, name)
	}
	good := delivery(deliveryID, 1, apiGatewayLine("dummy-key-of-firehose"))
	f("good", 200, "", "/ingest/apigateway", good)
	f("sniffed", 200, "", "/ingest", good)
	f("gzip", 200, "", "/ingest", packGzip(t, good), "Content-Encoding: gzip")
	f("records that are rejected", 200, "", "/ingest/apigateway", delivery(deliveryID, 1, []byte("no log line")))
	f("no records", 200, "", "/ingest", delivery(deliveryID, 1))
	f("a test message of CloudWatch Logs", 200, "", "/ingest",
		delivery(deliveryID, 1, packGzip(t, []byte(`{"messageType":"CONTROL_MESSAGE","logEvents":[]}`))))
	f("empty", 400, "no_records", "/ingest", nil)
	f("unknown path", 404, "unknown_path_or_format", "/ingest/firehose-of-somebody", good)
	f("another host", 421, "host_not_allowed", "/ingest", good, "Host: attacker.example")
	f("too large", 413, "body_too_large", "/ingest", bytes.Repeat([]byte(" "), 21<<20))
	f("bomb", 413, "too_large", "/ingest", delivery(deliveryID, 1, packGzip(t, make([]byte, 40<<20))))
	assert.Equal(t, int64(1), r.counter("limit_hits", "limit=opened_bytes"))
	assert.Len(t, r.events(), 3)
	assert.Zero(t, r.recv.budget.used.Load(), "every byte was given back")
}

func TestFirehoseIsRefusedInItsForm(t *testing.T) {
	good := delivery(deliveryID, 1, apiGatewayLine("dummy-key-of-firehose"))
	f := func(cause error, code int, message string) {
		t.Helper()
		r := startWith(t, testConfig(t), consumertest.NewErr(cause), componenttest.NewNopHost())
		a := r.post("/ingest", good, firehoseHeaders...)
		assert.Equal(t, code, a.code)
		assert.Equal(t, firehoseAnswer{deliveryID, reply(t, a).Timestamp, message}, reply(t, a))
	}
	f(errors.New("disk full"), 503, "refused_for_now")

	panics, err := consumerFunc(func(context.Context, plog.Logs) error { panic("payload") })
	require.NoError(t, err)
	r := startWith(t, testConfig(t), panics, componenttest.NewNopHost())
	assert.Equal(t, "internal", reply(t, r.post("/ingest", good, firehoseHeaders...)).ErrorMessage)

	cfg := testConfig(t)
	cfg.Limits.InflightBytes = cfg.Ingest.ServerConfig.MaxRequestBodySize
	r = start(t, cfg)
	require.True(t, r.recv.budget.take(cfg.Limits.InflightBytes-64<<10), "others hold most of it")
	a := r.post("/ingest", delivery(deliveryID, 1, packGzip(t, make([]byte, 1<<20))), firehoseHeaders...)
	assert.Equal(t, 429, a.code)
	assert.Equal(t, "too_many_bytes_in_flight", reply(t, a).ErrorMessage)
	assert.Equal(t, cfg.Limits.InflightBytes-64<<10, r.recv.budget.used.Load(), "what it took was given back")
}

// The id is the only text of a request that an answer repeats, so it is one that holds nothing else.
func TestFirehoseIDIsAllThatIsEchoed(t *testing.T) {
	r := start(t, testConfig(t))
	f := func(header, body, want string) {
		t.Helper()
		a := r.post("/ingest", delivery(body, 1, apiGatewayLine("dummy-key-of-firehose")), "X-Amz-Firehose-Request-Id: "+header)
		assert.Equal(t, 200, a.code)
		assert.Equal(t, want, reply(t, a).RequestID, "%q and %q", header, body)
	}
	f(deliveryID, "another", deliveryID)
	f("", deliveryID, deliveryID)
	f("dummy-token-in-the-id", deliveryID, deliveryID)
	f("dummy-token-in-the-id", "dummy-token-in-the-body", "")
	f(strings.Repeat("a", maxRequestID+1), "", "")
	f("<script>", "\x00", "")
}

func TestFirehoseSendsAgain(t *testing.T) {
	r := start(t, testConfig(t))
	line := []byte(`{"httpMethod":"GET","path":"/v1/orders","status":"200"}`) // with no request id, and no time
	twice := append(append(bytes.Clone(line), '\n'), line...)
	ids := func(id string, attempt int) (out []string) {
		t.Helper()
		r.sink.Reset()
		require.Equal(t, 200, r.post("/ingest/apigateway", delivery(id, attempt, line, twice), firehoseHeaders...).code)
		for _, e := range r.events() {
			out = append(out, e.Attrs.Str(event.KeyEventID))
		}
		return out
	}
	first := ids(deliveryID, 1)
	require.Len(t, first, 3)
	assert.NotEqual(t, first[0], first[1], "the same line of another record is another event")
	assert.NotEqual(t, first[1], first[2], "and so is the same line again")
	assert.Equal(t, first, ids(deliveryID, 2))
	assert.NotEqual(t, first[0], ids("11111111-034f-9f42-bba1-f29aea6d7d8f", 3)[0])
}

func TestFirehoseCommonAttributes(t *testing.T) {
	r := start(t, testConfig(t))
	f := func(common string) event.Attrs {
		t.Helper()
		r.sink.Reset()
		a := r.post("/ingest/apigateway", delivery(deliveryID, 1, apiGatewayLine("dummy-key-of-firehose")),
			append(firehoseHeaders, "X-Amz-Firehose-Common-Attributes: "+common)...)
		require.Equal(t, 200, a.code)
		return r.events()[0].Resource
	}
	got := f(`{"commonAttributes":{"deployment.environment.name":"prod","service.name":"orders","token.fingerprint":"kt1_0","keytrail.source":"mine","team":"Bearer dummy-secret-in-attributes-0001","api_key":"dummy-secret-in-attributes-0002"}}`)
	assert.Equal(t, "prod", got.Str("deployment.environment.name"))
	assert.Equal(t, "orders", got.Str(event.KeyServiceName))
	for _, a := range got {
		assert.NotContains(t, a.Value.Text(), "dummy-secret", a.Key)
		assert.False(t, event.Reserved(a.Key), a.Key)
	}
	assert.Equal(t, "aws", got.Str("cloud.provider"))

	many := map[string]string{"long": strings.Repeat("x", maxCommonValue+1)}
	for i := range maxCommon + 2 {
		many[fmt.Sprintf("k%02d", i)] = "v"
	}
	text, err := json.Marshal(map[string]any{"commonAttributes": many})
	require.NoError(t, err)
	got = f(string(text))
	assert.Empty(t, got.Str("long"))
	assert.Equal(t, "v", got.Str("k49"))
	assert.Empty(t, got.Str("k50"))
	assert.Equal(t, int64(3), r.counter("limit_hits", "limit=firehose_common_attributes"))
	f(`not json`)
	assert.Equal(t, int64(4), r.counter("limit_hits", "limit=firehose_common_attributes"))
}

// host gives the receiver one extension.
type extensionHost map[component.ID]component.Component

func (h extensionHost) GetExtensions() map[component.ID]component.Component { return h }

// TestFirehoseAccessKey: the key of X-Amz-Firehose-Access-Key is checked by the Collector's bearertokenauth, and goes no
// further.
func TestFirehoseAccessKey(t *testing.T) {
	factory := bearertokenauthextension.NewFactory()
	auth := factory.CreateDefaultConfig().(*bearertokenauthextension.Config)
	auth.Header, auth.Scheme = "X-Amz-Firehose-Access-Key", ""
	auth.BearerToken = configopaque.String("dummy-firehose-access-key")
	ext, err := factory.Create(t.Context(), extensiontest.NewNopSettings(factory.Type()), auth)
	require.NoError(t, err)
	require.NoError(t, ext.Start(t.Context(), componenttest.NewNopHost()))
	t.Cleanup(func() { require.NoError(t, ext.Shutdown(context.Background())) })

	cfg := testConfig(t)
	id := component.NewID(factory.Type())
	cfg.Ingest.ServerConfig.Auth = configoptional.Some(confighttp.AuthConfig{Config: configauth.Config{AuthenticatorID: id}})
	cfg.Ingest.ServerConfig.IncludeMetadata = true
	var info client.Info
	var taken plog.Logs
	next, err := consumerFunc(func(ctx context.Context, ld plog.Logs) error {
		info, taken = client.FromContext(ctx), ld
		return nil
	})
	require.NoError(t, err)
	r := startWith(t, cfg, next, extensionHost{id: ext})
	good := delivery(deliveryID, 1, apiGatewayLine("dummy-key-of-firehose"))

	a := r.post("/ingest", good, append(firehoseHeaders, "X-Amz-Firehose-Access-Key: dummy-wrong-key")...)
	assert.Equal(t, http.StatusUnauthorized, a.code)
	assert.Equal(t, firehoseAnswer{deliveryID, reply(t, a).Timestamp, "unauthenticated"}, reply(t, a))
	a = r.post("/ingest", good, firehoseHeaders...)
	assert.Equal(t, "unauthenticated", reply(t, a).ErrorMessage)

	a = r.post("/ingest", good, append(firehoseHeaders, "X-Amz-Firehose-Access-Key: dummy-firehose-access-key")...)
	require.Equal(t, http.StatusOK, a.code)
	assert.Equal(t, deliveryID, reply(t, a).RequestID)
	assert.Empty(t, info.Metadata.Get("x-amz-firehose-access-key"))
	out, err := (&plog.JSONMarshaler{}).MarshalLogs(taken)
	require.NoError(t, err)
	assert.NotContains(t, string(out), "dummy-firehose-access-key")
	assert.NotContains(t, string(out), "dummy-key-of-firehose")
}

// TestLogpushTestUpload: Cloudflare creates a job only when the destination takes a file that holds no log.
func TestLogpushTestUpload(t *testing.T) {
	r := start(t, testConfig(t))
	for _, body := range []string{"test", "test\n", `{"content":"tests"}`} {
		a := r.post("/ingest/cloudflare", packGzip(t, []byte(body)), "Content-Encoding: gzip")
		assert.Equal(t, 200, a.code, body)
		assert.Equal(t, report{Errors: []rejection{}}, a.report, body)
	}
	a := r.post("/ingest/cloudflare", []byte(`{"RayID":"1","ClientRequestMethod":"GET","ClientRequestURI":"/","WorkerSubrequest":true}`))
	assert.Equal(t, report{Skipped: 1, Errors: []rejection{}}, a.report)
	assert.Equal(t, int64(1), r.counter("skipped_records", "source=other"))
}

// TestAccessKeyIsOneTrail: the key of a signed request at a gateway, in the access log of API Gateway and in CloudTrail
// is one key.
func TestAccessKeyIsOneTrail(t *testing.T) {
	r := start(t, testConfig(t))
	f := func(format, body string) string {
		t.Helper()
		r.sink.Reset()
		require.Equal(t, 200, r.post("/ingest/"+format, []byte(body)).code)
		require.Len(t, r.events(), 1)
		return r.events()[0].Attrs.Str(event.KeyFingerprint)
	}
	signed := f("nginx", `{"request":"GET / HTTP/1.1","status":"200","http_authorization":"AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261123/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"}`)
	require.NotEmpty(t, signed)
	assert.Equal(t, signed, f("apigateway", `{"httpMethod":"GET","path":"/","status":"200","accessKey":"AKIAIOSFODNN7EXAMPLE"}`))
	assert.Equal(t, signed, f("cloudtrail", `{"eventSource":"s3.amazonaws.com","eventName":"ListBuckets","userIdentity":{"accessKeyId":"AKIAIOSFODNN7EXAMPLE"}}`))
}

// TestCloudTrailAnswerIsNotKept: the answer to AssumeRole holds the token of a new session.
func TestCloudTrailAnswerIsNotKept(t *testing.T) {
	r := start(t, testConfig(t))
	a := r.post("/ingest", []byte(`{"Records":[{"eventSource":"sts.amazonaws.com","eventName":"AssumeRole","userIdentity":{"accessKeyId":"AKIAIOSFODNN7EXAMPLE"},"responseElements":{"credentials":{"accessKeyId":"ASIAIOSFODNN7EXAMPLE","sessionToken":"dummy-session-token-of-a-new-session"}}}]}`))
	require.Equal(t, 200, a.code)
	require.Len(t, r.events(), 1)
	for _, at := range r.events()[0].Attrs {
		assert.NotContains(t, at.Value.Text(), "dummy-session-token", at.Key)
		assert.NotContains(t, at.Key, "responseElements")
	}
}
