package jwks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"time"
)

// source is where a key set comes from, and how often to look there.
type source interface {
	read(ctx context.Context) ([]byte, error)
	// pause is the time to the next read after so many failures in a row.
	pause(failures int) time.Duration
}

// fileInterval is that of the key ring's file: comparing content cannot miss what comparing times on a coarse clock can.
const fileInterval = 4 * time.Second

type fileSource struct{ path string }

func (f fileSource) read(context.Context) ([]byte, error) {
	file, err := os.Open(f.path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return readBounded(file)
}

func (fileSource) pause(int) time.Duration { return fileInterval }

const (
	// fetchTimeout bounds one request, its body included.
	fetchTimeout = 10 * time.Second
	// firstRetry is how soon to ask again after a failure; each further one doubles it.
	firstRetry = 10 * time.Second
	// longestRetry bounds how long a set stays behind an issuer that is up again.
	longestRetry = 5 * time.Minute
	// jitter spreads the requests of many collectors that were started together: ± 10 %.
	jitter = 0.1
)

type urlSource struct {
	url      string
	client   *http.Client
	interval time.Duration
}

func newURLSource(i Issuer) (*urlSource, error) {
	u, err := url.Parse(i.URL)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return nil, fmt.Errorf("issuer %q: address must be an http or https URL", i.Name)
	}
	client := http.Client{}
	if i.Client != nil {
		client = *i.Client
	}
	client.CheckRedirect = stayThere
	s := &urlSource{url: i.URL, client: &client, interval: i.Interval}
	if s.interval == 0 {
		s.interval = DefaultInterval
	}
	return s, nil
}

var errRedirect = errors.New("refused a redirect to another scheme or host")

func stayThere(req *http.Request, via []*http.Request) error {
	if first := via[0].URL; req.URL.Scheme != first.Scheme || req.URL.Host != first.Host {
		return errRedirect
	}
	if len(via) >= 5 {
		return errors.New("stopped after 5 redirects")
	}
	return nil
}

func (s *urlSource) read(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		return nil, bare(err)
	}
	req.Close = true // the next request is an hour away
	req.Header.Set("Accept", "application/jwk-set+json, application/json")
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("get from %s: %w", req.URL.Host, bare(err))
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("get from %s: status must be 200, found %d", req.URL.Host, resp.StatusCode)
	}
	data, err := readBounded(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("get from %s: %w", req.URL.Host, err)
	}
	return data, nil
}

// bare takes the address off an error: its query may carry a key.
func bare(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

func (s *urlSource) pause(failures int) time.Duration {
	d := s.interval
	if failures > 0 {
		d = min(firstRetry<<min(failures-1, 10), longestRetry, d)
	}
	return time.Duration(float64(d) * (1 - jitter + 2*jitter*rand.Float64()))
}

func readBounded(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxSetBytes+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxSetBytes {
		return nil, fmt.Errorf("key set must have at most %d bytes", maxSetBytes)
	}
	return data, nil
}
