//go:build scenario

package scenarios

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

const (
	mib = 1 << 20
	gib = 1 << 30
)

// hostileEncodings attack the decoders.
func hostileEncodings(canary string) []hostile {
	tooLarge := []string{limitHits, "limit", "max_request_body_size"}
	encoded := func(name, encoding string, status int, counter []string, body func() []byte) hostile {
		return hostile{name: name, headers: []string{"Content-Encoding", encoding}, status: status, counter: counter, body: body}
	}
	unknown := func(name, encoding string) hostile {
		h := encoded(name, encoding, 415, []string{requests, "code", "415"}, func() []byte { return kongRecord("/v1/a", canary, 1) })
		h.says = `{"error":"content_encoding_must_be_gzip_or_zstd_or_none"}`
		return h
	}
	corrupt := []string{requests, "code", "400"}
	return []hostile{
		encoded("gzip: a bomb of 1 GiB of zeros", "gzip", 413, tooLarge, func() []byte { return gzipBomb(gib, 0) }),
		encoded("gzip: a bomb of 1 GiB of brackets", "gzip", 413, tooLarge, func() []byte { return gzipBomb(gib, '[') }),
		encoded("gzip: header, then noise", "gzip", 400, corrupt, func() []byte { return append(gzipBomb(1000, 'x')[:12], noise(1000)...) }),
		encoded("gzip: cut off", "gzip", 400, corrupt, func() []byte { return gzipBomb(mib, 'x')[:500] }),
		encoded("gzip: no gzip at all", "gzip", 400, corrupt, func() []byte { return kongRecord("/v1/a", canary, 1) }),
		encoded("gzip: empty", "gzip", 400, corrupt, func() []byte { return nil }),
		encoded("zstd: nine bytes that ask for 512 MiB", "zstd", 413, []string{limitHits, "limit", "zstd_window"}, func() []byte {
			return []byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x98, 0x01, 0x00, 0x00}
		}),
		encoded("zstd: a content size of 1 EiB in the header", "zstd", 400, corrupt, func() []byte {
			return append(binary.LittleEndian.AppendUint64([]byte{0x28, 0xb5, 0x2f, 0xfd, 0xc0, 0x38}, 1<<60), 1, 0, 0)
		}),
		encoded("zstd: a bomb of 1 GiB in 32 KiB", "zstd", 413, tooLarge, func() []byte { return zstdBomb(gib) }),
		encoded("zstd: frame after frame", "zstd", 413, tooLarge, func() []byte { return bytes.Repeat(zstdBomb(mib), 1024) }),
		encoded("zstd: magic, then noise", "zstd", 400, corrupt, func() []byte { return append([]byte{0x28, 0xb5, 0x2f, 0xfd}, noise(1000)...) }),
		encoded("zstd: no zstd at all", "zstd", 400, corrupt, func() []byte { return kongRecord("/v1/a", canary, 1) }),
		unknown("deflate is not read", "deflate"),
		unknown("brotli is not read", "br"),
		unknown("an unknown encoding is not echoed", canary),
		unknown("a list of encodings is not read", "gzip, gzip"),
		unknown("an encoding of 8 KiB", strings.Repeat(canary, 200)),
	}
}

// gzipBomb is n equal bytes as members of a gzip file, one after the other.
func gzipBomb(n int, of byte) []byte {
	part := min(n, 64*mib)
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(bytes.Repeat([]byte{of}, part)) // a bytes.Buffer does not fail
	_ = w.Close()
	return bytes.Repeat(b.Bytes(), n/part)
}

// zstdBomb is a frame of n zeros with a window of 128 KiB: each block of four bytes decodes to as much (RFC 8878).
func zstdBomb(n int) []byte {
	const block, rle = 128 << 10, 1
	frame := []byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38}
	for left := n / block; left > 0; left-- {
		header := uint32(block<<3 | rle<<1)
		if left == 1 {
			header |= 1 // the last
		}
		frame = append(frame, byte(header), byte(header>>8), byte(header>>16), 0)
	}
	return frame
}

// noise is bytes without an order, the same in every run.
func noise(n int) []byte {
	out := make([]byte, n)
	x := uint32(2463534242)
	for i := range out {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		out[i] = byte(x)
	}
	return out
}

