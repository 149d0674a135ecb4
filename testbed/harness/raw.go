package harness

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"syscall"
	"testing"
	"time"
)

// Answer is what a server said on a raw connection.
type Answer struct {
	Status int // 0 where it closed the connection without an answer
	Header http.Header
	Body   string
}

// Raw opens a connection, lets write say what no HTTP client would, and returns the answer. A server that closes the
// connection while write still writes is no error: it may have heard enough.
func Raw(t testing.TB, address string, within time.Duration, write func(io.Writer) error) Answer {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(within)); err != nil {
		t.Fatal(err)
	}
	written := make(chan error, 1)
	go func() { written <- write(conn) }()
	answer, err := ReadAnswer(conn)
	if err != nil {
		t.Fatalf("no answer on the raw connection: %v", err)
	}
	conn.Close() // ends a writer that would go on for ever
	if err := <-written; err != nil && !Hangup(err) {
		t.Fatal(err)
	}
	return answer
}

// ReadAnswer reads one HTTP answer; the connection's end instead of it is the zero Answer.
func ReadAnswer(conn net.Conn) (Answer, error) {
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		if Hangup(err) {
			return Answer{}, nil
		}
		return Answer{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if Hangup(err) {
		err = nil
	}
	return Answer{resp.StatusCode, resp.Header, string(body)}, err
}

// Hangup reports whether err is the other side closing the connection, in order or not.
func Hangup(err error) bool {
	for _, e := range []error{io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
