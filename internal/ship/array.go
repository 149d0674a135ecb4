package ship

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// beginsArray reports whether the input is a JSON array of objects. A line of text may begin with a bracket too.
func beginsArray(br *bufio.Reader) bool {
	const enough = 512 // blanks that a printer may put first
	head, _ := br.Peek(enough)
	rest, ok := bytes.CutPrefix(bytes.TrimLeft(head, " \t\r\n"), []byte("["))
	rest = bytes.TrimLeft(rest, " \t\r\n")
	return ok && len(rest) > 0 && (rest[0] == '{' || rest[0] == ']')
}

// elements adds each element of the arrays that br holds as a line of its own. A broken element ends it, with the
// place: unlike a broken line it does not tell where the next one begins.
func (c *cutter) elements(br *bufio.Reader) error {
	in := &bounded{r: br}
	dec := json.NewDecoder(in)
	in.taken = dec.InputOffset
	for {
		err := c.array(dec)
		switch {
		case err == nil:
		case errors.Is(err, io.EOF), errors.Is(err, errStopped), errors.Is(err, errRecord):
			return err
		default:
			return fmt.Errorf("the array cannot be read beyond byte %d: %w", dec.InputOffset(), plainly(err))
		}
	}
}

// array adds the elements of one array; io.EOF says that there is none.
func (c *cutter) array(dec *json.Decoder) error {
	if open, err := dec.Token(); err != nil {
		return err
	} else if open != json.Delim('[') {
		return errNotArray
	}
	for dec.More() {
		var element json.RawMessage
		if err := dec.Decode(&element); err != nil {
			return err
		}
		if err := c.element(element); err != nil {
			return err
		}
	}
	_, err := dec.Token()
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (c *cutter) element(text json.RawMessage) error {
	var line bytes.Buffer
	if err := json.Compact(&line, text); err != nil {
		return err
	}
	line.WriteByte('\n')
	if !c.add(line.Bytes(), true) {
		return errStopped
	}
	return nil
}

var (
	errSyntax   = errors.New("not JSON")
	errNotArray = errors.New("what follows an array must be another")
)

// plainly keeps the text of the record, which holds credentials, out of an error.
func plainly(err error) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return errSyntax
	}
	return err
}

// bounded ends a read that runs on for too long without a whole element.
type bounded struct {
	r     io.Reader
	read  int64
	taken func() int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.read-b.taken() > maxRecord {
		return 0, errRecord
	}
	n, err := b.r.Read(p[:min(len(p), 64<<10)]) // a larger read would go past the bound before it is looked at
	b.read += int64(n)
	return n, err
}
