//go:build scenario

package scenarios

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/testbed/harness"
)

// A SERVER span of an instrumented service is an event of its token's trail; its neighbours are not, and no field of
// any span lets the token through.
func TestSpansBecomeEvents(t *testing.T) {
	c, dir := quickstart(t)
	token := "span-token-0123456789abcdef"
	start := time.Now().Add(-time.Second)
	span := func(id string, kind int) string {
		return fmt.Sprintf(`{"traceId":"5b8efff798038103d269b633813fc60c","spanId":%q,"kind":%d,"name":"GET /v1/spans?token=%s","startTimeUnixNano":"%d","endTimeUnixNano":"%d",
			"status":{"code":2,"message":"refused Bearer %[3]s"},"traceState":"vendor=%[3]s",
			"attributes":[{"key":"http.request.method","value":{"stringValue":"GET"}},{"key":"url.path","value":{"stringValue":"/v1/spans"}},
			{"key":"http.response.status_code","value":{"intValue":"403"}},
			{"key":"http.request.header.authorization","value":{"arrayValue":{"values":[{"stringValue":"Bearer %[3]s"}]}}}],
			"events":[{"name":"exception %[3]s","attributes":[{"key":"exception.message","value":{"stringValue":"no rights for %[3]s"}}]}]}`,
			id, kind, token, start.UnixNano(), start.Add(250*time.Millisecond).UnixNano())
	}
	body := fmt.Sprintf(`{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"orders"}}]},"scopeSpans":[{"spans":[%s,%s]}]}]}`,
		span("00f067aa0ba902b7", 2), span("00f067aa0ba902b8", 3))
	status, answer, err := harness.Post("http://localhost:4318/v1/traces", "application/json", []byte(body))
	require.NoError(t, err)
	require.Equal(t, 200, status, answer)

	got := wait(t, dir, token, 1)
	require.Equal(t, "span", got[0]["keytrail.capture"])
	require.Equal(t, "/v1/spans", got[0]["url.path"])
	require.Equal(t, "orders", got[0]["service.name"])
	require.InDelta(t, 0.25, got[0]["keytrail.duration"], 0.001)
	res := harness.Keytrail(t, dir, "", "trail", "--trace-id", "5B8EFFF798038103D269B633813FC60C", "--output", "json")
	require.Len(t, rows(t, res.Stdout), 1, "found by trace id, in either case")
	c.Stop()
	harness.NoLeak(t, "the log", c.Log(), token)
	harness.NoLeakBelow(t, filepath.Join(dir, "data"), token)
}
