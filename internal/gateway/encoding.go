package gateway

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// What carriers put their records in: base64, and gzip within it. Both are undone against the one allowance of the
// body, and what a stream claims of its own size is never asked.

// unbase64 decodes a carrier's base64, of either alphabet, padded or not. False means that it does not decode, or
// that the allowance is spent; the latter stands in o.failed.
func (o *opener) unbase64(s string) ([]byte, bool) {
	s = strings.TrimRight(strings.TrimSpace(s), "=")
	e := base64.RawStdEncoding
	if strings.ContainsAny(s, "-_") {
		e = base64.RawURLEncoding
	}
	if !o.take(e.DecodedLen(len(s))) {
		return nil, false
	}
	b, err := e.DecodeString(s)
	return b, err == nil
}

func isGzip(b []byte) bool { return len(b) > 2 && b[0] == 0x1f && b[1] == 0x8b }

// unzippers are pooled: each holds a window of 32 KiB, and a body of Firehose has a stream in every record.
var unzippers = sync.Pool{New: func() any { return new(gzip.Reader) }}

// firstUnzipped is the room a stream begins with; it grows with what really comes out.
const firstUnzipped = 4 << 10

// gunzip decodes one gzip stream. False means what it means for unbase64.
func (o *opener) gunzip(b []byte) ([]byte, bool) {
	z := unzippers.Get().(*gzip.Reader)
	defer unzippers.Put(z)
	if z.Reset(bytes.NewReader(b)) != nil {
		return nil, false
	}
	out := make([]byte, 0, firstUnzipped)
	for {
		if len(out) == cap(out) {
			// One byte over the allowance is enough to see it exceeded.
			out = slices.Grow(out, max(1, min(cap(out), o.limits.Bytes-o.opened+1)))
		}
		n, err := z.Read(out[len(out):cap(out)])
		out = out[:len(out)+n]
		if !o.take(n) {
			return nil, false
		}
		switch {
		case errors.Is(err, io.EOF):
			return out, true
		case err != nil:
			return nil, false
		}
	}
}

// unpack undoes base64 and the gzip that may be within.
func (o *opener) unpack(s string) ([]byte, bool) {
	b, ok := o.unbase64(s)
	if ok && isGzip(b) {
		return o.gunzip(b)
	}
	return b, ok
}
