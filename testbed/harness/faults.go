package harness

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"sync"
	"testing"
	"time"
)

// Fault is what a FaultProxy does to one request. Its zero value does nothing.
type Fault struct {
	Delay  time.Duration // before the request is passed on
	Status int           // answered instead of passing it on
	Body   string        // with Status
	Header http.Header   // with Status
	Cut    bool          // the connection is closed instead of passing it on
	// After passes the request on, and only then answers Status, or cuts, or falls silent: the server has done what the
	// client will not hear of.
	After  bool
	Silent bool // no answer until the client gives up
	Stop   int  // the answer's body ends, its connection cut, after so many bytes; 0 for never
}

// SlowDown is how S3 asks for fewer requests.
func SlowDown() Fault {
	return S3Error(http.StatusServiceUnavailable, "SlowDown")
}

// S3Error is an answer of S3 with a code.
func S3Error(status int, code string) Fault {
	return Fault{Status: status, Header: http.Header{"Content-Type": {"application/xml"}},
		Body: "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>" + code + "</Code><Message>planted</Message></Error>"}
}

// FaultProxy stands before a server of HTTP and does to requests what a network and a tired server do. It passes on the
// Host that the client sent, so that signatures still hold.
type FaultProxy struct {
	// Address is host:port.
	Address string

	t        testing.TB
	target   *url.URL
	mu       sync.Mutex
	choose   func(*http.Request) *Fault
	requests []string
}

// Faults starts a proxy before the server at address.
func Faults(t testing.TB, address string) *FaultProxy {
	t.Helper()
	p := &FaultProxy{t: t, target: &url.URL{Scheme: "http", Host: address}}
	s := httptest.NewServer(p)
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	p.Address = s.Listener.Addr().String()
	return p
}

// URL returns http://address and path.
func (p *FaultProxy) URL(path string) string { return "http://" + p.Address + path }

// Each asks choose about every request from now on; nil for no fault. choose is called by one goroutine at a time.
func (p *FaultProxy) Each(choose func(*http.Request) *Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.choose, p.requests = choose, nil
}

// Next plans the faults of the next requests with a method, one each, and forgets what was planned before.
func (p *FaultProxy) Next(method string, faults ...Fault) {
	p.Each(func(r *http.Request) *Fault {
		if r.Method != method || len(faults) == 0 {
			return nil
		}
		f := faults[0]
		faults = faults[1:]
		return &f
	})
}

// Requests returns method and path of each request since the last Each or Next.
func (p *FaultProxy) Requests() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.requests...)
}

func (p *FaultProxy) fault(r *http.Request) Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests = append(p.requests, r.Method+" "+r.URL.Path)
	if p.choose != nil {
		if f := p.choose(r); f != nil {
			return *f
		}
	}
	return Fault{}
}

func (p *FaultProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f := p.fault(r)
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if f.Delay > 0 {
		select {
		case <-time.After(f.Delay):
		case <-r.Context().Done():
			panic(http.ErrAbortHandler)
		}
	}
	if f.After || (!f.Cut && !f.Silent && f.Status == 0) {
		resp, err := p.pass(r, body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		defer resp.Body.Close()
		if !f.After {
			answer(w, resp, f.Stop)
			return
		}
		_, _ = io.Copy(io.Discard, resp.Body)
	}
	switch {
	case f.Silent:
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	case f.Cut:
		panic(http.ErrAbortHandler)
	}
	for k, v := range f.Header {
		w.Header()[k] = v
	}
	w.WriteHeader(f.Status)
	_, _ = io.WriteString(w, f.Body)
}

// pass sends the request on. It ends with the server's answer, not with the client's patience: what a server has begun
// it finishes.
func (p *FaultProxy) pass(r *http.Request, body []byte) (*http.Response, error) {
	u := *r.URL
	u.Scheme, u.Host = p.target.Scheme, p.target.Host
	out, err := http.NewRequestWithContext(context.WithoutCancel(r.Context()), r.Method, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	out.URL.RawPath, out.URL.RawQuery = r.URL.RawPath, r.URL.RawQuery
	out.Header, out.Host, out.ContentLength = r.Header.Clone(), r.Host, int64(len(body))
	return passing.RoundTrip(out)
}

// passing keeps no connection, so that a server that was killed and started again is reached again.
var passing = &http.Transport{DisableKeepAlives: true, DisableCompression: true}

// answer copies the server's answer, all of it or up to stop bytes.
func answer(w http.ResponseWriter, resp *http.Response, stop int) {
	for k, v := range resp.Header {
		w.Header()[k] = v
	}
	if resp.ContentLength >= 0 {
		w.Header().Set("Content-Length", strconv.FormatInt(resp.ContentLength, 10))
	}
	w.WriteHeader(resp.StatusCode)
	if stop == 0 {
		_, _ = io.Copy(w, resp.Body)
		return
	}
	_, _ = io.CopyN(w, resp.Body, int64(stop))
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}
