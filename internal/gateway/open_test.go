package gateway

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/stretchr/testify/require"
)

func zipped(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err := w.Write(b)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return out.Bytes()
}

// firehose is a request of Firehose around contents.
func firehose(contents ...[]byte) []byte {
	var list []string
	for _, c := range contents {
		list = append(list, fmt.Sprintf(`{"data":%q}`, base64.StdEncoding.EncodeToString(c)))
	}
	return []byte(`{"requestId":"ed4acda5-034f-9f42-bba1-f29aea6d7d8f","timestamp":1795442400000,"records":[` +
		strings.Join(list, ",") + `]}`)
}

func cloudwatch(messages ...string) []byte {
	var list []string
	for i, m := range messages {
		list = append(list, fmt.Sprintf(`{"id":"%d","timestamp":1795442400000,"message":%q}`, i, m))
	}
	return []byte(`{"messageType":"DATA_MESSAGE","owner":"123456789012","logGroup":"g","logStream":"s","logEvents":[` +
		strings.Join(list, ",") + `]}`)
}

func opened(t *testing.T, body []byte, l OpenLimits) (raw []string, carrier string) {
	t.Helper()
	b, err := Open(body, l)
	require.NoError(t, err)
	for _, r := range b.Records {
		raw = append(raw, string(r.Raw)+string(r.Reject))
	}
	return raw, b.Carrier
}

func TestOpen(t *testing.T) {
	f := func(name string, body []byte, carrier string, want ...string) {
		t.Helper()
		got, from := opened(t, body, OpenLimits{})
		require.Equal(t, want, got, name)
		require.Equal(t, carrier, from, name)
	}
	f("the test upload of Logpush", []byte("test\n"), "")
	f("its other form", []byte(`{"content":"tests"}`), "")
	f("a line that begins so", []byte("test GET /"), "", "test GET /")
	f("lines", firehose([]byte("a\nb"), []byte("c")), "firehose", "a", "b", "c")
	f("gzip", firehose(zipped(t, []byte("a\nb"))), "firehose", "a", "b")
	f("gzip of two members", firehose(append(zipped(t, []byte("a\n")), zipped(t, []byte("b"))...)), "firehose", "a", "b")
	f("no records", []byte(`{"requestId":"x","timestamp":1,"records":[]}`), "firehose")
	f("messages", firehose(zipped(t, cloudwatch("a", "b\nc", "")), zipped(t, cloudwatch("d"))), "firehose", "a", "b\nc", "", "d")
	f("messages without Firehose", append(cloudwatch("a"), cloudwatch("b")...), "cloudwatch", "a", "b")
	f("several requests", append(firehose([]byte("a")), firehose([]byte("b"))...), "firehose", "a", "b")
	f("binary", firehose([]byte("\x00\x01\x02\x03")), "firehose", "binary")
	f("a request in a request in a request in a request", firehose(firehose(firehose(firehose([]byte("a"))))), "firehose",
		string(firehose([]byte("a"))))
	f("CloudTrail", []byte(`{"Records":[{"a":1},{"b":2}]}`), "cloudtrail", `{"a":1}`, `{"b":2}`)
	f("CloudTrail with more behind", []byte("{ \"Records\" :\n[{\"a\":1},\n{\"b\":2}] , \"x\":{}}"), "cloudtrail", `{"a":1}`, `{"b":2}`)
	f("CloudTrail, cut off", []byte(`{"Records":[{"a":1},{"b":`), "cloudtrail", `{"a":1}`, `{"b":`)
	f("files one after the other", []byte("{\"Records\":[{\"a\":1}]}\n{\"Records\":[{\"b\":2}]}"), "cloudtrail", `{"a":1}`, `{"b":2}`)
	f("no list", []byte(`{"Records":{"a":1}}`), "", `{"Records":{"a":1}}`)
	far := strings.Repeat("x", 3*hintBytes)
	f("an empty list", []byte("[]"), "")
	f("names before a long record", firehose([]byte(far), []byte("b")), "firehose", far, "b")
	f("names behind a long record", []byte(`{"message":{"data":"`+base64.StdEncoding.EncodeToString([]byte(far))+
		`","messageId":"1"},"subscription":"projects/p/subscriptions/s"}`), "pubsub", far)
	f("another list", []byte(`{"requestId":"x","records":[{"value":"y"}]}`), "", `{"requestId":"x","records":[{"value":"y"}]}`)
	f("a caller's words", []byte(`{"method":"GET","ua":"\"messageType\":\"DATA_MESSAGE\" \"Records\" \"requestId\""}`), "",
		`{"method":"GET","ua":"\"messageType\":\"DATA_MESSAGE\" \"Records\" \"requestId\""}`)
}

