package bucket

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"
)

// maxSilence is how long a store may take to begin an answer: longer than any healthy one needs, shorter than a request
// with a large body may last.
const maxSilence = 30 * time.Second

// maxIdle connections stay open for the parallel reads of one search, which come in bursts of up to 256: most of a burst
// finds one open, and what lies idle between searches is gone within a minute.
const maxIdle = 128

func newTransport(c S3Config) (*http.Transport, error) {
	t := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		MaxIdleConns:          maxIdle,
		MaxIdleConnsPerHost:   maxIdle,
		IdleConnTimeout:       time.Minute,
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: min(maxSilence, c.Timeout),
		DisableCompression:    true, // an object is what was put, whatever its headers say
		TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12},
	}
	if c.CAFile == "" {
		return t, nil
	}
	pem, err := os.ReadFile(c.CAFile)
	if err != nil {
		return nil, fmt.Errorf("`ca_file`: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("`ca_file` %q holds no certificate in PEM", c.CAFile)
	}
	t.TLSClientConfig.RootCAs = pool
	return t, nil
}
