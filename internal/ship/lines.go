package ship

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"iter"
)

// Bounds of one body. The cut depends on the content alone, so that sending a file again repeats its bodies.
const (
	maxBody    = 1 << 20  // bytes; a record longer than this is a body of its own
	maxRecords = 2000     // lines
	maxRecord  = 16 << 20 // bytes; no gateway writes such a record, so this is not a log
)

var errRecord = fmt.Errorf("a record is longer than %d bytes: not an access log", maxRecord)

// Bodies cuts r into bodies of whole records. Gzip is recognised by its content. Lines stay as they are, and so do
// objects one after the other, pretty-printed or not; the elements of an array become a line each.
func Bodies(r io.Reader) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		c := cutter{yield: yield}
		br, err := plain(r)
		switch {
		case err != nil:
		case beginsArray(br):
			err = c.elements(br)
		default:
			err = c.records(br)
		}
		if errors.Is(err, errStopped) || !c.flush() {
			return
		}
		if !errors.Is(err, io.EOF) {
			yield(nil, err)
		}
	}
}

// plain reads through gzip where the content says so.
func plain(r io.Reader) (*bufio.Reader, error) {
	br := bufio.NewReaderSize(r, 64<<10)
	if head, _ := br.Peek(2); len(head) < 2 || head[0] != 0x1f || head[1] != 0x8b {
		return br, nil
	}
	zr, err := gzip.NewReader(br)
	if err != nil {
		return nil, err
	}
	return bufio.NewReaderSize(zr, 64<<10), nil
}

// errStopped says that the caller wants no more.
var errStopped = errors.New("stopped")

// cutter collects records into bodies.
type cutter struct {
	yield func([]byte, error) bool
	body  []byte
	lines int
}

// records adds lines up to the end. In a file of objects only a line that begins with a brace begins a record, for an
// object may be printed over many lines; in any other file every line does.
func (c *cutter) records(br *bufio.Reader) error {
	head, _ := br.Peek(1)
	objects := bytes.Equal(head, []byte("{"))
	for {
		line, err := readLine(br)
		begins := !objects || bytes.HasPrefix(line, []byte("{")) || len(c.body)+len(line) > maxRecord
		if !c.add(line, begins) {
			return errStopped
		}
		if err != nil {
			return err
		}
	}
}

// readLine returns a line with its end, and what there is of one along with the error that ends it.
func readLine(br *bufio.Reader) (line []byte, err error) {
	for {
		part, err := br.ReadSlice('\n')
		line = append(line, part...)
		if len(line) > maxRecord {
			return nil, errRecord
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, err
		}
	}
}

// add appends a line to the body, or begins the next one with it where that is allowed and due. It reports whether
// more is wanted.
func (c *cutter) add(line []byte, begins bool) bool {
	if len(line) == 0 {
		return true
	}
	if begins && (len(c.body)+len(line) > maxBody || c.lines >= maxRecords) && !c.flush() {
		return false
	}
	c.body = append(c.body, line...)
	c.lines++
	return true
}

// flush hands the body on, if there is one; it reports whether more is wanted.
func (c *cutter) flush() bool {
	body := c.body
	c.body, c.lines = nil, 0
	return len(body) == 0 || c.yield(body, nil)
}
