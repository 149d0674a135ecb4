package apilogreceiver

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"go.opentelemetry.io/collector/config/confighttp"
)

// Content encodings that are read.
const (
	encodingNone = ""
	encodingGzip = "gzip"
	encodingZstd = "zstd"
)

const (
	// zstdWindow is what RFC 9659 lets a zstd content encoding ask for.
	zstdWindow = 8 << 20

	// zstdBlock is the most that one block decodes to, and zstdBlockCost the least one costs: three bytes of header
	// and one of content. A frame that claims more than its bytes can hold is a lie told for memory.
	zstdBlock     = 128 << 10
	zstdBlockCost = 4

	// A buffer grows from firstRead by doubling, since slow senders hold that much each before they send anything;
	// one above keepBuffer is not kept for the next body.
	firstRead  = 4 << 10
	keepBuffer = 1 << 20
)

// bodyError is a body that cannot be read: the answer it gets, and the limit it hit if that was the cause.
type bodyError struct {
	code   int
	reason string
	limit  string
}

func (e *bodyError) Error() string { return e.reason }

var (
	errTooLarge    = &bodyError{http.StatusRequestEntityTooLarge, "body_too_large", limitBody}
	errWindow      = &bodyError{http.StatusRequestEntityTooLarge, "zstd_window_too_large", limitWindow}
	errInflight    = &bodyError{http.StatusTooManyRequests, "too_many_bytes_in_flight", limitInflight}
	errEncoding    = &bodyError{http.StatusUnsupportedMediaType, "content_encoding_must_be_gzip_or_zstd_or_none", ""}
	errMessagePack = &bodyError{http.StatusUnsupportedMediaType, "messagepack_is_not_read_send_json", ""}
	errCorrupt     = &bodyError{http.StatusBadRequest, "body_does_not_decode", ""}
	errRoom        = &bodyError{http.StatusTooManyRequests, "too_many_events_in_work", limitEvents}
	errSlow        = &bodyError{http.StatusRequestTimeout, "body_took_too_long", limitReadTimeout}
	errRead        = &bodyError{http.StatusBadRequest, "body_could_not_be_read", ""}
)

// buffer is memory for one body, taken from the budget as it fills and not as it is announced: a sender that
// promises twenty megabytes and sends none holds none.
type buffer struct {
	b      []byte
	held   int64
	budget *budget
}

var buffers = sync.Pool{New: func() any { return new(buffer) }}

func newBuffer(bg *budget) *buffer {
	buf := buffers.Get().(*buffer)
	buf.budget = bg
	return buf
}

func (buf *buffer) free() {
	buf.budget.give(buf.held)
	buf.held, buf.budget = 0, nil
	if cap(buf.b) > keepBuffer {
		buf.b = nil
	}
	buf.b = buf.b[:0]
	buffers.Put(buf)
}

// grow makes room for n bytes in all, keeping what is there.
func (buf *buffer) grow(n int) error {
	if int64(n) > buf.held {
		if !buf.budget.take(int64(n) - buf.held) {
			return errInflight
		}
		buf.held = int64(n)
	}
	if cap(buf.b) < n {
		b := make([]byte, len(buf.b), n)
		copy(b, buf.b)
		buf.b = b
	}
	return nil
}

// fill reads r to its end, or to one byte more than limit, which is errTooLarge.
func (buf *buffer) fill(r io.Reader, limit int) error {
	for size := firstRead; ; {
		if err := buf.grow(min(size, limit+1)); err != nil {
			return err
		}
		n, err := r.Read(buf.b[len(buf.b):min(size, limit+1)])
		buf.b = buf.b[:len(buf.b)+n]
		if len(buf.b) > limit {
			return errTooLarge
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return readError(err)
		}
		if len(buf.b) == size {
			size *= 2
		}
	}
}

func readError(err error) error {
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return errTooLarge
	case errors.Is(err, os.ErrDeadlineExceeded):
		return errSlow
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum), errors.Is(err, io.ErrUnexpectedEOF):
		return errCorrupt
	}
	return errRead
}

