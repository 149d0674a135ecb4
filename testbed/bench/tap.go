package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension/extensionmiddleware"
)

// tap is a middleware of the receiver's HTTP server that gives out what lies below the HTTP: the receiver's own
// handler. Through it a body goes in and events come out without a client and a socket on the same core.
type tap struct {
	component.StartFunc
	component.ShutdownFunc
	handler http.Handler
	request *http.Request // one that came through the server: its context says which source it is of
}

var tapID = component.MustNewID("tap")

func (t *tap) GetHTTPHandler(context.Context) (extensionmiddleware.WrapHTTPHandlerFunc, error) {
	return func(_ context.Context, next http.Handler) (http.Handler, error) {
		t.handler = next
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			t.request = r
			next.ServeHTTP(w, r)
		}), nil
	}, nil
}

// tapHost is a host with the tap as its only extension.
type tapHost struct {
	component.Host
	tap *tap
}

func newTapHost(t *tap) tapHost { return tapHost{componenttest.NewNopHost(), t} }

func (h tapHost) GetExtensions() map[component.ID]component.Component {
	return map[component.ID]component.Component{tapID: h.tap}
}

// poster returns a function that hands a body to the handler as the tapped request did; it holds what it needs, so
// that hardly anything but the receiver's own work is measured.
func (t *tap) poster() (func(body []byte) error, error) {
	if t.handler == nil || t.request == nil {
		return nil, errors.New("no request has come through the server yet")
	}
	r := t.request.WithContext(context.WithoutCancel(t.request.Context()))
	w := &answer{header: http.Header{}}
	var reader bytes.Reader
	r.Body = io.NopCloser(&reader)
	return func(body []byte) error {
		reader.Reset(body)
		r.ContentLength = int64(len(body))
		w.reset()
		t.handler.ServeHTTP(w, r)
		if w.code != http.StatusOK || !bytes.Contains(w.body, []byte(`"rejected":0,`)) {
			return fmt.Errorf("the receiver answered %d %.200s", w.code, w.body)
		}
		return nil
	}, nil
}

// answer keeps what a handler says.
type answer struct {
	header http.Header
	code   int
	body   []byte
}

func (a *answer) reset() {
	clear(a.header)
	a.code, a.body = http.StatusOK, a.body[:0]
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(code int) { a.code = code }

func (a *answer) Write(p []byte) (int, error) {
	a.body = append(a.body, p...)
	return len(p), nil
}