// hostileSizes are too much of something.
func hostileSizes(canary string) []hostile {
	good := func() []byte { return append(kongRecord("/v1/good", canary, time.Now().UnixNano()), '\n') }
	beside := func(name, reason string, bad func() []byte) hostile {
		return hostile{name: name, status: 200, says: `"reason":"` + reason + `"`, counter: []string{rejected, "reason", reason}, found: 1,
			body: func() []byte { return append(append(good(), bad()...), '\n') }}
	}
	return []hostile{
		{name: "a body over the limit", status: 413, counter: []string{limitHits, "limit", "max_request_body_size"}, body: func() []byte { return bytes.Repeat([]byte(" "), 25*mib) }},
		{name: "a million empty objects", status: 413, counter: []string{limitHits, "limit", "max_records"}, body: func() []byte { return bytes.Repeat([]byte("{}\n"), 1_000_000) }},
		{name: "a million lines of one letter", path: "/ingest/nginx", status: 413, counter: []string{limitHits, "limit", "max_records"}, body: func() []byte { return bytes.Repeat([]byte("x\n"), 1_000_000) }},
		{name: "an array of a million empty objects", status: 413, counter: []string{limitHits, "limit", "max_records"}, body: func() []byte { return []byte("[" + strings.Repeat("{},", 999_999) + "{}]") }},
		{name: "twenty MiB of opening brackets", status: 200, counter: []string{rejected}, body: func() []byte { return bytes.Repeat([]byte("["), 19*mib) }},
		{name: "twenty MiB of opening braces", status: 200, counter: []string{rejected}, body: func() []byte { return bytes.Repeat([]byte("{"), 19*mib) }},
		{name: "twenty MiB of open objects", status: 200, counter: []string{rejected}, body: func() []byte { return bytes.Repeat([]byte(`{"a":`), 19*mib/5) }},
		{name: "twenty MiB of quotes", status: 200, counter: []string{rejected}, body: func() []byte { return bytes.Repeat([]byte(`"`), 19*mib) }},
		beside("an object 100,000 levels deep", "too_deep", func() []byte {
			return []byte(strings.Repeat(`{"a":`, 100_000) + "1" + strings.Repeat("}", 100_000))
		}),
		beside("an array 100,000 levels deep in a member", "too_deep", func() []byte {
			return []byte(`{"request":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + "}")
		}),
		beside("an object of 70,000 members", "too_many_fields", func() []byte { return []byte("{" + members(70_000, "") + "}") }),
		beside("a field of one MiB", "too_large", func() []byte {
			return []byte(`{"request":{"method":"GET","uri":"/` + strings.Repeat("a", mib) + `"}}`)
		}),
		{name: "a path of 300 KiB", status: 200, says: `"accepted":1`, found: 1, body: func() []byte {
			return kongRecord("/v1/"+strings.Repeat("long/", 60<<10), canary, time.Now().UnixNano())
		}},
		{name: "60,000 headers in one record", status: 200, says: `"accepted":1`, found: 1, body: func() []byte { return manyHeaders(canary, 60_000) }},
		{name: "200 records of 1,000 headers", status: 200, says: `"accepted":200`, body: func() []byte {
			return bytes.Repeat(append(manyHeaders(canary, 1000), '\n'), 200)
		}},
	}
}

func members(n int, value string) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `"m%d":%q`, i, value)
	}
	return b.String()
}

func manyHeaders(canary string, n int) []byte {
	return fmt.Appendf(nil, `{"request":{"id":"many-%d","method":"GET","uri":"/v1/many","headers":{"x-api-key":%q,%s}},"response":{"status":200},"client_ip":"192.0.2.1","started_at":%d}`,
		n, canary, members(n, "v"), time.Now().UnixMilli())
}

// hostileRecords are well-formed and mean harm to whoever reads them.
func hostileRecords(canary string) []hostile {
	record := func(name, uri, headers, rest string) hostile {
		return hostile{name: name, status: 200, says: `"accepted":1`, found: 1, body: func() []byte {
			return fmt.Appendf(nil, `{"request":{"id":%q,"method":"GET","uri":%s,"headers":{"x-api-key":%q%s}},"response":{"status":200},"client_ip":"192.0.2.1","started_at":%d%s}`,
				name, uri, canary, headers, time.Now().UnixMilli(), rest)
		}}
	}
	return []hostile{
		record("NUL bytes, escaped and raw", `"/v1/a\u0000b"`, `,"x-nul":"a`+"\x00"+`b\u0000c"`, ""),
		record("invalid UTF-8", "\"/v1/\xff\xfe\xc0\xaf\"", ",\"x-\xff\":\"\xed\xa0\x80\xf5\"", ""),
		record("half a surrogate pair", `"/v1/\ud800x"`, `,"x-half":"\udfff"`, ""),
		record("bidirectional controls and terminal escapes", `"/v1/`+"\u202e\u2066\u061c"+`"`, `,"user-agent":"\u001b]0;owned\u0007\u001b[2J\u009b31m\u202e"`, ""),
		record("numbers beyond every type", `"/v1/n"`, "", `,"latencies":{"request":1e999,"proxy":-1e999,"kong":9999999999999999999999999},"tries":[{"port":-0.0}]`),
		record("numbers in the place of everything", `"/v1/n2"`, `,"a":1e999,"b":[1,2],"c":{"d":null}`, `,"service":1e999,"route":[[]],"consumer":-1`),
		record("the same key many times", `"/v1/dup"`, strings.Repeat(`,"x-api-key":"dummy-other-value-1","authorization":"Bearer dummy-other-value-2"`, 500), `,"response":{"status":403},"client_ip":"203.0.113.9"`),
		record("the token in every JSON key", `"/v1/keys"`, `,"`+canary+`":"v"`, `,"`+canary+`":{"`+canary+`":[{"`+canary+`":"`+canary+`"}]}`),
		record("the token as JSON in JSON in JSON", `"/v1/nested"`, `,"x-debug":`+nested(canary, 8), ""),
		record("the token behind every name", `"/v1/names?`+strings.Repeat("token="+canary+"&", 200)+`"`, "", ""),
		record("a formula for a spreadsheet", `"/v1/=cmd|' /C calc'!A0"`, `,"user-agent":"=HYPERLINK(\"https://evil.example\")"`, ""),
	}
}

// nested is the token as a JSON text of a JSON text and so on: each level escapes the quotes of the one below.
func nested(canary string, levels int) string {
	text := `{"password":"` + canary + `"}`
	for range levels {
		b, err := json.Marshal(text)
		if err != nil {
			panic(err) // a string always marshals
		}
		text = string(b)
	}
	return text
}