// bodyReader reads and decodes request bodies within a limit.
type bodyReader struct {
	limit     int
	encodings map[string]bool
	budget    *budget
}

func newBodyReader(cfg *confighttp.ServerConfig, bg *budget) *bodyReader {
	br := &bodyReader{limit: int(cfg.MaxRequestBodySize), encodings: map[string]bool{encodingNone: true}, budget: bg}
	for _, e := range cfg.CompressionAlgorithms {
		br.encodings[e] = true
	}
	return br
}

// read returns the decoded body; the caller frees it. On an error nothing is held.
func (br *bodyReader) read(r *http.Request) (*buffer, error) {
	encoding := strings.ToLower(strings.TrimSpace(strings.Join(r.Header.Values("Content-Encoding"), ",")))
	if encoding == "identity" {
		encoding = encodingNone
	}
	if !br.encodings[encoding] {
		return nil, errEncoding
	}
	buf := newBuffer(br.budget)
	err := br.decode(buf, r.Body, encoding)
	if err != nil {
		buf.free()
		return nil, err
	}
	return buf, nil
}

func (br *bodyReader) decode(buf *buffer, body io.Reader, encoding string) error {
	switch encoding {
	case encodingGzip:
		return br.gunzip(buf, body)
	case encodingZstd:
		packed := newBuffer(br.budget)
		defer packed.free()
		if err := packed.fill(body, br.limit); err != nil {
			return err
		}
		return br.unzstd(buf, packed.b)
	}
	return buf.fill(body, br.limit)
}

var gzipReaders = sync.Pool{New: func() any { return new(gzip.Reader) }}

func (br *bodyReader) gunzip(buf *buffer, body io.Reader) error {
	zr := gzipReaders.Get().(*gzip.Reader)
	defer gzipReaders.Put(zr)
	if err := zr.Reset(body); err != nil {
		if errors.Is(err, io.EOF) {
			return errCorrupt
		}
		return readError(err)
	}
	err := buf.fill(zr, br.limit)
	if errors.Is(err, errRead) {
		return errCorrupt // a flate error: the transport's own were told apart by readError
	}
	return err
}

// zstdDecoder decodes into the room it is given and not beyond: a stream decoder would allocate the window that
// the frame claims, eight megabytes for nine bytes.
var zstdDecoder = sync.OnceValue(func() *zstd.Decoder {
	d, err := zstd.NewReader(nil,
		zstd.WithDecoderConcurrency(0),
		zstd.WithDecoderMaxWindow(zstdWindow),
		zstd.WithDecodeAllCapLimit(true))
	if err != nil {
		panic(err) // the options are constants
	}
	return d
})

func (br *bodyReader) unzstd(buf *buffer, packed []byte) error {
	// What the bytes can hold at most; no frame header changes it.
	most := (len(packed)/zstdBlockCost + 1) * zstdBlock
	most = min(most, br.limit+1)
	for room := min(max(firstRead, 8*len(packed)), most); ; room = min(2*room, most) {
		if err := buf.grow(room); err != nil {
			return err
		}
		out, err := zstdDecoder().DecodeAll(packed, buf.b[:0:room])
		switch {
		case err == nil && len(out) > br.limit:
			return errTooLarge
		case err == nil:
			buf.b = out
			return nil
		case errors.Is(err, zstd.ErrWindowSizeExceeded):
			return errWindow
		case !errors.Is(err, zstd.ErrDecoderSizeExceeded):
			return errCorrupt
		case room == most && most > br.limit:
			return errTooLarge
		case room == most:
			return errCorrupt
		}
	}
}

// isMessagePack recognises the body that Fluent Bit sends unless told otherwise: a MessagePack array or map. None
// of their first bytes begins JSON or a log line in UTF-8.
func isMessagePack(b []byte) bool {
	if len(b) < 2 {
		return false
	}
	switch c := b[0]; {
	case c >= 0x80 && c <= 0x9f:
		return true
	case c >= 0xdc && c <= 0xdf:
		return b[1] < 0x80 || b[1] > 0xbf // else a letter of two bytes
	}
	return false
}
