//go:build scenario

package scenarios

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"strings"
	"time"
)

// hostileEnvelopes hide too much inside what a cloud's delivery service puts around records.
func hostileEnvelopes(canary string) []hostile {
	tooLarge, tooMany := []string{requests, "code", "413"}, []string{limitHits, "limit", "max_records"}
	deep := func(name string, wrap func([]byte) []byte, levels int) hostile {
		return hostile{name: name, path: "/ingest", status: 200, counter: []string{rejected}, body: func() []byte {
			body := kongRecord("/v1/deep", canary, 1)
			for range levels {
				body = wrap(body)
			}
			return body
		}}
	}
	bombIn := func(name string, wrap func([]byte) []byte) hostile {
		return hostile{name: name, path: "/ingest", status: 413, counter: tooLarge, body: func() []byte { return wrap(gzipBomb(gib, 'x')) }}
	}
	zipped := func(h hostile) hostile {
		plain := h.body
		h.name += ", in gzip"
		h.headers = []string{"Content-Encoding", "gzip"}
		h.body = func() []byte { return zip(plain()) }
		return h
	}
	return []hostile{
		bombIn("Firehose: a gzip bomb in its base64", firehoseOf),
		zipped(bombIn("Firehose: a gzip bomb in its base64", firehoseOf)),
		bombIn("Pub/Sub: a gzip bomb in its base64", pubsubOf),
		zipped(bombIn("Pub/Sub: a gzip bomb in its base64", pubsubOf)),
		bombIn("Firehose: a gzip bomb of a CloudWatch message", func([]byte) []byte {
			return firehoseOf(zip(cloudwatchOf(1, strings.Repeat("x", 100*mib))))
		}),
		{name: "Firehose: a thousand small bombs", path: "/ingest", status: 413, counter: tooLarge, body: func() []byte {
			bomb := base64.StdEncoding.EncodeToString(gzipBomb(mib, 'x'))
			return fmt.Appendf(nil, `{"requestId":"bombs","timestamp":1,"records":[%s]}`, strings.TrimSuffix(strings.Repeat(`{"data":"`+bomb+`"},`, 1000), ","))
		}},
		{name: "CloudWatch: 90,000 messages in one gzip", path: "/ingest", status: 413, counter: tooMany, body: func() []byte {
			return firehoseOf(zip(cloudwatchOf(90_000, "x")))
		}},
		{name: "Firehose: 90,000 empty records", path: "/ingest", status: 413, counter: tooMany, body: func() []byte {
			return fmt.Appendf(nil, `{"requestId":"many","timestamp":1,"records":[%s]}`, strings.TrimSuffix(strings.Repeat(`{"data":""},`, 90_000), ","))
		}},
		deep("Firehose in Firehose, 10 deep", firehoseOf, 10),
		deep("Pub/Sub in Pub/Sub, 10 deep", pubsubOf, 10),
		deep("Firehose in gzip in Firehose, 50 deep", func(b []byte) []byte { return firehoseOf(zip(b)) }, 50),
		deep("CloudWatch in Firehose in Pub/Sub, 10 deep", func(b []byte) []byte {
			return pubsubOf(zip(firehoseOf(zip(cloudwatchOf(1, string(b))))))
		}, 3),
		{name: "Firehose: base64 that is none, beside a good record", path: "/ingest", status: 200, says: `"accepted":1`, counter: []string{rejected}, found: 1,
			body: func() []byte {
				good := base64.StdEncoding.EncodeToString(kongRecord("/v1/beside", canary, time.Now().UnixNano()))
				return fmt.Appendf(nil, `{"requestId":"mixed-%d","timestamp":1,"records":[{"data":"%%%%%%"},{"data":5},{"nothing":1},{"data":%q},{"data":"H4sI"}]}`, time.Now().UnixNano(), good)
			}},
		{name: "Firehose: the token as its request id, in body and header", path: "/ingest", status: 200, says: `"requestId":""`, found: 1,
			headers: []string{"X-Amz-Firehose-Request-Id", canary}, body: func() []byte {
				return bytes.Replace(firehoseOf(kongRecord("/v1/id", canary, time.Now().UnixNano())), []byte("bomb-id"), []byte(canary), 1)
			}},
	}
}

func zip(b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = w.Write(b) // a bytes.Buffer does not fail
	_ = w.Close()
	return out.Bytes()
}

func firehoseOf(data []byte) []byte {
	return fmt.Appendf(nil, `{"requestId":"bomb-id","timestamp":1795442400000,"records":[{"data":%q}]}`, base64.StdEncoding.EncodeToString(data))
}

func pubsubOf(data []byte) []byte {
	return fmt.Appendf(nil, `{"message":{"data":%q,"messageId":"1","publishTime":"2026-11-23T10:00:00Z"},"subscription":"projects/p/subscriptions/s"}`, base64.StdEncoding.EncodeToString(data))
}

// cloudwatchOf is a subscription's message of n equal events.
func cloudwatchOf(n int, message string) []byte {
	event := fmt.Sprintf(`{"id":"1","timestamp":1795442400000,"message":%q}`, message)
	return fmt.Appendf(nil, `{"messageType":"DATA_MESSAGE","owner":"1","logGroup":"g","logStream":"s","subscriptionFilters":["f"],"logEvents":[%s]}`,
		strings.TrimSuffix(strings.Repeat(event+",", n), ","))
}