// TestOpenLimits: a carrier is no way around the limits of a body, and costs no memory beyond them.
func TestOpenLimits(t *testing.T) {
	f := func(name string, body []byte, l OpenLimits, want string) {
		t.Helper()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := Open(body, l)
		runtime.ReadMemStats(&after)
		require.EqualError(t, err, want, name)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(8<<20), name)
	}
	bomb := zipped(t, make([]byte, 64<<20))
	f("gzip bomb", firehose(bomb), OpenLimits{Bytes: 1 << 20}, "body refused: too_large")
	f("bomb in a bomb", firehose(zipped(t, firehose(bomb))), OpenLimits{Bytes: 1 << 20}, "body refused: too_large")
	f("many small ones", firehose(zipped(t, make([]byte, 400<<10)), zipped(t, make([]byte, 400<<10)), zipped(t, make([]byte, 400<<10))),
		OpenLimits{Bytes: 1 << 20}, "body refused: too_large")
	f("base64 alone", firehose(bytes.Repeat([]byte("a"), 1<<20)), OpenLimits{Bytes: 1 << 19}, "body refused: too_large")
	f("records over all contents", firehose([]byte("a\nb"), []byte("c\nd")), OpenLimits{Records: 3},
		"body refused: too_many_records, limit 3")
	f("messages", cloudwatch("a", "b", "c", "d"), OpenLimits{Records: 3}, "body refused: too_many_records, limit 3")
	f("a list", []byte(`{"Records":[{},{},{},{}]}`), OpenLimits{Records: 3}, "body refused: too_many_records, limit 3")
}

// TestDeliveryIsStable: what Firehose sends again has the ids it had, though the attempt has another time.
func TestDeliveryIsStable(t *testing.T) {
	first, err := Open(firehose([]byte("a"), cloudwatch("b", "c")), OpenLimits{})
	require.NoError(t, err)
	again, err := Open(bytes.Replace(firehose([]byte("a"), cloudwatch("b", "c")), []byte("1795442400000"), []byte("1795442499999"), 1), OpenLimits{})
	require.NoError(t, err)
	require.Equal(t, first, again)
	require.Equal(t, "ed4acda5-034f-9f42-bba1-f29aea6d7d8f", first.DeliveryID)
	var ids []string
	for _, r := range first.Records {
		ids = append(ids, r.Carried.ID)
	}
	require.Equal(t, []string{"ed4acda5-034f-9f42-bba1-f29aea6d7d8f/0", "0", "1"}, ids, "a message's own id is the better one")
	require.True(t, first.Records[0].Carried.Time.IsZero())
}

// FuzzOpen: no body makes Open panic, give more than its limits, or write to what it reads.
func FuzzOpen(f *testing.F) {
	seedBodies(f, func(b []byte) { f.Add(b) })
	f.Add(firehose([]byte("a\nb"), zipped(f, cloudwatch("c", "d")), []byte("\x1f\x8b\x08")))
	f.Add([]byte(`{"Records":[{"a":1},{"b":`))
	f.Add([]byte(`{"requestId":"","records":[{"data":"=="},{"data":1},7]}`))
	f.Add([]byte(`{"messageType":"DATA_MESSAGE","logEvents":[1,{"message":2},{"id":3,"timestamp":"x","message":"y"}]}`))
	limits := OpenLimits{Records: 100, Bytes: 1 << 16}
	f.Fuzz(func(t *testing.T, body []byte) {
		sent := bytes.Clone(body)
		bundle, err := Open(body, limits)
		require.Equal(t, sent, body)
		if err != nil {
			var refused *SplitError
			require.ErrorAs(t, err, &refused)
			require.Contains(t, Reasons(), refused.Reason)
			return
		}
		require.LessOrEqual(t, len(bundle.Records), limits.Records)
		total := 0
		for _, r := range bundle.Records {
			require.True(t, r.Reject == "" || len(r.Raw) == 0)
			total += len(r.Raw)
		}
		require.LessOrEqual(t, total, len(body)+limits.Bytes)
	})
}
